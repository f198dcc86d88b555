"""Index, splits and leaks of a data set, through the commands."""

import csv
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from conftest import noise
from window_world import run_training

from kws_edge.audio.files import write_wav
from training.data.clips import scan, speaker_of
from training.data.splits import PARTS, official_part, split_clips

Training = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def dataset() -> Training:
    return partial(run_training, "data")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two labels, 20 speakers, one recording each and label."""
    folder = tmp_path / "data"
    for number in range(20):
        for label in ("left", "right"):
            path = folder / label / f"{number:08x}_nohash_0.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wav(path, noise(1600, seed=hash((number, label)) % 2**32), 16000)
    return folder


def test_speakers_are_read_from_names() -> None:
    assert speaker_of(Path("yes/004ae714_nohash_3.wav")) == "004ae714"
    assert speaker_of(Path("yes/ann-20261122T101500Z-7.wav")) == "ann"
    assert speaker_of(Path("yes/some name.wav")) == "some name"


def test_the_official_rule_is_the_data_sets(recordings: Path) -> None:
    with (recordings / "manifest.csv").open(newline="") as file:
        training_material = ("mini_speech_commands", "unknown")
        rows = [r for r in csv.DictReader(file) if r["path"].split("/")[0] in training_material]
    assert len(rows) == 9383
    wrong = [row["path"] for row in rows if official_part(row["speaker"]) != row["official_split"]]
    assert wrong == []


def test_no_speaker_of_the_test_set_trains(recordings: Path) -> None:
    words = ("down", "go", "left", "no", "right", "stop", "up", "yes")
    clips = scan(recordings / "gsc_test_public", words)
    assert len(clips) == 1827
    assert {official_part(clip.speaker) for clip in clips} == {"testing"}


def test_the_official_split_of_mini_speech_commands(recordings: Path, dataset: Training) -> None:
    data = recordings / "mini_speech_commands"
    split = split_clips(scan(data), "official")
    assert [len(split.part(part)) for part in PARTS] == [6290, 865, 845]
    result = dataset("check", "--data", data)
    assert result.returncode == 0, result.stderr
    assert "no speaker and no recording is in two parts" in result.stdout


def test_the_leaks_of_the_course_split_are_found(recordings: Path, dataset: Training) -> None:
    lists = recordings / "splits"
    data = recordings / "mini_speech_commands"
    result = dataset("check", "--data", data, "--method", "lists", "--split-lists", lists)
    assert result.returncode == 65
    assert "887 speakers and 11 identical recordings are in more than one part" in result.stderr


def test_index_counts_and_describes(clips: Path, dataset: Training, tmp_path: Path) -> None:
    (clips / "left" / "00000063_nohash_0.wav").write_bytes(
        (clips / "left" / "00000000_nohash_0.wav").read_bytes()
    )
    result = dataset("index", "--data", clips, "--output", tmp_path / "index.csv")
    assert result.returncode == 0, result.stderr
    assert "41 clips of 21 speakers at 16000 Hz; 41 shorter than 1 s, 1 repeat" in result.stdout
    with (tmp_path / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 41
    assert rows[0]["samples"] == "1600"


@pytest.mark.parametrize("method", ["official", "random"])
def test_lists_written_are_lists_read(
    method: str, clips: Path, dataset: Training, tmp_path: Path
) -> None:
    lists = tmp_path / "lists"
    result = dataset("split", lists, "--data", clips, "--method", method, "--seed", 3)
    assert result.returncode == 0, result.stderr
    split = split_clips(scan(clips), "lists", lists)
    assert split == split_clips(scan(clips), method, seed=3)  # type: ignore[arg-type]
    everything = [clip.key for part in PARTS for clip in split.part(part)]
    assert sorted(everything) == sorted(clip.key for clip in scan(clips))


def test_a_random_split_leaks_speakers(clips: Path, dataset: Training) -> None:
    result = dataset("check", "--data", clips, "--method", "random")
    assert result.returncode == 65
    assert "speakers and 0 identical recordings" in result.stderr


def test_the_same_recording_under_two_names_is_a_leak(clips: Path, dataset: Training) -> None:
    by_part = {official_part(f"{n:08x}"): f"{n:08x}" for n in range(200)}
    source = clips / "left" / f"{by_part['training']}_nohash_0.wav"
    write_wav(source, noise(1600, seed=7), 16000)
    copy = clips / "left" / f"{by_part['testing']}_nohash_5.wav"
    copy.write_bytes(source.read_bytes())
    result = dataset("check", "--data", clips)
    assert result.returncode == 65
    assert "0 speakers and 1 identical recordings" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["check", "--data", "{}/none"], 66, "no such folder; get the data with"),
        (["index", "--data", "{}"], 65, "files in folders of labels"),
        (["check", "--data", "{}/data", "--method", "lists"], 65, "--split-lists DIR"),
        (
            ["check", "--data", "{}/data", "--method", "lists", "--split-lists", "{}"],
            66,
            "no list for validation",
        ),
    ],
)
def test_faults_are_one_line(
    arguments: list[str],
    code: int,
    message: str,
    clips: Path,
    dataset: Training,
) -> None:
    folder = str(clips.parent)
    result = dataset(*(a.replace("{}", folder) for a in arguments))
    assert result.returncode == code
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_a_list_that_names_what_is_not_there(clips: Path, dataset: Training) -> None:
    for part in ("train", "val", "test"):
        (clips.parent / f"course_{part}.txt").write_text("left/none.wav\n")
    result = dataset("check", "--data", clips, "--method", "lists", "--split-lists", clips.parent)
    assert result.returncode == 65
    assert "1 clips are not in the data, first left/none.wav" in result.stderr
