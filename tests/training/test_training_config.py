"""TrainingConfig: read strictly, changed by dotted overrides, and what ships."""

import math
import sys
from collections.abc import Callable
from functools import partial

import pytest
from tones import ROOT, plain_config, run

from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import load
from kws_edge.errors import ValidationErrors
from training.config import (
    Attribution,
    OptimizerConfig,
    TrainingConfig,
    as_document,
    with_overrides,
)
from training.evaluation.streams.stream_config import StreamConfig
from training.experiments.experiment import SearchRange
from training.release.model_config import TargetConfig

CONFIGS = ("lab-mfcc", "lab-log-mel", "course-mfcc", "course-log-mel", "small", "large", "course")


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shipped_configuration_survives_writing_and_reading(name: str) -> None:
    config = load(ROOT / "training" / "configs" / f"{name}.yaml", TrainingConfig)
    assert config.name == name
    assert config.attribution
    assert parse(TrainingConfig, as_document(config)) == config


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_released_run_was_trained_as_its_configuration_says(name: str) -> None:
    run = load(ROOT / "models" / f"{name}-int8" / "run" / "config.yaml", TrainingConfig)
    config = load(ROOT / "training" / "configs" / f"{name}.yaml", TrainingConfig)
    assert run == config
    assert (run.schedule.epochs, run.schedule.batch_size) == (
        {"small": 300, "large": 160}[name],
        128,
    )
    assert (run.teacher is None) == (config.teacher is None)


def test_labels_are_the_words_and_with_windows_what_is_none() -> None:
    document = plain_config()
    assert parse(TrainingConfig, document).labels == ("high", "low", "middle")
    windows = parse(TrainingConfig, {**document, "windows": {}})
    assert windows.labels == ("high", "low", "middle", "_unknown_", "_silence_")


def test_all_faults_are_reported_at_once() -> None:
    document = with_overrides(
        plain_config(),
        {
            "network.architecture": "ts_resnett",
            "optimizer.weight_decay": 0.1,
            "schedule.epochs": 0,
            "data.words": ["low", "low"],
            "windows": {"unknown_share": 2},
        },
    )
    document["sede"] = 3
    with pytest.raises(ValidationErrors) as caught:
        parse(TrainingConfig, document)
    text = "\n".join(caught.value.faults)
    for fault in (
        "sede: unknown, did you mean seed?",
        "network.architecture: found 'ts_resnett', expected lab_cnn,",
        "did you mean ts_resnet?",
        "optimizer.weight_decay: adam has none",
        "schedule.epochs: 0 is not above 0",
        "data.words: expected at least one, each once",
        "windows.unknown_share: 2.0 is not within 0 to 1",
    ):
        assert fault in text


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"schedule.warmup_epochs": 1}, "schedule.warmup_epochs: only optimizer.decay cosine"),
        ({"data.words": ["low"]}, "data.words: expected at least two"),
        ({"data.words": ["low", "_x"], "windows": {}}, "data.words: '_x' starts with _"),
        ({"name": "a/b"}, "name: 'a/b' cannot name a file"),
        ({"optimizer.end_learning_rate": 1}, "end_learning_rate: 1.0 is not within 0 to"),
        ({"teacher.share": 0.5}, "teacher.network, runs: expected one of them"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    changes: dict[str, object], fault: str
) -> None:
    with pytest.raises(ValidationErrors, match=fault.replace("(", r"\(")):
        parse(TrainingConfig, with_overrides(plain_config(), changes))


def test_overrides_change_a_copy_and_create_sections() -> None:
    document = plain_config()
    changed = with_overrides(
        document,
        {
            "network.width": 40,
            "windows.unknown.speech": 3,
            "detector.thresholds.low": 0.4,
            "schedule": {"epochs": 7, "warmup_epochs": 0},
        },
    )
    assert document == plain_config()
    config = parse(TrainingConfig, changed)
    assert config.network.width == 40
    assert config.windows
    assert config.windows.unknown.speech == 3
    assert config.detector.thresholds == {"low": 0.4}
    assert config.schedule.epochs == 7


def test_unknown_overrides_are_reported_at_once_with_the_nearest_name() -> None:
    keys = ("netwerk.width", "network.widht", "name.x", "data.sources.0")
    with pytest.raises(ValidationErrors) as caught:
        with_overrides(plain_config(), dict.fromkeys(keys, 1))
    assert list(caught.value.faults) == [
        "netwerk: unknown, did you mean network?",
        "network.widht: unknown, did you mean width?",
        "name.x: name has no settings of its own",
        "data.sources.0: data.sources has no settings of its own",
    ]


def test_a_configuration_is_checked_without_keras() -> None:
    code = "import training.config, training.config, sys; print('keras' in sys.modules)"
    assert run([sys.executable, "-c", code]).stdout == "False\n"


def test_a_data_set_is_named_with_its_licence() -> None:
    full = Attribution("Words", "CC BY 4.0", "https://example.org", "Ann")
    assert str(full) == "Words by Ann (https://example.org), licensed CC BY 4.0"
    assert str(Attribution("Words", "CC0")) == "Words, licensed CC0"


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (OptimizerConfig, ("learning_rate", "end_learning_rate", "weight_decay")),
        (partial(StreamConfig, "x"), ("margin_ms", "scene_seconds", "back_to_back")),
        (partial(TargetConfig, 1.0), ("spare_recall",)),
        (TargetConfig, ("false_accepts_per_hour",)),
        (partial(SearchRange, low=0, high=1, step=1), ("low", "high", "step")),
    ],
)
def test_nan_is_within_no_bounds(make: Callable[..., object], fields: tuple[str, ...]) -> None:
    """A file with it is refused as no finite number; here the comparisons are meant."""
    for name in fields:
        with pytest.raises(ValidationErrors, match=rf"{name}|low"):
            make(**{name: math.nan})
    with pytest.raises(ValidationErrors, match=r"gap_seconds: .* is not a least and a most"):
        StreamConfig("x", least_seconds=1.0, gap_seconds=(0.0, math.nan))
