"""The pages of the experiments say what their tables say.

Every number in the prose of the lab's study must stand in a statement that this test computes
from ``results.csv``: what is left of the page without tables, links and these statements has no
digit. The tables and figures are those that ``experiment report`` makes.
"""

import re
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the extra 'training'")
pytest.importorskip("matplotlib", reason="needs the extra 'training'")

from training.experiments import summarise
from training.experiments.compare import Difference, TrialScore, compare, compare_means
from training.experiments.results import Study, TrialRun, load_studies
from training.report.page import MARKED, all_tables, write_report
from training.report.wording import configuration, gained, interval, p_value, percent, points

EXPERIMENTS = Path(__file__).parents[2] / "docs" / "experiments"
LAB, ABLATION = EXPERIMENTS / "lab_study", EXPERIMENTS / "recipe_ablation"
# What is no measurement: names, links, dates of nothing, limits of the method.
NAMES = (
    r"\]\([^)]*\)",
    r"\(8 words, ",
    "gsc_test_public",
    "x86_64",
    "float32",
    "[Ii]nt8",
    "Batch 1,",
    "1 KB is 1,024 bytes",
    r"95 %(?= intervals)|(?<=Wilson's, )95 %|95th percentile",
    "p < 0.05",
)


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    return load_studies(LAB)


@pytest.fixture(scope="module")
def prose() -> str:
    return MARKED.sub("", (LAB / "README.md").read_text())


def rivals_of(study: Study, best: TrialRun) -> list[TrialRun]:
    """The configurations from which ``best`` does not differ by more than the noise."""
    noise, score = study.noise(), study.score(best)
    return [
        run
        for run in study.configurations()
        if run.key != best.key and not compare(score, [study.score(run)], noise).clear
    ]


def says(study: Study, run: TrialRun) -> str:
    return configuration(study.experiment, run)


def probabilities(found: Difference) -> str:
    return f"p by clips {p_value(found.by_clips)}, by seeds {p_value(found.by_seeds)}"


def best(study: Study, group: str) -> TrialRun:
    return study.configurations(group)[0]


def scored(score: TrialScore) -> str:
    """``93.8 % (91.9 to 95.2)``."""
    return f"{percent(score.value)} ({interval(score)})"


def on_test(run: TrialRun) -> str:
    score = run.test()
    assert score
    return scored(score)


def mean(study: Study, group: str) -> float:
    return statistics.mean(study.score(run).value for run in study.base(group))


def highest(study: Study) -> Iterator[str]:
    """The winner, its test figure, and what does not differ from it."""
    winner = study.configurations()[0]
    score, test = study.score(winner), winner.test()
    assert test
    yield f"**{scored(score)}** of the {score.count} validation clips"
    yield says(study, winner)
    yield f"**{scored(test)}** of {test.count} clips"
    others, rivals = len(study.configurations()) - 1, rivals_of(study, winner)
    kinds = [run.group.removeprefix("course_") for run in rivals]
    yield f"the best of {others + 1} configurations"
    lowest = percent(min(study.score(run).value for run in rivals))
    if study.comparison == "official split":
        yield f"{len(rivals)} of the {others} others do not differ"
        yield f"({kinds.count('mfcc')} with MFCC and {kinds.count('log_mel')} with log-Mel)"
    else:
        assert kinds == ["mfcc"] * len(rivals)
        yield f"{len(rivals)} of the {others} others, both with MFCC"
    yield f"down to {lowest}"


def gain_statements(study: Study) -> Iterator[str]:
    for gain in summarise.gains(study):
        values = [study.score(run).value for run in gain.base]
        yield f"start{'s' * (gain.group != 'spectrogram')} at {percent(mean(study, gain.group))}"
        if len(values) > 1:
            low, high = percent(min(values)), percent(max(values))
            yield f"mean of {len(values)} seeds, {low} to {high}"
        yield f"of {gain.candidates}"
        yield gained(gain.validation)
        yield probabilities(gain.validation)
        assert gain.test
        yield gained(gain.test)
        yield probabilities(gain.test)


def verdicts(study: Study) -> dict[str, tuple[bool, bool]]:
    """Whether the gain is more than the noise, on validation and on the test."""
    return {
        gain.group: (gain.validation.clear, bool(gain.test and gain.test.clear))
        for gain in summarise.gains(study)
    }


def techniques(study: Study) -> Iterator[str]:
    mfcc, log_mel, spectrogram = (best(study, g) for g in ("mfcc", "log_mel", "spectrogram"))
    for run in (mfcc, spectrogram):
        yield f"reaches {scored(study.score(run))}, on the test set {on_test(run)}"
        yield says(study, run)
    noise = study.noise()
    yield f"{percent(study.score(log_mel).value)} against {percent(study.score(mfcc).value)}"
    for other in (mfcc, spectrogram):
        found = compare(study.score(log_mel), [study.score(other)], noise)
        test = summarise.test_difference(log_mel, [other], noise)
        assert test
        assert found.clear == test.clear == (other is spectrogram)
        for one in (found, test):
            yield f"{points(one.value)} points"
            yield probabilities(one)
    names = ("mfcc", "log_mel", "spectrogram")
    starts = [percent(mean(study, name)) for name in names]
    yield f"{starts[0]} against log-Mel's {starts[1]} and the spectrograms' {starts[2]}"
    bases = [[study.score(run) for run in study.base(name)] for name in names]
    lead = compare_means(bases[0], bases[1], noise)
    whole = compare_means(bases[0], bases[2], noise)
    assert lead.clear
    assert whole.clear
    yield probabilities(lead)
    yield f"{points(whole.value)} points"
    yield f"from log-Mel to MFCC it is {points(lead.value)} points"
    gains = {gain.group: gain.validation for gain in summarise.gains(study)}
    assert whole.value > max(gain.value for gain in gains.values())
    assert lead.value < gains["log_mel"].value
    yield f"at most {points(gains['spectrogram'].value)} points, for spectrograms"
    yield f"tuning log-Mel gains {points(gains['log_mel'].value)} points"


def settings(study: Study) -> Iterator[str]:
    """The ranges, and what stays inside the noise."""
    from training.report.wording import with_unit

    noise = study.noise()
    for effect in summarise.factor_effects(study):
        if effect.matters(noise):
            span = f"{100 * effect.span:.1f} points"
            ends = (with_unit(effect.factor, end) for end in (effect.best, effect.worst))
            high, low = ends
            yield f"{span}, best at {high}{' and' * (effect.group == 'mfcc')}" + (
                f" worst at {low}" if effect.group == "mfcc" else f", worst at {low}"
            )


def latencies(study: Study) -> Iterator[str]:
    runs = study.configurations()
    for name, text in (("float32", "float32 decision"), ("dynamic", "dynamic range"), ("int8", "")):
        rows = [run.models[name] for run in runs]
        shares = [
            features / (features + row.need("model_median_ms"))
            for row in rows
            if (features := row.need("features_median_ms"))
        ]
        yield percent(statistics.median(shares))
        yield f"{percent(min(shares))} to {percent(max(shares))}"
        assert text in ("", "float32 decision", "dynamic range")
    for group in study.groups:
        own = study.configurations(group.name)
        times = [row.need("features_median_ms") for run in own for row in run.models.values()]
        models = [
            statistics.median(run.models[q].need("model_median_ms") for run in own)
            for q in ("float32", "dynamic", "int8")
        ]
        yield (
            f"| {group.title} | {statistics.median(times):.3g} ({min(times):.3g} to"
            f" {max(times):.3g}) | {' | '.join(f'{m:.3g}' for m in models)} | {len(own)} |"
        )


def median_share(study: Study, quantization: str, column: str) -> float:
    """The median share of float32's value that a quantization has."""
    models = [run.models for run in study.configurations()]
    return statistics.median(
        m[quantization].need(column) / m["float32"].need(column) for m in models
    )


def quantizations(study: Study) -> Iterator[str]:
    by_key = {run.key: run for run in study.runs}
    losses = summarise.quantization_losses(study)
    for loss in losses:
        values = [100 * value for value in loss.accuracies.values()]
        low, high = min(values), max(values)
        worst = min(loss.accuracies, key=lambda key: loss.accuracies[key])
        yield f"{points(statistics.median(loss.accuracies.values()))} points"
        yield f"from {low:+.1f} with {says(study, by_key[worst])} to {high:+.1f}"
        size, time = (
            percent(median_share(study, loss.quantization, column))
            for column in ("size_kb", "model_median_ms")
        )
        yield f"{size} of the size and {time} of the"
        yield f"over {len(loss.accuracies)} configurations"
    kb = []
    for name in ("float32", "dynamic", "int8"):
        rows = [run.models[name] for run in study.configurations()]
        (size,) = {f"{row.need('size_kb'):,.0f} KB" for row in rows}
        kb.append(size)
    yield f"float32 {kb[0]}, dynamic range {kb[1]}, int8 {kb[2]}"
    dynamic, int8 = (
        sum(run.models[loss.quantization]["agrees"] == "false" for run in study.configurations())
        for loss in losses
    )
    yield f"Of {3 * len(study.configurations())} models, {dynamic + int8} give"
    yield f"{dynamic} of dynamic range and {int8} of int8"


def fronts(study: Study) -> Iterator[str]:
    found, noise = summarise.measured_models(study), study.noise()
    for front in (summarise.fastest(found), summarise.smallest(found)):
        yield f"{len(front)} models of {len(found)}"
        steps = [step for step in summarise.steps(front, noise) if step]
        clear = sum(step.clear for step in steps)
        plural = "s" * (len(steps) > 1)
        yield f"Of the {len(steps)} step{plural} along this front, {clear} gain more accuracy"
        for model in (front[0], front[-1]):
            yield says(study, model.run)
            cost = f"{model.latency_ms:.3g} ms" if len(front) > 2 else f"{model.size_kb:,.0f} KB"
            yield f"({percent(model.validation.value)} at {cost})"


def method(study: Study) -> Iterator[str]:
    run = study.runs[0]
    row = next(iter(run.models.values()))
    training, validation = (run[f"clips.{part}.keywords"] for part in ("training", "validation"))
    yield f"{training} clips to train on, {validation} to choose by"
    yield f"{row['test_clips']} clips of the official test set"
    yield f"{run['network']}, {run['epochs']} epochs, batches of {run['batch_size']}"
    hours = sum(one.value("seconds") for one in study.runs) / 3600
    commits = ", ".join(sorted({one["git_commit"] for one in study.runs}))
    yield f"{hours:.1f} hours on {run['host']}; commits {commits}"
    for group in study.groups:
        yield says(study, study.base(group.name)[0])
    noise = study.noise()
    yield f"{100 * noise.sd:.1f} points ({noise.df} degrees of freedom, pooled)"
    yield f"on {row['time_machine']}, {row['time_interpreter']}: {row['time_models']} models"
    yield f"{row['time_rounds']} rounds in random order with {row['time_calls']} decisions"
    load = f"{row['time_load_before']} to {row['time_load_after']}"
    yield f"Load average {load} on {row['time_cores']} cores"


def statements(studies: list[Study]) -> Iterator[str]:
    official, course = studies
    counts = len(official.runs), len(course.runs)
    yield f"{counts[0]} trainings on the official speakers and {counts[1]} on the lists"
    yield f"All {counts[0]} planned trainings are complete"
    yield f"proposed {len(official.failed)} configurations that do not exist"
    yield f"{counts[1]} of {counts[1]} trainings are complete"
    assert not any(
        int(row[-1]) for study in studies for row in all_tables([study])["coverage"]().rows
    )
    yield from highest(official)
    yield from gain_statements(official)
    yield from settings(official)
    yield from techniques(official)
    yield from latencies(official)
    yield from quantizations(official)
    yield from fronts(official)
    yield from highest(course)
    mfcc = best(course, "course_mfcc")
    yield f"reaches {scored(course.score(mfcc))}, on the testing part {on_test(mfcc)}"
    yield from gain_statements(course)
    yield from method(official)


def test_each_statement_of_the_study_is_on_its_page(studies: list[Study], prose: str) -> None:
    assert [one for one in statements(studies) if one not in prose] == []


def test_each_number_of_the_study_is_in_a_statement(studies: list[Study], prose: str) -> None:
    left = prose[: prose.index("Differs from earlier versions")]
    for one in sorted(statements(studies), key=len, reverse=True):
        left = left.replace(one, "")
    for name in NAMES:
        left = re.sub(name, "", left)
    assert re.findall(r".{0,30}\d.{0,30}", left) == []


def test_verdicts_of_the_study(studies: list[Study]) -> None:
    # as the prose has them: "inside the noise" and "more than the noise"
    assert verdicts(studies[0]) == {
        "mfcc": (False, True),
        "log_mel": (True, True),
        "spectrogram": (True, True),
    }
    assert verdicts(studies[1]) == {"course_mfcc": (False, False), "course_log_mel": (True, True)}
    noise = studies[0].noise()
    matters = {
        (e.group, e.factor.removeprefix("features."))
        for e in summarise.factor_effects(studies[0])
        if e.matters(noise)
    }
    log_mel = ("upper_edge_hertz", "frame_length_ms", "num_mel_bins", "overlap")
    assert matters == {
        ("mfcc", "frame_length_ms"),
        *(("log_mel", name) for name in log_mel),
        *(("spectrogram", name) for name in ("frame_length_ms", "overlap")),
    }


def ablation_statements(study: Study) -> Iterator[str]:
    metrics = study.experiment.metrics
    base = study.base("small")
    variants = {variant.name for variant in study.experiment.groups[0].variants}
    seeds = [len(runs) for name in variants if (runs := study.variant("small", name))]
    yield f"trained for {base[0]['epochs']} epochs"
    yield f"({base[0]['clips.validation.keywords']} clips of the words)"
    yield f"means over {min(seeds)} to {max(seeds)} seeds"
    for metric, title in metrics.items():
        unit = " points" * (title == "false accepts on others")  # the last of the list
        yield f"{100 * study.noise(metric).sd:.2f}{unit} ({title})"
    row = base[0].rows[0]
    yield f"{row['time_interpreter']}, one thread, {row['time_machine']}"
    for name in ("ts_resnet-32", "tc_resnet-16"):
        runs = study.variant("small", name)
        share = percent(statistics.mean(study.score(run).value for run in runs))
        size = f"{runs[0].rows[0].need('size_kb'):.1f} KB"
        yield f"{share} at {size}" if name.startswith("ts") else f"{size} for {share}"
    losses = {e.variant.name: e for e in summarise.variant_effects(study)}
    objective = study.experiment.objective

    def of(name: str) -> float:
        return losses[name].differences[objective].value

    yield f"drawn windows lose {points(of('no-noise'))} points"
    yield f"every epoch are worth {-100 * of('one-pass'):.1f} points"
    yield f"neighbouring words {-100 * of('words-alone'):.1f}"
    yield f"varied levels {-100 * of('same-level'):.1f}"


def test_each_statement_of_the_ablation_is_on_its_page() -> None:
    page = (ABLATION / "README.md").read_text()
    (study,) = load_studies(ABLATION)
    assert [one for one in ablation_statements(study) if one not in page] == []


@pytest.mark.parametrize("folder", [LAB, ABLATION], ids=lambda folder: folder.name)
def test_the_tables_of_the_pages_are_those_of_the_results(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "page"
    output.mkdir()
    for page in folder.glob("*.md"):
        shutil.copy(page, output)
    made = {path.name for path in write_report(load_studies(folder), output)}
    assert made == {path.name for path in folder.iterdir()} - {"config.yaml", "results.csv"}
    for page in folder.glob("*.md"):
        assert (output / page.name).read_text() == page.read_text()
