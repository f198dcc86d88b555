"""A recipe from YAML to a model file: small, on tones, but with all of its steps."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from recipe_world import PITCHES, RATE, RECIPE, run_training, write_recordings

from kws_edge.config.schema import parse
from kws_edge.errors import ConfigError, DataError, MissingFileError, ValidationErrors
from training.data.material import find_recordings, load_material
from training.data.passes import AugmentedEpochs
from training.networks.build import network
from training.train.recipe import Recipe
from training.train.run import as_document
from training.train.train_recipe import known_teachers, train_recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("data"))


def recipe(**changes: object) -> Recipe:
    return parse(Recipe, {**RECIPE, **changes})


def test_labels_are_the_words_then_what_is_none() -> None:
    assert recipe().labels == ("high", "low", "_unknown_", "_silence_")


def test_what_makes_no_sense_is_refused_all_at_once() -> None:
    with pytest.raises(ValidationErrors) as caught:
        recipe(
            words=["_yes"],
            windows={"unknown_share": 0.7, "silence_share": 0.4},
            schedule={"epochs": 2, "warmup_epochs": 2},
        )
    text = "\n".join(caught.value.faults)
    assert "windows.unknown_share, silence_share: leave no room for keywords" in text
    assert "schedule.warmup_epochs: 2.0 is not within 0 to below epochs" in text
    with pytest.raises(ValidationErrors, match="starts with _"):
        recipe(words=["_yes"])


def test_other_words_are_unknown_and_no_speaker_is_in_two_parts(data: Path) -> None:
    found = find_recordings(recipe(), data)
    parts = (found.training, found.validation)
    assert sum(len(part.keywords) for part in parts) < 48  # the testing part is left alone
    assert {clip.label for clip in found.training.others} == {"middle"}
    first, second = ({clip.speaker for clip in part.keywords} for part in parts)
    assert not first & second
    assert not set(found.training.speech) & set(found.validation.speech)


def test_own_takes_are_divided_by_take_and_repeated(data: Path) -> None:
    takes = [{"folder": "clips", "split": "takes", "repeat": 3}]
    found = find_recordings(recipe(sources=takes), data)
    assert len(found.training.keywords) == 2 * 20 * 3
    assert len(found.validation.keywords) == 2 * 4


def test_missing_recordings_are_named(data: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere: no such folder"):
        find_recordings(recipe(noise=["nowhere"]), data)
    with pytest.raises(DataError, match="no clips of hello for training"):
        find_recordings(recipe(words=["high", "hello"]), data)


def test_noises_for_validation_are_not_those_of_training(data: Path) -> None:
    found = find_recordings(recipe(), data)
    (training,), (validation,) = (
        load_material(found, part).noises for part in ("training", "validation")
    )
    assert len(training) + len(validation) == 6 * RATE


def test_a_pass_is_drawn_once(data: Path, tmp_path: Path) -> None:
    what = recipe()
    found = find_recordings(what, data)
    told: list[str] = []
    first = AugmentedEpochs(what, found, "training", tmp_path).get(0, told.append)
    again = AugmentedEpochs(what, found, "training", tmp_path).get(0, told.append)
    other = AugmentedEpochs(what, found, "training", tmp_path).get(1, told.append)
    assert [line.rsplit(" ", 1)[1] for line in told] == ["1", "2"]
    assert np.array_equal(first.features, again.features)
    assert not np.array_equal(first.features, other.features)
    assert first.features.shape == (len(first.targets), *what.features.shape)
    quieter = recipe(augmentation={"rooms": 2, "gain_db": {"low": -60, "high": -50}})
    AugmentedEpochs(quieter, found, "training", tmp_path).get(0, told.append)
    assert len(told) == 3  # other windows: drawn anew


def kept_run(folder: Path, what: Recipe, model: keras.Model | None = None) -> Path:
    """A run of ``what``, its network untrained, or ``model``."""
    folder.mkdir()
    (folder / "recipe.yaml").write_text(json.dumps(as_document(what)))
    (model or network(what.run())).save_weights(folder / "network.weights.h5")
    return folder


def test_teachers_may_be_runs_that_hear_and_tell_apart_the_same(tmp_path: Path) -> None:
    larger = recipe(network={"architecture": "tc_resnet", "width": 12})
    runs = [str(kept_run(tmp_path / name, larger)) for name in ("a", "b")]
    taught = recipe(teacher={"runs": runs})
    assert [model.count_params() for model in known_teachers(taught)] == [
        network(larger.run()).count_params()
    ] * 2
    with pytest.raises(ConfigError, match="a teacher with other labels than tones's"):
        known_teachers(recipe(teacher={"runs": runs}, words=["high"]))
    with pytest.raises(MissingFileError, match="expected a run of 'recipe'"):
        known_teachers(recipe(teacher={"runs": [str(tmp_path)]}))
    with pytest.raises(ValidationErrors, match="network, runs: expected one of them"):
        recipe(teacher={"share": 0.5})


@pytest.mark.slow
def test_a_run_teaches(data: Path, tmp_path: Path) -> None:
    sure = network(recipe().run())  # of _silence_, whatever it hears
    dense = sure.layers[-2]
    kernel, _ = dense.get_weights()
    dense.set_weights([np.zeros_like(kernel), np.array([0, 0, 0, 20])])
    teacher = str(kept_run(tmp_path / "teacher", recipe(), sure))

    def taught(share: float) -> tuple[float, float]:
        what = recipe(teacher={"runs": [teacher], "share": share})
        run = train_recipe(what, data, tmp_path / "runs", tmp_path / "cache", lambda _: None)
        *_, last = csv.DictReader((run / "history.csv").open())
        metrics = json.loads((run / "metrics.json").read_text())
        return float(last["loss"]), metrics["validation"]["open"]

    loss, right = taught(0.01)
    assert taught(0.01)[0] == pytest.approx(loss, rel=1e-3)  # all by seed, the weights too
    assert right > 0
    assert taught(1.0)[1] == 0  # as the teacher: no clip is silent


@pytest.mark.slow
def test_from_a_recipe_to_a_model_that_rejects(data: Path, tmp_path: Path) -> None:
    teacher = {"network": {"architecture": "tc_resnet", "width": 12}, "epochs": 30, "share": 0.3}
    path = tmp_path / "recipe.yaml"
    # clear windows: few epochs are to tell three tones apart
    clear = {
        "windows": {
            "alone_share": 1,
            "unknown": {"words": 1, "parts": 0, "joins": 0, "backwards": 0, "speech": 0},
        },
        "augmentation": {**RECIPE["augmentation"], "noise_share": 0, "room_share": 0},  # type: ignore[dict-item]
        "schedule": {**RECIPE["schedule"], "epochs": 40, "averaging": 0},  # type: ignore[dict-item]
    }
    path.write_text(json.dumps({**RECIPE, **clear, "teacher": teacher}))
    made = run_training(
        "recipe", path, "--data", data, "--output", tmp_path / "runs", "--cache", tmp_path / "cache"
    )
    assert made.returncode == 0, made.stderr
    run = Path(made.stdout.strip())
    assert "tc_resnet, width 12" in (run / "log.txt").read_text()
    measures = json.loads((run / "metrics.json").read_text())["validation"]
    assert measures["closed"] > 0.9
    converted = run_training(
        "convert", run, "-q", "int8", "--data", data / "clips", "--output", tmp_path
    )
    assert converted.returncode == 0, converted.stderr
    clips = [data / "clips" / label / f"s{n}_nohash_0.wav" for label in PITCHES for n in range(8)]
    heard = subprocess.run(
        [
            sys.executable,
            "-m",
            "kws_edge",
            "predict",
            "--json",
            "--model",
            str(tmp_path / "tones-int8.tflite"),
            *map(str, clips),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    labels = [json.loads(line)["label"] for line in heard.stdout.splitlines()]
    expected = [label for label in ("high", "low", "_unknown_") for _ in range(8)]
    assert sum(map(str.__eq__, labels, expected)) >= 20, labels
    # a word of one's own: what was unknown becomes a word
    own = tmp_path / "own" / "middle"
    own.mkdir(parents=True)
    for take in range(10):
        clip = data / "clips" / "middle" / f"s{take + 14}_nohash_0.wav"
        shutil.copy(clip, own / f"me-20260101T000000Z-{take}.wav")
    known = tmp_path / "data"
    (known / "clips").mkdir(parents=True)
    for folder in ("noise", "speech", "clips/high", "clips/low"):
        (known / folder).symlink_to(data / folder)
    places = ("--output", tmp_path / "runs", "--cache", tmp_path / "cache")
    adapted = run_training("adapt", tmp_path / "own", "--from", run, "--data", known, *places)
    assert adapted.returncode == 0, adapted.stderr
    assert "own takes, after: 2 of 2 known" in adapted.stderr
    assert "other people's clips, before: " in adapted.stderr
    assert f"next: python -m training convert {adapted.stdout.strip()} -q int8" in adapted.stderr
