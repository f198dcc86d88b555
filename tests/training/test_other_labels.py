"""``_unknown_`` and ``_silence_`` are no words: never spotted, shown, asked for or configured."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from conftest import Command, noise

pytest.importorskip("tensorflow", reason="needs the extra 'training'")

from ten_labels import LABELS, make_ten_labels

from kws_edge.audio.files import write_wav
from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ValidationErrors
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import read_model
from kws_edge.spotter import Decision, KeywordSpotter

WORDS = "down, go, left, no, right, stop, up, yes"


@pytest.fixture(scope="module")
def unknown_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ten_labels(tmp_path_factory.mktemp("unknown"), "_unknown_")


@pytest.fixture(scope="module")
def silence_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ten_labels(tmp_path_factory.mktemp("silence"), "_silence_")


def test_they_are_never_spotted_nor_nearly(unknown_model: Path) -> None:
    decisions: list[Decision] = []
    classifier = Classifier.load(unknown_model)
    config = DetectorConfig(threshold=0.001, smoothing_ms=0)
    spotter = KeywordSpotter(classifier, config, decisions.append, near_miss=0.5)
    spotter.set_active_keywords(LABELS)
    assert spotter.push(noise(48000)) == []
    assert spotter.take_near_misses() == []
    assert len(decisions) == 21
    assert all(decision.posteriors[LABELS.index("_unknown_")] > 0.9 for decision in decisions)


def test_listen_names_the_words_alone(
    unknown_model: Path, tmp_path: Path, run_command: Command
) -> None:
    path, track = tmp_path / "stream.wav", tmp_path / "stream.txt"
    write_wav(path, noise(64000), 16000)
    track.write_text("0\t1\tyes\n1\t2\t_unknown_\n2\t3\t_silence_\n3\t4\thouse\n")
    result = run_command(
        "listen",
        "--input",
        path,
        "--labels",
        track,
        "--threshold",
        "0.01",
        "--model",
        unknown_model,
        "--json",
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert f"listening to {path} for {WORDS} (ten-labels-float32" in result.stderr
    assert "spoken: 1 keywords and 2 other words; spotted 0 of 1" in result.stderr


def test_info_tells_them_apart(unknown_model: Path, run_command: Command) -> None:
    rows = dict(
        line.split(maxsplit=1) for line in run_command("info", unknown_model).stdout.splitlines()
    )
    assert rows["keywords"] == WORDS
    assert rows["not"] == "keywords  _silence_, _unknown_"
    assert rows["detector"].endswith("a decision every 100 ms, gate at -60 dBFS")


@pytest.mark.parametrize("predicted", ["_unknown_", "_silence_"])
def test_predict_says_what_is_no_keyword(
    predicted: str, unknown_model: Path, silence_model: Path, word_file: Path, run_command: Command
) -> None:
    model = {"_unknown_": unknown_model, "_silence_": silence_model}[predicted]
    result = run_command("predict", "--model", model, word_file)
    assert result.stdout.split() == [str(word_file), predicted, "0.978"]
    answer = json.loads(run_command("predict", "--json", "--model", model, word_file).stdout)
    assert answer["label"] == predicted
    assert tuple(answer["posteriors"]) == LABELS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("commands: [{run: [a], keywords: [_unknown_]}]", "commands[0].keywords: the model has no"),
        ("detector: {thresholds: {_silence_: 0.5}}", "detector.thresholds._silence_: the model"),
    ],
)
def test_config_check_refuses_them(
    text: str, message: str, unknown_model: Path, tmp_path: Path, run_command: Command
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"model: {unknown_model}\n{text}\n")
    result = run_command("config", "check", "--config", path)
    assert result.returncode == 78
    assert message in result.stderr
    assert f"({WORDS})" in result.stderr


def test_listen_refuses_a_threshold_for_them(unknown_model: Path, run_command: Command) -> None:
    result = run_command(
        "listen",
        "--demo",
        "--pace",
        "max",
        "--model",
        unknown_model,
        "--detector-thresholds",
        "{_unknown_: 0.5}",
    )
    assert result.returncode == 78
    assert "detector.thresholds._unknown_: no such keyword" in result.stderr


def test_a_manifest_has_no_threshold_for_them(unknown_model: Path) -> None:
    manifest = read_model(unknown_model).manifest
    detector = DetectorConfig(thresholds={"_unknown_": 0.5})
    with pytest.raises(ValidationErrors, match=r"detector\.thresholds\._unknown_: no such keyword"):
        dataclasses.replace(manifest, detector=detector)


def test_the_wake_word_server_offers_the_words(unknown_model: Path) -> None:
    pytest.importorskip("wyoming")
    from kws_edge.cli.wyoming import ServerProcess
    from kws_edge.config.config import Config
    from kws_edge.daemon.control import LoadedModels
    from kws_edge.wyoming.protocol import wake_info

    config = Config(model=str(unknown_model))
    models = LoadedModels(config)
    info = wake_info(models.manifests, models.active_keywords, ["en"])
    assert [model.name for model in info.wake[0].models] == list(LABELS[:8])
    assert f"server for {WORDS} (" in ServerProcess(config, lambda: config).banner


def test_the_recordings_check_takes_words_only(
    unknown_model: Path, word_file: Path, tmp_path: Path
) -> None:
    from training.evaluation.recordings.samples import BUNDLED_REFERENCE, load_reference
    from training.evaluation.recordings.verdict import check_recordings

    folder = tmp_path / "mine"
    for label in ("yes", "_silence_", "_unknown_"):
        (folder / label).mkdir(parents=True)
        shutil.copy(word_file, folder / label / "me-20260101T000000Z-1.wav")
    verdict = check_recordings(folder, unknown_model, load_reference(BUNDLED_REFERENCE))
    assert verdict["clips"] == 1
    assert verdict["other_folders"] == {"_silence_": 1, "_unknown_": 1}
    assert verdict["samples"][0]["predicted"] == "_unknown_"
