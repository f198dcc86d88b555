"""The whole of training on data made here: from clips to a model that listens."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from conftest import Command, noise
from tones import plain_config

pytest.importorskip("tensorflow", reason="needs the extra 'training'")

import tensorflow as tf

from kws_edge.audio.files import audio_files, write_wav
from kws_edge.errors import DataError
from kws_edge.features.front_end import FeatureConfig
from kws_edge.model.file import read_model
from training.config import with_overrides
from training.data import tf_dataset
from training.data.clips import scan
from training.data.loading import features_of, load_window, one_hot
from training.data.splits import split_clips
from training.data.tf_dataset import TfClips, extract

PITCHES = {"high": 1800.0, "low": 300.0, "middle": 800.0}


def tone(pitch: float, seconds: float, seed: int) -> np.ndarray:  # type: ignore[type-arg]
    t = np.arange(int(16000 * seconds)) / 16000
    level = np.random.default_rng(seed).uniform(0.05, 0.5)
    signal = level * np.sin(2 * np.pi * pitch * t) * np.hanning(len(t))
    return (signal + 0.02 * noise(len(t), seed)).astype(np.float32)


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 speakers who say three pitches, some of them in less than a second."""
    folder = tmp_path_factory.mktemp("tones")
    for label, pitch in PITCHES.items():
        (folder / label).mkdir()
        for number in range(60):
            seconds = 0.7 if number % 5 == 0 else 1.0
            path = folder / label / f"{number:08x}_nohash_0.wav"
            write_wav(path, tone(pitch, seconds, number), 16000)
    return folder


def training(*arguments: object, fails: bool = False) -> "subprocess.CompletedProcess[str]":
    result = subprocess.run(
        [sys.executable, "-m", "training", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert fails or result.returncode == 0, result.stderr[-2000:]
    return result


@pytest.fixture(scope="module")
def run(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run, by the command."""
    folder = tmp_path_factory.mktemp("training")
    config = folder / "tones.yaml"
    document = plain_config(tones.name, network={"architecture": "lab_cnn"}, seed=5)
    document["schedule"]["epochs"] = 6
    config.write_text(yaml.safe_dump(document))
    places = ("--output", folder / "saved_models", "--cache", folder / "cache")
    result = training("train", config, "--data", tones.parent, *places, "--test")
    return Path(result.stdout.splitlines()[-1])


def test_tf_data_gives_the_runtimes_features(tones: Path) -> None:
    config = FeatureConfig("log_mel")
    clips = scan(tones)[:50]
    batches = list(TfClips(clips, sorted(PITCHES), config).batches(16).as_numpy_iterator())
    found = np.concatenate([features for features, _ in batches])
    targets = np.concatenate([target for _, target in batches])
    assert found.shape == (50, 49, 40, 1)
    assert np.max(np.abs(found[..., 0] - features_of(clips, config))) < 1e-3
    assert targets.tolist() == [sorted(PITCHES).index(clip.label) for clip in clips]


def formats(folder: Path) -> Path:
    """One word in every form: other rates, formats, channels and lengths."""
    word, random = folder / "low", np.random.default_rng(0)
    word.mkdir(parents=True)
    long = np.concatenate([0.01 * noise(24000, 1), noise(16000, 2), 0.01 * noise(9000, 3)])
    stereo = random.uniform(-0.5, 0.5, (16000, 2)).astype(np.float32)
    soundfile.write(word / "24-bit.wav", noise(16000), 16000, subtype="PCM_24")
    soundfile.write(word / "float.wav", noise(16000), 16000, subtype="FLOAT")
    soundfile.write(word / "free.flac", noise(16000), 16000)
    soundfile.write(word / "vorbis.ogg", noise(16000), 16000)
    soundfile.write(word / "rate.wav", noise(44100), 44100)
    soundfile.write(word / "stereo.wav", stereo, 16000)
    soundfile.write(word / "short.wav", noise(8000), 16000)
    soundfile.write(word / "long.wav", long, 16000, subtype="FLOAT")
    return folder


def test_every_backend_trains_on_the_same_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tf.data and the feature cache get equal arrays of samples, of every format."""
    clips, config = scan(formats(tmp_path / "data")), FeatureConfig("mfcc")
    assert len(clips) == 8
    in_graph: list[np.ndarray] = []  # type: ignore[type-arg]

    def keep(samples: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        in_graph.append(samples.copy())
        return samples

    monkeypatch.setattr(
        tf_dataset,
        "extract",
        lambda signal, c: extract(
            tf.ensure_shape(tf.numpy_function(keep, [signal], tf.float32), signal.shape), c
        ),
    )
    TfClips(clips, ["low"], config)
    expected = {load_window(clip.path, config).tobytes() for clip in clips}
    assert len(expected) == 8
    assert {samples.tobytes() for samples in in_graph} == expected


def test_a_long_clip_gives_its_loudest_second_and_a_short_one_zeros(tmp_path: Path) -> None:
    folder, config = formats(tmp_path) / "low", FeatureConfig("mfcc")
    assert np.array_equal(load_window(folder / "long.wav", config), noise(16000, 2))
    short = load_window(folder / "short.wav", config)
    assert short[:8000].any()
    assert not short[8000:].any()


def test_what_other_systems_leave_beside_clips_is_passed_over(tmp_path: Path) -> None:
    folder = formats(tmp_path) / "low"
    (folder / "._24-bit.wav").write_bytes(b"Mac OS X")
    (folder / ".DS_Store").write_bytes(b"junk")
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    assert len(scan(tmp_path)) == 8
    assert len(audio_files(tmp_path)) == 8


def test_one_bad_clip_is_one_error_with_its_path(tmp_path: Path) -> None:
    bad = formats(tmp_path) / "low" / "bad.wav"
    bad.write_bytes(b"RIFF this is no sound")
    with pytest.raises(DataError, match=r"low/bad\.wav: not an audio file"):
        TfClips(scan(tmp_path), ["low"], FeatureConfig("mfcc"))


def test_shuffled_by_the_seed_and_anew_each_epoch(tones: Path) -> None:
    clips = TfClips(scan(tones), sorted(PITCHES), FeatureConfig("mfcc"))

    def epochs(seed: int) -> list[list[int]]:
        tf.random.set_seed(0)
        batches = clips.training_batches(180, 0, seed)
        return [next(batches.as_numpy_iterator())[1].argmax(axis=1).tolist() for _ in range(2)]

    first = epochs(1)
    assert first == epochs(1)
    assert first[0] != first[1]
    assert first != epochs(2)


def test_smoothed_targets_are_those_of_the_other_backends(tones: Path) -> None:
    clips = scan(tones)[:30]
    made = TfClips(clips, sorted(PITCHES), FeatureConfig("mfcc"))
    _, targets = next(made.training_batches(30, 0.1, 0).as_numpy_iterator())
    expected = one_hot(made.examples().targets, 3, 0.1)
    np.testing.assert_allclose(np.sort(targets, axis=0), np.sort(expected, axis=0), atol=1e-6)


def test_a_run_is_kept_with_all_that_made_it(run: Path, tones: Path) -> None:
    assert (run / "saved_model.pb").exists()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["testing"]["closed_set_accuracy"] > 0.9
    assert metrics["testing"]["clips"] == len(split_clips(scan(tones), "official").testing)
    assert metrics["parameters"] == 297987  # 3 x (conv + batch norm) and a dense layer of 3
    assert set(metrics["clips"]) == {"training", "validation"}
    assert metrics["git_commit"]
    assert len((run / "history.csv").read_text().splitlines()) == 7
    assert "name: tones" in (run / "config.yaml").read_text()
    assert not list(run.parent.glob(".*"))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_network(run: Path, tones: Path, tmp_path: Path) -> None:
    places = ("--output", tmp_path, "--cache", tmp_path / "cache")
    again = training("train", run / "config.yaml", "--data", tones.parent, *places)
    other = Path(again.stdout.splitlines()[-1])
    # the testing part is read only when asked for
    assert "testing" not in json.loads((other / "metrics.json").read_text())
    assert (other / "history.csv").read_text() == (run / "history.csv").read_text()


@pytest.mark.slow
def test_export_evaluate_release_and_listen(
    run: Path, tones: Path, tmp_path: Path, run_command: Command
) -> None:
    result = training("export", run, "--data", tones.parent, "--output", tmp_path)
    assert result.stdout.count(": ok; posteriors within") in (4, 8)  # one or two interpreters
    models = sorted(tmp_path.glob("*.tflite"))
    assert [m.stem.split("-")[1] for m in models] == ["dynamic", "float16", "float32", "int8"]
    assert read_model(models[3]).manifest.input.dtype == "int8"
    assert models[3].stat().st_size < models[2].stat().st_size / 3

    reports = tmp_path / "reports"
    training(
        "evaluate",
        "clips",
        models[3],
        "--data",
        tones,
        "--part",
        "testing",
        "--output",
        reports,
        "--repetitions",
        10,
    )
    report: dict[str, Any] = json.loads((reports / "tones-int8.json").read_text())
    count = len(split_clips(scan(tones), "official").testing)
    assert report["clips"] == count
    assert report["accuracy_lower"] <= report["accuracy"] <= report["accuracy_upper"]
    assert np.sum(report["confusion"]) == count
    assert (reports / "tones-int8-confusion.png").read_bytes()[:4] == b"\x89PNG"
    assert (reports / "tones-int8-confusion.csv").read_text().startswith("spoken,high,low,middle")

    operating_point = tmp_path / "point.yaml"
    operating_point.write_text("threshold: 0.55\n")
    training(
        "release",
        models[3],
        reports / "tones-int8.json",
        "--name",
        "my-tones",
        "--output",
        tmp_path / "models",
        "--detector",
        operating_point,
    )
    released = tmp_path / "models" / "my-tones" / "my-tones.tflite"
    manifest = read_model(released).manifest
    assert manifest.detector.threshold == 0.55
    assert manifest.metrics[0].value == pytest.approx(report["accuracy"], abs=1e-5)
    assert "high, low, middle" in (released.parent / "card.md").read_text()

    wrong = training("release", models[0], reports / "tones-int8.json", fails=True)
    assert wrong.returncode == 65
    assert "is about tones-int8" in wrong.stderr

    stream = tmp_path / "stream.wav"
    parts = [tone(PITCHES[label], 1.0, 99) for label in ("low", "high", "middle")]
    silence = 0.02 * noise(16000, 9)
    joined = [part for word in parts for part in (silence, word)]
    write_wav(stream, np.concatenate(joined), 16000)
    detected = run_command("listen", "-m", released, "-i", stream, "--json")
    labels = [json.loads(line)["label"] for line in detected.stdout.splitlines()]
    assert [label for label in labels if label in ("high", "middle")] == ["high", "middle"]
    assert run_command("check", "-m", released).returncode == 0


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"features": {}}, 78, "features.kind: missing"),
        ({"data.words": ["low"]}, 78, "data.words: expected at least two"),
        ({"data.words": ["low", "blue"]}, 66, "no folder for blue"),
        ({"data.sources": [{"folder": "tones", "split": "random"}]}, 65, "'allow_leaks: true'"),
        ({"data.sources": [{"folder": "tones", "split": "lists"}]}, 65, "needs a folder of lists"),
        ({"data.sources": [{"folder": "nowhere"}]}, 66, "nowhere: no such folder"),
    ],
)
def test_faults_of_a_configuration(
    changes: dict[str, object], code: int, message: str, tones: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(with_overrides(plain_config(), changes)))
    data = tmp_path / "data"
    data.mkdir()
    (data / "tones").symlink_to(tones)
    # a second recording each, so that a random split has speakers to leak
    result = training("train", config, "--data", data, "--output", tmp_path, fails=True)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
