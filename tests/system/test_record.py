"""``kws-edge record`` as a user runs it: a real sound server, nobody at the keys."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, Command
from record_world import RATE, Sounds, Unattended, assert_whole, sounds_in
from virtual_microphone import VirtualMicrophone, missing_programs, virtual_microphone

from kws_edge.audio.files import read_audio
from kws_edge.recorder.session import plan
from training.data.clips import scan

pytestmark = pytest.mark.xdist_group("sound")

microphone = pytest.fixture(scope="module")(virtual_microphone)
sounds = pytest.fixture(sounds_in)


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
        assert entry["word_end_s"] - entry["word_start_s"] == pytest.approx(0.558, abs=0.05)
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
    assert session.answer(sounds.word, until="'no' (1 of 9): now")
    session.process.send_signal(number)
    code, lines = session.end()
    assert code == 130, session.text
    assert "Traceback" not in session.text
    assert session.errors[-2].endswith("yes 1 of 9, no 0 of 9\n")
    assert [str(path) for path in assert_whole(folder)] == lines


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
        assert session.answer(sounds.word, until="(2 of 10): now")
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
