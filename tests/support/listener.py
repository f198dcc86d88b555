"""`microphone_program.py` as a child process whose events tests can wait for."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parent / "microphone_program.py"


class Listener:
    """A context manager; ``events`` is all that the program has said so far."""

    def __init__(self, environment: Mapping[str, str], *arguments: object) -> None:
        self.events: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *map(str, arguments)],
            env={**environment, "PYTHONPATH": str(PROGRAM.parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def states(self) -> list[str]:
        return [event["state"] for event in self.events if "state" in event]

    def wait_for(self, key: str, value: object = None, after: float = 0.0) -> dict[str, Any]:
        """The first event with that key (and value) later than ``after`` (monotonic)."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for event in list(self.events):
                if key in event and event["at"] > after and value in (None, event[key]):
                    return event
            if self.process.poll() is not None and not self._thread.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"no {key}={value} in {self.events}")

    def stop(self) -> dict[str, Any]:
        """End it as a service manager would; its counters."""
        self.process.terminate()
        self._thread.join(20)
        status = self.process.wait(timeout=20)
        assert status == 0, (status, self.process.stderr and self.process.stderr.read())
        return self.events[-1]

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.events.append(json.loads(line))
