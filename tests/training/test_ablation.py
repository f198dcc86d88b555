"""One change at a time to a recipe: what is trained, what is kept, and the page of it."""

import json
from pathlib import Path

import pytest
from recipe_world import RECIPE, run_training, write_recordings

from kws_edge.config.schema import parse
from kws_edge.errors import ConfigError, DataError, ValidationErrors
from training.ablation.config import Ablation, Trial, Variant, trials_of
from training.ablation.effects import effect, tried
from training.ablation.trials import Result, Results, run_trials
from training.train.validation import Measures

VARIANTS = [
    {"name": "base", "says": "unchanged"},
    {"name": "wide", "says": "", "change": {"network.width": 12}},
    {"name": "no-noise", "says": "no noise", "change": {"augmentation.noise_share": 0}},
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An ablation of the tones' recipe, two seeds."""
    (tmp_path / "recipe.yaml").write_text(json.dumps(RECIPE))
    content = {
        "recipe": str(tmp_path / "recipe.yaml"),
        "seeds": [0, 1],
        "variants": VARIANTS,
        "change": {"schedule.epochs": 2},
        "notes": ["Nothing else."],
    }
    path = tmp_path / "ablation.yaml"
    path.write_text(json.dumps(content))
    return path


def ablation_of(config: Path, **changes: object) -> Ablation:
    return parse(Ablation, {**json.loads(config.read_text()), **changes})


def test_each_variant_changes_what_it_says_and_nothing_else(config: Path) -> None:
    base, wide, quiet, *others = trials_of(ablation_of(config))
    assert [trial.seed for trial in others] == [1, 1, 1]
    assert wide.recipe.network.width == 12
    assert wide.recipe.schedule == base.recipe.schedule
    assert base.recipe.schedule.epochs == 2
    assert quiet.recipe.augmentation.noise_share == 0
    assert quiet.base.augmentation.noise_share == base.recipe.augmentation.noise_share
    # other weights on the same windows
    assert (others[0].recipe.seed, others[0].recipe.schedule.seed) == (0, 1)


def test_a_change_may_bring_what_the_base_goes_without(config: Path) -> None:
    taught = {"name": "taught", "says": "", "change": {"teacher.network.width": 16}}
    people = {"name": "people", "says": "", "change": {"sources": [{"folder": "people"}]}}
    ablation = ablation_of(config, change={"teacher": None}, variants=[VARIANTS[0], taught, people])
    base, learner, other, *_ = (trial.recipe for trial in trials_of(ablation))
    assert base.teacher is None
    assert learner.teacher
    assert learner.teacher.network
    assert learner.teacher.network.width == 16
    assert [source.folder for source in other.sources] == [Path("people")]


def test_a_change_of_what_is_not_there_is_named(config: Path) -> None:
    wrong = [*VARIANTS, {"name": "odd", "says": "", "change": {"network.wdith": 3}}]
    with pytest.raises(ConfigError, match=r"changed for odd: network.wdith: unknown, did you mean"):
        trials_of(ablation_of(config, variants=wrong))
    with pytest.raises(ValidationErrors, match="a first one without change"):
        ablation_of(config, variants=VARIANTS[1:])
    with pytest.raises(ValidationErrors, match="base is there twice"):
        ablation_of(config, variants=VARIANTS + VARIANTS[:1])


def result(trial: Trial, windows: float, digest: str = "") -> Result:
    return Result(
        trial.variant.name,
        trial.seed,
        digest,
        "tc_resnet-8",
        1,
        1,
        2,
        1.0,
        100,
        "none",
        Measures(0.9, 0.9, 0.1, windows, 0.1),
    )


def test_an_effect_is_clear_where_seeds_spread_less(config: Path, tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    ablation = ablation_of(config)
    trials = trials_of(ablation)
    for trial, windows in zip(trials, (0.80, 0.90, 0.805, 0.81, 0.91, 0.81), strict=True):
        results.put(result(trial, windows))
    found = tried(ablation, results)
    wide, quiet = (
        effect(one, found[0], found, lambda r: r.validation.windows) for one in found[1:]
    )
    assert wide.value == pytest.approx(0.1)
    assert wide.clear
    # three pairs 0.01 or 0.005 apart: sd 0.0061 by 3 degrees, t 3.18
    assert quiet.half == pytest.approx(3.182 * 0.006124, rel=0.01)
    assert not quiet.clear


def test_what_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "base-0.json").write_text("{}")
    with pytest.raises(DataError, match=r"base-0.json: not the result of a trial"):
        Results(tmp_path).get("base", 0)


def test_names_are_names_of_files() -> None:
    with pytest.raises(ValidationErrors, match="has more than"):
        Variant("../x", "")


@pytest.mark.slow
def test_trials_are_trained_once_and_make_a_page(config: Path, tmp_path: Path) -> None:
    data = write_recordings(tmp_path / "data")
    config.write_text(config.read_text().replace('"seeds": [0, 1]', '"seeds": [0]'))
    folders = (
        "--results",
        tmp_path / "results",
        "--output",
        tmp_path / "runs",
        "--cache",
        tmp_path / "cache",
    )
    first = run_training("ablate", config, "--data", data, *folders)
    assert first.returncode == 0, first.stderr
    assert first.stdout == "3 trained, 0 known\n"
    # windows of the validation part are those of the unchanged recipe
    assert len(list((tmp_path / "cache").glob("validation-*"))) == 1
    assert len(list((tmp_path / "cache").glob("training-*"))) == 2
    (tmp_path / "results" / "wide-0.json").unlink()
    told: list[str] = []
    done = run_trials(
        trials_of(ablation_of(config)),
        Results(tmp_path / "results"),
        lambda trial: next((tmp_path / "runs").iterdir()),
        told.append,
    )
    assert (done, told) == (1, ["wide, seed 0: 1 of 1"])

    file = {f"{form} int8": form for form in ("windowed", "streaming")}
    network = {"name": "tc_resnet-8", "kb": {"windowed int8": 20.5}, "files": file}
    costs = {
        "machine": "a machine",
        "networks": [network],
        "median_ms": {"litert": {"windowed": 0.1, "streaming": 0.02}},
    }
    (tmp_path / "results" / "costs.json").write_text(json.dumps(costs))
    output = tmp_path / "models.md"
    page = run_training(
        "models-page", config, "--results", tmp_path / "results", "--output", output
    )
    assert page.stdout == f"{output}: 3 of 3 trials\n", page.stderr
    text = output.read_text()
    assert "| tc\\_resnet-8 |" in text
    assert "| tc\\_resnet-12 |" in text
    assert "| no noise |" in text
    assert "Nothing else." in text
    assert "](results/networks.svg)" in text
    assert (tmp_path / "results" / "networks.svg").exists()
