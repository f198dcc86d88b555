"""``kws-edge record`` on a real terminal: keys, colours, playback."""

import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from record_world import RATE, Sounds, Terminal, assert_whole, sounds_in
from virtual_microphone import VirtualMicrophone, virtual_microphone

pytestmark = pytest.mark.xdist_group("sound")

microphone = pytest.fixture(scope="module")(virtual_microphone)
sounds = pytest.fixture(sounds_in)


@pytest.mark.slow
def test_redo_play_keep_and_quit_on_a_terminal(
    microphone: VirtualMicrophone, sounds: Sounds, tmp_path: Path
) -> None:
    folder = tmp_path / "samples"
    recorded = tmp_path / "recorded.raw"
    listener = subprocess.Popen(
        [
            "parec",
            "--device=speaker.monitor",
            "--format=s16le",
            "--rate=16000",
            "--channels=1",
            str(recorded),
        ],
        env=microphone.environment,
    )
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
    before = recorded.stat().st_size
    terminal.press("p")
    deadline = time.monotonic() + 30
    while _loud_seconds(recorded, before) < 0.3:
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
