"""models/NAME/model.yaml: those that ship describe their models, and faults are named."""

import shlex
from pathlib import Path

import click
import pytest

from kws_edge.errors import ConfigError, MissingFileError
from kws_edge.model.file import bundled_models, read_model
from training.cli import main
from training.cli.release import STEP_NAMES as OFFERED
from training.config import attribution_text
from training.release.model_config import ModelPlan, load_model_plan
from training.release.steps import STEP_NAMES

MODELS = bundled_models()
MINIMAL = """
description: Two tones.
limits: Tones alone.
training:
  name: tones
  data: {sources: [{folder: clips}], words: [high, low]}
  features: {kind: log_mel}
attribution: [{name: Tones, licence: CC0}]
"""


def written(folder: Path, text: str) -> Path:
    model = folder / "tones"
    model.mkdir()
    (model / "model.yaml").write_text(text)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_a_bundled_model_is_what_its_file_describes(name: str) -> None:
    plan, manifest = load_model_plan(MODELS[name].parent), read_model(MODELS[name]).manifest
    assert plan.name == manifest.name == name
    assert plan.training.features == manifest.features
    assert plan.training.labels == manifest.labels
    assert plan.config.export.quantization == manifest.flatbuffer.quantization
    assert plan.config.export.streaming == (manifest.streaming is not None)
    if plan.config.tuning:
        assert set(plan.config.tuning.targets) == {"default", *manifest.presets}
        assert plan.training.detector.hop_ms == manifest.detector.hop_ms
        assert plan.training.detector.gate_dbfs == manifest.detector.gate_dbfs
    else:
        assert plan.config.operating_points is not None
        assert plan.config.operating_points.detector == manifest.detector
        assert plan.config.operating_points.presets == manifest.presets
    described = {metric.data for metric in manifest.metrics}
    evaluation = plan.config.evaluation
    clips = {one.description for one in evaluation.clips}
    streams = {one.description for one in evaluation.streams}
    assert clips | streams == described


@pytest.mark.parametrize("name", MODELS)
def test_its_card_has_the_words_of_its_file(name: str) -> None:
    plan = load_model_plan(MODELS[name].parent)
    card = (plan.folder / "card.md").read_text()
    assert card.startswith(f"# {name}\n\n{plan.config.description.strip()}\n\nRecognizes ")
    assert card.endswith(f"## Limits\n\n{plan.config.limits.strip()}\n")
    for data_set in plan.attribution:
        # the licences of the first releases stand in other sentences
        assert data_set.creator.split(" and ")[0] in card
    assert "- Built from [model.yaml](model.yaml)." in card


@pytest.mark.parametrize("name", MODELS)
def test_its_data_commands_exist(name: str) -> None:
    for data_set in load_model_plan(MODELS[name].parent).config.data:
        name, *words = shlex.split(data_set.command)
        group = click.Context(main)
        command = main.get_command(group, name)
        if isinstance(command, click.Group):
            name, *words = words
            command = command.get_command(group, name)
        assert command is not None
        command.make_context(name, words)  # raises for an unknown option


def test_every_step_is_offered() -> None:
    assert OFFERED == STEP_NAMES


def test_paths_are_beside_the_file_or_else_in_the_package(tmp_path: Path) -> None:
    text = MINIMAL.replace(
        "attribution", "streams: [mine.yaml, configs/streams/test-clips.yaml]\nattribution"
    )
    model = written(tmp_path, text)
    (model / "mine.yaml").write_text("{name: mine, least_seconds: 5}")
    assert set(load_model_plan(model).streams) == {"mine", "test-clips"}


def test_the_attribution_of_the_file_replaces_that_of_the_training(tmp_path: Path) -> None:
    text = MINIMAL.replace("  features:", "  attribution: [{name: Other, licence: X}]\n  features:")
    plan = load_model_plan(written(tmp_path, text))
    assert attribution_text(plan.training.attribution) == "Trained on Tones, licensed CC0."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("limits: Tones alone.\n", "", "limits: missing"),
        ("limits: Tones alone.\n", "limits: ''\n", "limits: is empty, and the card needs it"),
        ("attribution: [{name: Tones, licence: CC0}]\n", "", "attribution: missing; name the data"),
        ("licence: CC0", "license: CC0", "license: unknown, did you mean licence?"),
        ("limits", "export: {chunk_ms: 80}\nlimits", "export.chunk_ms: is for streaming: true"),
        (
            "limits",
            "tuning: {positives: [], negatives: [a], targets: {}}\nlimits",
            "tuning.positives: expected at least one stream; tuning.targets.default: missing",
        ),
        ("limits", "evaluation: {repetitions: 1}\nlimits", "evaluation.repetitions: 1 is below 10"),
        ("words: [high, low]", "words: []", "training.data.words: expected at least"),
    ],
)
def test_faults(old: str, new: str, message: str, tmp_path: Path) -> None:
    model = written(tmp_path, MINIMAL.replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        load_model_plan(model)
    assert str(error.value).startswith(f"{model / 'model.yaml'}: ")
    assert message in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="expected a model's description"):
        load_model_plan(tmp_path)


def test_a_plan_is_named_after_its_folder(tmp_path: Path) -> None:
    plan: ModelPlan = load_model_plan(written(tmp_path, MINIMAL) / "model.yaml")
    assert plan.name == "tones"
