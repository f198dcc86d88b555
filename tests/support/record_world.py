"""What stands in for a user of ``kws-edge record``: sounds, hands, and a look at the files."""

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from conftest import noise
from virtual_microphone import VirtualMicrophone

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.model.file import demo_recording
from kws_edge.types import FloatArray

RATE = 16000
COMMAND = [sys.executable, "-m", "kws_edge", "record"]
NAME = re.compile(r"ann-\d{8}T\d{6}Z-(\d+)\.wav")


class Sounds:
    """Files to play: the "yes" of the demo at several levels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        demo = read_audio(demo_recording(), RATE)
        self._word = demo[round(5.3 * RATE) : round(6.1 * RATE)]

    @property
    def word(self) -> Path:
        return self._write("word", self._word)

    @property
    def clipped(self) -> Path:
        return self._write("clipped", self._word * 10)

    @property
    def quiet(self) -> Path:
        return self._write("quiet", self._word * np.float32(0.05))

    @property
    def hiss(self) -> Path:
        return self._write("hiss", np.tile(noise(RATE) * np.float32(0.02), 6))

    def _write(self, name: str, samples: FloatArray) -> Path:
        path = self._folder / f"{name}.wav"
        write_wav(path, samples, RATE)
        return path


def sounds_in(tmp_path: Path) -> Sounds:
    """For a fixture of each file that plays them."""
    return Sounds(tmp_path)


class Unattended:
    """The command with ``--yes``; its stderr is read as it comes."""

    def __init__(self, microphone: VirtualMicrophone, output: Path, *arguments: str) -> None:
        self.microphone = microphone
        self.process = subprocess.Popen(
            [
                *COMMAND,
                "--yes",
                "--speaker",
                "ann",
                "--output",
                str(output),
                "--countdown",
                "0.5",
                *arguments,
            ],
            env=microphone.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._ended = False
        self.errors: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, text: str) -> bool:
        """Read on to a line with ``text``; False where there is none to come."""
        while not self._ended:
            line = self._lines.get(timeout=60)
            self._ended = line is None
            self.errors.append(line or "")
            if text in self.errors[-1]:
                return True
        return False

    def answer(self, *paths: Path | None, until: str | None = None) -> bool:
        """Play one sound after each "now", the last one again and again; True at a line with
        ``until``, which gets no answer.

        A take that comes too late on a busy machine is refused, and its "now" comes again.
        """
        number = 0
        while self.until(": now"):
            if until is not None and until in self.errors[-1]:
                return True
            if path := paths[min(number, len(paths) - 1)]:
                self.microphone.play(path)
            number += 1
        return False

    def end(self) -> tuple[int, list[str]]:
        """Exit code and lines on stdout."""
        assert self.process.stdout is not None
        while not self._ended:
            self.until("\n")
        lines = self.process.stdout.read().splitlines()
        return self.process.wait(timeout=60), lines

    @property
    def text(self) -> str:
        return "".join(self.errors)


def manifest(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def assert_whole(folder: Path) -> list[Path]:
    """Nothing but whole samples, each with its line; they are returned."""
    found = sorted(folder.glob("[!.]*/*"))
    assert all(NAME.fullmatch(path.name) for path in found), found
    assert all(len(read_audio(path, RATE)) == RATE for path in found)
    listed = sorted(str(entry["path"]) for entry in manifest(folder)) if found else []
    assert listed == [str(path.relative_to(folder)) for path in found]
    return found


class Terminal:
    """The command on a terminal of its own, as over SSH."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        import fcntl
        import pty
        import termios

        self._master, slave = pty.openpty()
        self._text = ""
        self._read_to = 0

        def own_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [*COMMAND, "--speaker", "ann", "--countdown", "0.5", *arguments],
            env={"TERM": "xterm", **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=own_terminal,
        )
        os.close(slave)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 4096)
            except OSError:  # the other side has gone
                return
            self._text += data.decode()

    def until(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while (at := self._text.find(text, self._read_to)) < 0:
            assert time.monotonic() < deadline, f"{text!r} is not in {self._text[self._read_to :]}"
            time.sleep(0.02)
        self._read_to = at + len(text)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    @property
    def text(self) -> str:
        return self._text
