"""The recorder's output and questions, on a terminal or in a log.

On a terminal one line is rewritten with a carriage return and spaces, which any terminal and
any SSH session can do; colours come on top. Elsewhere there are plain lines only.
"""

import math
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

import click

try:
    import termios
    import tty
except ImportError:  # Windows
    KEYS_CAN_BE_READ = False
else:
    KEYS_CAN_BE_READ = True

from kws_edge.audio.level import FULL_SCALE
from kws_edge.recorder.take import TakeMeasures

LOWEST_DBFS = -60.0  # left end of the meter
LOUD_DBFS = -3.0
BAR = 30
KEYS = {"\r": "keep", "\n": "keep", "r": "redo", "p": "play", "q": "quit", "\x04": "quit"}
ESCAPE_SEQUENCE = re.compile(r"\x1b(\[[^a-z~]*[a-z~]?|o?.?)")  # an arrow is no answer


class Screen:
    """Writes to ``stream``; ``terminal``: it can rewrite a line and there is someone to ask."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self.terminal = stream.isatty() and environment.get("TERM") != "dumb"
        self._colour = self.terminal and not environment.get("NO_COLOR")
        self._prompt = ""
        self._width = 0  # of the line that is being rewritten

    def line(self, text: str) -> None:
        """Write a permanent line."""
        self._rewrite("")
        self._stream.write(text + "\n")
        self._stream.flush()

    def prompt(self, text: str) -> None:
        """Set the prompt: countdown and meter follow it on the same line."""
        self._prompt = text

    def ready(self) -> None:
        """Shown while the microphone opens, which may take a second."""
        self._rewrite(f"{self._prompt}  get ready ")

    def countdown(self, seconds_left: float) -> None:
        if self.terminal:
            count = math.ceil(2 * seconds_left)  # in half seconds
            self._rewrite(f"{self._prompt}  {count} ")

    def now(self) -> None:
        if not self.terminal:
            self.line(f"{self._prompt}: now")

    def level(self, level_dbfs: float, peak: float, seconds_left: float) -> None:
        """``peak``: 0 to 1."""
        if not self.terminal:
            return
        share = 1 - max(level_dbfs, LOWEST_DBFS) / LOWEST_DBFS
        bar = "#" * min(BAR, max(0, round(BAR * share)))
        colour = "red" if peak >= FULL_SCALE else "yellow" if level_dbfs > LOUD_DBFS else "green"
        note = "CLIPPED" if peak >= FULL_SCALE else f"{max(level_dbfs, -99):4.0f} dBFS"
        text = f"  NOW  [{bar:<{BAR}}] {note}  {seconds_left:3.1f} s "
        self._rewrite(self._prompt + text, self._prompt + self._style(text, colour))

    def good(self, measures: TakeMeasures) -> None:
        self.line(f"  good: {figures(measures)}")

    def refused(self, reasons: tuple[str, ...]) -> None:
        for reason in reasons:
            self.line(self._style("  refused: ", "red") + reason)

    def ask(self, question: str, choices: tuple[str, ...], play: Callable[[], None]) -> str:
        """One of ``choices``, by key: Enter keep, r redo, q quit; p calls ``play`` and asks on.

        Enter stands for redo where there is nothing to keep. Ctrl-C raises KeyboardInterrupt.
        """
        with _single_keys() as descriptor:
            while True:
                self._show(f"  {question} ")
                answer = _read_answer(descriptor, (*choices, "play"))
                self._rewrite("")
                if answer != "play":
                    return answer
                play()

    def _show(self, text: str) -> None:
        if self.terminal:
            self._rewrite(text)
        else:
            self.line(text)

    def _style(self, text: str, colour: str) -> str:
        return click.style(text, fg=colour) if self._colour else text

    def _rewrite(self, text: str, styled: str | None = None) -> None:
        if not self.terminal or (not text and not self._width):
            return
        columns = shutil.get_terminal_size().columns - 1
        if len(text) > columns:  # a line that wraps cannot be rewritten
            text, styled = text[:columns], None
        blank = " " * max(0, self._width - len(text))
        self._stream.write(f"\r{styled or text}{blank}" + ("" if text else "\r"))
        self._stream.flush()
        self._width = len(text)


def figures(measures: TakeMeasures) -> str:
    """Level, noise and length in a few words."""
    parts = [
        f"level {measures.level_dbfs:.0f} dBFS",
        f"noise {measures.noise_dbfs:.0f} dBFS",
        f"peak {measures.peak_dbfs:.0f} dBFS",
    ]
    if measures.word:
        parts.insert(0, f"word {measures.word[1] - measures.word[0]:.2f} s")
    return ", ".join(parts)


def _read_answer(descriptor: int, choices: tuple[str, ...]) -> str:
    while True:
        typed = os.read(descriptor, 64).decode(errors="replace").lower()
        for key in ESCAPE_SEQUENCE.sub("", typed) or ("" if typed else "\x04"):
            answer = KEYS.get(key, "")
            if answer == "keep" and "keep" not in choices:
                answer = "redo"
            if answer in choices:
                return answer


@contextmanager
def _single_keys() -> Iterator[int]:
    """Stdin without waiting for Enter; what was typed before is no answer and forgotten."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSAFLUSH)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
