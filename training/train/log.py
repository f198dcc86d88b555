"""The log of a run."""

import time
from pathlib import Path

import click


class RunLog:
    """Call it with a line: shown on stderr with the time, and kept."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __call__(self, line: str) -> None:
        self._lines.append(f"{time.strftime('%H:%M:%S')} {line}")
        click.echo(self._lines[-1], err=True)

    def write(self, folder: Path) -> None:
        """``folder/log.txt``."""
        (folder / "log.txt").write_text("\n".join(self._lines) + "\n")
