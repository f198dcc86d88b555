"""Clips of every format, and folders and lists as courses and the data set have them."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise
from sounds import FLAC, FLAC_LENGTH, PASSED_OVER, RATE, READ, REFUSED, WAV, fill, patched
from window_world import run_training

from kws_edge.audio.files import write_wav
from kws_edge.errors import DataError, KwsEdgeError, MissingFileError
from kws_edge.features.config import FeatureConfig
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import find_model
from training.data.clips import Clip, inspect, scan
from training.data.loading import load_window
from training.data.material import Part, Recordings, load_noises
from training.data.splits import Split, split_clips, write_lists
from training.evaluation.clip_report import evaluate
from training.evaluation.recordings.samples import read_recording
from training.evaluation.streams.compose import find_streams
from training.evaluation.streams.evaluate import run_detector

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with a label ``tone``: everything that is read, refused and passed over."""
    folder = tmp_path_factory.mktemp("mixed")
    fill(folder / "tone", READ, REFUSED, PASSED_OVER)
    return folder


@pytest.fixture
def data() -> Run:
    return partial(run_training, "data")


def test_what_counts_as_a_clip(mixed: Path) -> None:
    assert {clip.path.name for clip in scan(mixed)} == {*READ, *REFUSED}
    assert {stream.path.name for stream in find_streams([mixed / "tone"])} == {*READ, *REFUSED}


@pytest.mark.parametrize("command", ["index", "check"])
def test_a_clip_that_cannot_be_read_does_not_end_the_batch(
    command: str, mixed: Path, data: Run
) -> None:
    result = data(command, "--data", mixed)
    assert result.returncode == 65
    faults = [line for line in result.stderr.splitlines() if "identical recordings" not in line]
    assert sorted(line.split(": ")[1] for line in faults) == [
        str(mixed / "tone" / name) for name in sorted(REFUSED)
    ]
    if command == "index":
        assert f"tone{len(READ):>14}\n" in result.stdout


@pytest.mark.parametrize("name", READ)
def test_training_and_the_check_of_recordings_read_every_format(name: str, mixed: Path) -> None:
    window = load_window(mixed / "tone" / name, FeatureConfig("mfcc"))
    samples, _ = read_recording(mixed / "tone" / name)
    assert window.shape == (RATE,)
    assert np.sqrt(np.mean(window**2)) == pytest.approx(0.25 / np.sqrt(2), rel=0.1)
    assert np.array_equal(samples[:100], window[:100]) or len(samples) > RATE


def test_tensorflow_reads_every_format_and_any_name(mixed: Path, tmp_path: Path) -> None:
    from training.data.tf_dataset import TfClips

    odd = tmp_path / "tone" / os.fsdecode(b"\xff.wav")
    odd.parent.mkdir()
    WAV(odd)
    good = [clip for clip in scan(mixed) if clip.path.name in READ]
    clips = TfClips([*good, Clip(odd, "tone", "x")], ["tone"], FeatureConfig("mfcc"))
    assert len(clips.examples().targets) == len(READ) + 1
    nan = Clip(mixed / "tone" / "nan.wav", "tone", "x")
    with pytest.raises(DataError, match=r"nan\.wav: found a sample of nan"):
        TfClips([nan], ["tone"], FeatureConfig("mfcc"))


def test_a_noise_that_is_not_finite_is_refused(mixed: Path) -> None:
    noises = Recordings(Part(()), Part(()), Part(()), (mixed / "tone" / "nan.wav",))
    with pytest.raises(DataError, match=r"nan\.wav: found a sample of nan"):
        load_noises(noises, "training")


def test_evaluation_leaves_out_what_cannot_be_read(mixed: Path, model_path: Path) -> None:
    clips = [Clip(clip.path, "yes", clip.speaker) for clip in scan(mixed)]
    faults: list[KwsEdgeError] = []
    result = evaluate(model_path, clips, "mixed", repetitions=10, report=faults.append)
    assert (result["clips"], len(faults)) == (len(READ), len(REFUSED))
    with pytest.raises(DataError, match=r"1_hz\.wav: has a sample rate"):
        evaluate(model_path, clips, "mixed", repetitions=10)
    with pytest.raises(DataError, match="none of the clips can be read"):
        evaluate(model_path, clips[:1], "mixed", repetitions=10, report=faults.append)


def test_a_recording_to_check_is_no_lecture(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", noise(61 * RATE), RATE)
    with pytest.raises(DataError, match=r"long\.wav: longer than 60 s"):
        read_recording(tmp_path / "long.wav")


def test_the_length_of_a_stream_is_counted(tmp_path: Path) -> None:
    announced = patched(FLAC, FLAC_LENGTH, b"\xf0\0\0\0\0")
    announced(tmp_path / "open.flac")
    classifier = Classifier.load(find_model("mfcc-int8"))
    (stream,) = find_streams([tmp_path])
    assert run_detector(stream, classifier, classifier.manifest.detector).seconds == 1.0


def test_the_digest_of_a_recording_is_of_its_samples(tmp_path: Path) -> None:
    """Of 16-bit files the digest is that of the samples as they are in the file."""
    for number in range(2):
        samples = noise(800, seed=number)
        soundfile.write(tmp_path / f"float{number}.wav", samples, RATE, "FLOAT")
        write_wav(tmp_path / f"pcm{number}.wav", samples, RATE)
    found = inspect(Clip(path, "a", "b") for path in sorted(tmp_path.iterdir()))
    assert [one.sha1 for one in found[:2]] == [one.sha1 for one in found[2:]]
    assert len({one.sha1 for one in found}) == 2
    stored = soundfile.read(tmp_path / "pcm0.wav", dtype="int16")[0]
    assert found[2].sha1 == hashlib.sha1(stored.tobytes(), usedforsecurity=False).hexdigest()
    assert (found[2].samples, found[2].sample_rate) == (800, RATE)


def put(*paths: Path) -> None:
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, noise(160, seed=number), RATE)


def named(label: str, number: int) -> str:
    return f"{label}_{number:08x}_nohash_0.wav"


def words(clips: list[Clip]) -> list[tuple[str, str]]:
    return [(clip.label, clip.speaker) for clip in clips]


def test_clips_of_several_words_in_one_folder_have_the_words_of_their_names(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "msc-train"
    put(*(folder / named(label, n) for label in ("no", "yes") for n in range(2)))
    expected = [(label, f"{n:08x}") for label in ("no", "yes") for n in range(2)]
    assert words(scan(folder)) == expected
    assert words(scan(tmp_path)) == expected
    assert words(scan(tmp_path, ["yes"])) == expected[2:]
    with pytest.raises(MissingFileError, match="no folder for up"):
        scan(tmp_path, ["yes", "up"])
    put(folder / "lecture.wav")
    with pytest.raises(DataError, match=r"lecture\.wav: lies among clips named <word>_<speaker>"):
        scan(tmp_path)


def test_a_folder_of_other_words_keeps_its_name(tmp_path: Path) -> None:
    put(tmp_path / "_unknown_" / named("bed", 1), tmp_path / "other" / named("bird", 2))
    assert {label for label, _ in words(scan(tmp_path))} == {"_unknown_", "bird"}
    assert {label for label, _ in words(scan(tmp_path, ["other"]))} == {"other"}


def test_a_folder_too_high_is_named(tmp_path: Path) -> None:
    put(tmp_path / "speech_commands" / "yes" / "a.wav")
    with pytest.raises(DataError, match=r"speech_commands has some, name that folder"):
        scan(tmp_path)


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    put(*(tmp_path / "data" / w / f"{n:08x}_nohash_0.wav" for w in ("no", "yes") for n in range(6)))
    return scan(tmp_path / "data")


def write(folder: Path, name: str, keys: list[str], form: str = "{}") -> None:
    folder.mkdir(exist_ok=True)
    text = "".join(form.format(key) + "\r\n" for key in keys)
    (folder / name).write_text(text, encoding="utf-8-sig")


@pytest.mark.parametrize(
    "form",
    ["{}", "./data/mini_speech_commands/{}", "C:\\data\\{}", "/home/someone/data/{}"],
)
def test_the_lists_of_a_course(form: str, clips: list[Clip], tmp_path: Path) -> None:
    keys = [clip.key for clip in clips]
    for index, part in enumerate(("train", "val", "test")):
        write(tmp_path / "lists", f"kws_{part}_split.txt", keys[index::3], form)
    split = split_clips(clips, "lists", tmp_path / "lists")
    assert [[c.key for c in split.part(p)] for p in ("training", "validation", "testing")] == [
        keys[0::3],
        keys[1::3],
        keys[2::3],
    ]


def test_the_lists_of_the_data_set_leave_the_rest_to_training(
    clips: list[Clip], tmp_path: Path
) -> None:
    """Those lists name 35 words and all their clips; a smaller set has some of them."""
    keys = [clip.key for clip in clips]
    more = ["bed/0_nohash_0.wav", "yes/ffffffff_nohash_9.wav"]
    write(tmp_path / "lists", "validation_list.txt", [*keys[:2], *more])
    write(tmp_path / "lists", "testing_list.txt", [*more, *keys[5:7]])
    split = split_clips(clips, "lists", tmp_path / "lists")
    assert [clip.key for clip in split.validation] == keys[:2]
    assert [clip.key for clip in split.testing] == keys[5:7]
    assert [clip.key for clip in split.training] == keys[2:5] + keys[7:]
    write(tmp_path / "lists", "testing_list.txt", more)
    with pytest.raises(DataError, match=r"testing_list\.txt: 2 clips are not in the data"):
        split_clips(clips, "lists", tmp_path / "lists")


def test_lists_name_other_words_too(clips: list[Clip], tmp_path: Path) -> None:
    keys = [clip.key for clip in clips]
    for index, part in enumerate(("training", "validation", "testing")):
        write(tmp_path / "lists", f"{part}.txt", ["bed/0_nohash_0.wav", *keys[index::3]])
    split = split_clips([c for c in clips if c.label == "no"], "lists", tmp_path / "lists")
    assert [len(part) for part in (split.training, split.validation, split.testing)] == [2, 2, 2]


def test_two_lists_for_one_part_are_named(clips: list[Clip], tmp_path: Path) -> None:
    for name in ("train.txt", "training_list.txt", "val.txt", "test.txt"):
        write(tmp_path / "lists", name, [clips[0].key])
    with pytest.raises(MissingFileError, match=r"several lists for training \(train\.txt, train"):
        split_clips(clips, "lists", tmp_path / "lists")


def test_lists_hold_names_that_are_no_text(tmp_path: Path) -> None:
    put(*(tmp_path / "data" / "yes" / os.fsdecode(b"\xff%d.wav" % n) for n in range(3)))
    split = Split(*((clip,) for clip in scan(tmp_path / "data")))
    write_lists(split, tmp_path / "lists")
    assert split_clips(scan(tmp_path / "data"), "lists", tmp_path / "lists") == split
    assert len(split_clips(scan(tmp_path / "data"), "official").training) <= 3
