"""The whole of training on data made here: from clips to a model that listens."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command, noise

pytest.importorskip("tensorflow", reason="needs the extra 'training'")

from kws_edge.audio.files import one_window, read_audio, write_wav
from kws_edge.features.front_end import FeatureConfig, FrontEnd
from kws_edge.model.file import read_model
from training.data.clips import scan
from training.data.splits import PARTS, split_clips
from training.data.tf_dataset import make_dataset

PITCHES = {"high": 1800.0, "low": 300.0, "middle": 800.0}
CONFIG = """
name: tones
labels: [high, low, middle]
features: {kind: mfcc}
optimizer: {epochs: 6}
seed: 5
"""


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
    config.write_text(CONFIG)
    result = training("train", config, "--data", tones, "--output", folder / "saved_models")
    return Path(result.stdout.splitlines()[-1])


def test_batches_are_the_runtimes_features(tones: Path) -> None:
    config = FeatureConfig("log_mel")
    clips = scan(tones)[:50]
    dataset = make_dataset(clips, sorted(PITCHES), config, batch_size=16)
    found = np.concatenate([features for features, _ in dataset.as_numpy_iterator()])
    targets = np.concatenate([target for _, target in dataset.as_numpy_iterator()])
    front_end = FrontEnd(config)
    expected = [front_end(one_window(read_audio(c.path, 16000), 16000)) for c in clips]
    assert found.shape == (50, 49, 40, 1)
    assert np.max(np.abs(found[..., 0] - np.stack(expected))) < 1e-3
    assert targets.tolist() == [sorted(PITCHES).index(clip.label) for clip in clips]


def test_a_longer_clip_is_cropped_and_a_wrong_rate_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "low"
    folder.mkdir()
    write_wav(folder / "long.wav", noise(24000), 16000)
    config = FeatureConfig("spectrogram")
    (batch,) = make_dataset(scan(tmp_path), ["low"], config, batch_size=1)
    assert batch[0].shape == (1, 49, 321, 1)
    write_wav(folder / "rate.wav", noise(8000), 8000)
    with pytest.raises(Exception, match="another sample rate"):
        list(make_dataset(scan(tmp_path), ["low"], config, batch_size=2))


def test_shuffled_by_the_seed_and_anew_each_epoch(tones: Path) -> None:
    def epochs(seed: int) -> list[list[int]]:
        dataset = make_dataset(
            scan(tones), sorted(PITCHES), FeatureConfig("mfcc"), batch_size=180, shuffle_seed=seed
        )
        return [next(dataset.as_numpy_iterator())[1].tolist() for _ in range(2)]

    first = epochs(1)
    assert first == epochs(1)
    assert first[0] != first[1]
    assert first != epochs(2)


def test_a_run_is_kept_with_all_that_made_it(run: Path) -> None:
    assert (run / "saved_model.pb").exists()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["testing_accuracy"] > 0.9
    assert metrics["parameters"] == 297987  # 3 x (conv + batch norm) and a dense layer of 3
    assert set(metrics["clips"]) == set(PARTS)
    assert metrics["git_commit"]
    assert len((run / "history.csv").read_text().splitlines()) == 7
    assert "name: tones" in (run / "config.yaml").read_text()
    assert not list(run.parent.glob(".*"))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_network(run: Path, tones: Path, tmp_path: Path) -> None:
    again = training("train", run / "config.yaml", "--data", tones, "--output", tmp_path)
    other = Path(again.stdout.splitlines()[-1])
    assert (other / "history.csv").read_text() == (run / "history.csv").read_text()


@pytest.mark.slow
def test_convert_evaluate_release_and_listen(
    run: Path, tones: Path, tmp_path: Path, run_command: Command
) -> None:
    result = training("convert", run, "--data", tones, "--output", tmp_path)
    assert result.stdout.count(": ok; posteriors within") in (4, 8)  # one or two interpreters
    models = sorted(tmp_path.glob("*.tflite"))
    assert [m.stem.split("-")[1] for m in models] == ["dynamic", "float16", "float32", "int8"]
    assert read_model(models[3]).manifest.input.dtype == "int8"
    assert models[3].stat().st_size < models[2].stat().st_size / 3

    reports = tmp_path / "reports"
    training(
        "evaluate",
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
    shipped = tmp_path / "models" / "my-tones" / "my-tones.tflite"
    manifest = read_model(shipped).manifest
    assert manifest.detector.threshold == 0.55
    assert manifest.metrics[0].value == pytest.approx(report["accuracy"], abs=1e-5)
    assert "high, low, middle" in (shipped.parent / "card.md").read_text()

    wrong = training("release", models[0], reports / "tones-int8.json", fails=True)
    assert wrong.returncode == 65
    assert "is of tones-int8" in wrong.stderr

    stream = tmp_path / "stream.wav"
    parts = [tone(PITCHES[label], 1.0, 99) for label in ("low", "high", "middle")]
    silence = 0.02 * noise(16000, 9)
    joined = [part for word in parts for part in (silence, word)]
    write_wav(stream, np.concatenate(joined), 16000)
    heard = run_command("listen", "-m", shipped, "-i", stream, "--json")
    labels = [json.loads(line)["label"] for line in heard.stdout.splitlines()]
    assert [label for label in labels if label in ("high", "middle")] == ["high", "middle"]
    assert run_command("check", "-m", shipped).returncode == 0


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("name: a\n", 78, "features: missing"),
        ("name: a\nfeatures: {kind: mfcc}\nlabels: [low]\n", 78, "labels: expected at least two"),
        ("name: a\nfeatures: {kind: mfcc}\nlabels: [low, blue]\n", 66, "no folder for blue"),
        (
            "name: a\nfeatures: {kind: mfcc}\nlabels: [low, high]\nsplit: random\n",
            65,
            "'allow_leaks: true' trains all the same",
        ),
        (
            "name: a\nfeatures: {kind: mfcc}\nlabels: [low, high]\nsplit: lists\n",
            65,
            "needs a folder of lists",
        ),
    ],
)
def test_faults_of_a_configuration(
    text: str, code: int, message: str, tones: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    # a second recording each, so that a random split has speakers to leak
    result = training("train", config, "--data", tones, "--output", tmp_path, fails=True)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
