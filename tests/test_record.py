"""``kws-edge record`` as a user runs it: a real sound server, a real terminal."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command, noise
from virtual_microphone import VirtualMicrophone, missing_programs, virtual_microphone

from kws_edge.audio import read_audio, write_wav
from kws_edge.recorder.session import plan
from kws_edge.shipped import demo_recording
from kws_edge.tables import FloatArray
from training.dataset.index import scan

RATE = 16000
COMMAND = [sys.executable, "-m", "kws_edge", "record"]
NAME = re.compile(r"ann-\d{8}T\d{6}Z-(\d+)\.wav")


microphone = pytest.fixture(scope="module")(virtual_microphone)


@pytest.fixture
def sounds(tmp_path: Path) -> "Sounds":
    return Sounds(tmp_path)


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


class Unattended:
    """The command with ``--yes``; its stderr is read as it comes."""

    def __init__(self, microphone: VirtualMicrophone, output: Path, *arguments: str) -> None:
        self.microphone = microphone
        self.process = subprocess.Popen(
            [*COMMAND, "--yes", "--speaker", "ann", "--output", str(output), "--countdown", "0.5",
             *arguments],
            env=microphone.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
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

    def answer(self, *paths: Path | None) -> None:
        """Play one sound after each "now", the last one again and again."""
        number = 0
        while self.until(": now"):
            if path := paths[min(number, len(paths) - 1)]:
                self.microphone.play(path)
            number += 1

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


@pytest.mark.slow
def test_a_session_can_be_used_and_resumed(
    microphone: VirtualMicrophone, sounds: Sounds, tmp_path: Path, run_command: Command
) -> None:
    folder = tmp_path / "samples"
    session = Unattended(microphone, folder, "yes", "--count", "2", "--json", "--keep-raw")
    session.answer(sounds.word)
    code, lines = session.end()
    assert code == 0, session.text
    kept = [json.loads(line) for line in lines]
    assert [entry["path"] for entry in kept] == [str(path) for path in assert_whole(folder)]
    for entry in kept:
        assert (entry["label"], entry["speaker"], entry["sample_rate"]) == ("yes", "ann", RATE)
        assert entry["device"] == "default"
        assert entry["word_start_s"] + entry["word_end_s"] == pytest.approx(1, abs=0.01)
        # as the label track has it
        assert entry["word_end_s"] - entry["word_start_s"] == pytest.approx(0.505, abs=0.05)
        assert len(read_audio(folder / entry["raw"], RATE)) == pytest.approx(3.5 * RATE, abs=320)

    more = Unattended(microphone, folder, "yes", "--count", "3")
    more.answer(sounds.word)
    code, lines = more.end()
    assert (code, len(lines)) == (0, 1), more.text
    assert "yes 2 of 3" in more.text
    assert "say 'yes' (3 of 3): now" in more.text
    assert lines[0].endswith("-3.wav")
    assert len(assert_whole(folder)) == 3

    again = Unattended(microphone, folder, "yes", "--count", "3")
    assert again.end() == (0, [])
    assert "done, --count asks for more" in again.text

    clips = scan(folder)
    assert [(clip.label, clip.speaker) for clip in clips] == [("yes", "ann")] * 3
    predicted = run_command("predict", folder).stdout.splitlines()
    assert [line.split("\t")[1] for line in predicted] == ["yes"] * 3


@pytest.mark.slow
def test_bad_takes_are_refused_and_repeated(
    microphone: VirtualMicrophone, sounds: Sounds, tmp_path: Path
) -> None:
    session = Unattended(microphone, tmp_path / "samples", "yes", "--count", "1")
    session.answer(sounds.clipped, sounds.quiet, None, sounds.word)
    code, lines = session.end()
    assert code == 0, session.text
    refused = [line.strip() for line in session.errors if line.startswith("  refused: ")]
    assert [line.split(": ")[1] for line in refused] == ["clipped", "too quiet", "silent"]
    assert len(lines) == 1
    assert len(assert_whole(tmp_path / "samples")) == 1


@pytest.mark.slow
def test_it_gives_up_where_nothing_is_heard(microphone: VirtualMicrophone, tmp_path: Path) -> None:
    session = Unattended(
        microphone, tmp_path, "yes", "--seconds", "1", "--attempts", "2", "--in-order"
    )
    code, lines = session.end()
    assert (code, lines) == (65, [])
    assert "kws-edge: yes: 2 takes in a row were refused, the last one: silent" in session.text
    assert not list(tmp_path.rglob("*.wav"))


@pytest.mark.slow
def test_silence_is_recorded_without_a_word(
    microphone: VirtualMicrophone, sounds: Sounds, tmp_path: Path
) -> None:
    session = Unattended(microphone, tmp_path / "s", "_silence_", "--count", "1", "--seconds", "1")
    session.answer(sounds.hiss)
    code, _ = session.end()
    assert code == 0, session.text
    (path,) = assert_whole(tmp_path / "s")
    assert path.parent.name == "_silence_"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_in_the_middle_leaves_whole_files(
    number: signal.Signals, microphone: VirtualMicrophone, sounds: Sounds, tmp_path: Path
) -> None:
    folder = tmp_path / "samples"
    session = Unattended(microphone, folder, "yes", "no", "--count", "9", "--in-order")
    assert session.until("'yes' (1 of 9): now")
    microphone.play(sounds.word)
    assert session.until("'no' (1 of 9): now")
    session.process.send_signal(number)
    code, lines = session.end()
    assert code == 130, session.text
    assert "Traceback" not in session.text
    assert session.errors[-2].endswith("yes 1 of 9, no 0 of 9\n")
    assert [str(path) for path in assert_whole(folder)] == lines


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


@pytest.mark.slow
def test_redo_play_keep_and_quit_on_a_terminal(
    microphone: VirtualMicrophone, sounds: Sounds, tmp_path: Path
) -> None:
    folder = tmp_path / "samples"
    heard = tmp_path / "heard.raw"
    listener = subprocess.Popen(
        ["parec", "--device=speaker.monitor", "--format=s16le", "--rate=16000", "--channels=1",
         str(heard)],
        env=microphone.environment,
    )  # fmt: skip
    terminal = Terminal(microphone.environment, "yes", "--count", "3", "--output", str(folder))
    terminal.until("NOW")
    terminal.press("rq")  # typed too early: no answer
    microphone.play(sounds.word)
    terminal.until("[Enter] keep  [r] redo  [p] play  [q] quit")
    assert not list(folder.rglob("*.wav"))
    terminal.press("x\x1b[Ar")  # unknown keys change nothing
    terminal.until("NOW")
    microphone.play(sounds.word)
    terminal.until("[Enter] keep")
    before = heard.stat().st_size
    terminal.press("p")
    deadline = time.monotonic() + 30
    while _loud_seconds(heard, before) < 0.3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    terminal.press("\r")
    terminal.until("(2 of 3)")
    terminal.until("NOW")
    terminal.until("refused: ")
    terminal.until("[Enter] again")
    assert len(assert_whole(folder)) == 1
    terminal.press("q")
    terminal.until("yes 1 of 3")
    assert terminal.process.wait(timeout=30) == 0
    listener.terminate()
    listener.wait()
    assert "\x1b[3" in terminal.text  # colours
    assert len(assert_whole(folder)) == 1


def _loud_seconds(path: Path, start: int) -> float:
    samples = np.frombuffer(path.read_bytes()[start : path.stat().st_size & ~1], "<i2")
    return float(np.count_nonzero(np.abs(samples.astype(np.int32)) > 300)) / RATE


@pytest.mark.slow
@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_none_are_wanted(
    setting: dict[str, str], microphone: VirtualMicrophone, sounds: Sounds, tmp_path: Path
) -> None:
    terminal = Terminal(
        {**microphone.environment, **setting},
        "yes",
        "--count",
        "1",
        "--output",
        str(tmp_path / "s"),
    )
    terminal.until("NOW" if "NO_COLOR" in setting else ": now")
    microphone.play(sounds.word)
    terminal.until("[Enter] keep")
    terminal.press("\n")
    terminal.until("yes 1 of 1; done")
    assert terminal.process.wait(timeout=30) == 0
    assert "\x1b" not in terminal.text
    assert ("dBFS  " in terminal.text) == ("NO_COLOR" in setting)  # the meter
    assert len(assert_whole(tmp_path / "s")) == 1


@pytest.mark.slow
def test_ctrl_c_on_a_terminal(microphone: VirtualMicrophone, tmp_path: Path) -> None:
    terminal = Terminal(microphone.environment, "yes", "--output", str(tmp_path / "s"))
    terminal.until("NOW")
    terminal.press("\x03")
    assert terminal.process.wait(timeout=30) == 130
    terminal.until("yes 0 of 10")
    assert "Traceback" not in terminal.text


@pytest.mark.slow
def test_playback_without_a_loudspeaker_says_so_and_goes_on(
    microphone: VirtualMicrophone, sounds: Sounds, tmp_path: Path
) -> None:
    one_way = tmp_path / "asound.conf"
    one_way.write_text(
        "pcm.default { type asym\ncapture.pcm { type pulse } }\nctl.default { type pulse }\n"
    )
    environment = {**microphone.environment, "ALSA_CONFIG_PATH": str(one_way)}
    terminal = Terminal(environment, "yes", "--count", "1", "--output", str(tmp_path / "s"))
    terminal.until("NOW")
    microphone.play(sounds.word)
    terminal.until("[Enter] keep")
    terminal.press("p")
    terminal.until("cannot play: ")
    terminal.until("[Enter] keep")
    terminal.press("\r")
    terminal.until("yes 1 of 1; done")
    assert terminal.process.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["yes"], 2, "--yes keeps good takes"),
        (["../yes", "--yes"], 2, "cannot be a name here"),
        (["_silense_", "--yes"], 2, "or _silence_ or _unknown_"),
        (["yes", "--yes", "--speaker", "a/b"], 2, "cannot be a name here"),
        (["yes", "--yes", "--count", "0"], 2, "--count"),
        ([], 2, "LABELS"),
    ],
)
def test_mistakes_are_told(
    arguments: list[str], code: int, words: str, run_command: Command, tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = run_command(
        "record", *arguments, cwd=tmp_path, stdin=subprocess.DEVNULL, env=environment
    )
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_microphone_that_is_not_there(microphone: VirtualMicrophone, tmp_path: Path) -> None:
    session = Unattended(microphone, tmp_path / "s", "yes", "--device", "Telephone")
    code, lines = session.end()
    assert (code, lines) == (69, [])
    assert "kws-edge: cannot open microphone 'Telephone'" in session.errors[-2]


@pytest.mark.slow
def test_a_sound_server_that_dies_ends_it_in_order(sounds: Sounds, tmp_path: Path) -> None:
    if missing := missing_programs():
        pytest.skip(f"needs {', '.join(missing)}")
    with VirtualMicrophone() as own:
        session = Unattended(own, tmp_path / "s", "yes")
        assert session.until("(1 of 10): now")
        own.play(sounds.word)
        assert session.until("(2 of 10): now")
        own.stop()
        code, lines = session.end()
    assert code == 69, session.text
    assert "Traceback" not in session.text
    assert "kws-edge: cannot open the default microphone" in session.errors[-2]
    assert [str(path) for path in assert_whole(tmp_path / "s")] == lines


def test_the_plan_lets_those_behind_catch_up_and_mixes_the_rest() -> None:
    import random

    assert plan({"a": 1, "b": 0}, 2) == [("b", 1), ("a", 2), ("b", 2)]
    have = dict.fromkeys("abcdef", 0)
    prompts = plan(have, 5, random.Random(7))
    assert prompts == plan(have, 5, random.Random(7))
    assert prompts != plan(have, 5, random.Random(8))
    rounds = [[label for label, n in prompts if n == number] for number in range(1, 6)]
    assert all(sorted(labels) == list("abcdef") for labels in rounds)
    assert len({tuple(labels) for labels in rounds}) > 1
    assert plan({"a": 3}, 2) == []
