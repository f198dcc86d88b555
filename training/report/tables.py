"""The tables of an experiment as Markdown, from its results alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.experiments import summarise
from training.experiments.compare import Difference
from training.experiments.config import Group
from training.experiments.study import Run, Study
from training.experiments.trials import BASE, MIN_FFT
from training.experiments.words import (
    configuration,
    gained,
    interval,
    number,
    p_value,
    percent,
    points,
    setting,
    verdict,
    with_unit,
)

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Table:
    """``header`` titles with ``>`` in front are of columns of numbers, aligned right."""

    header: tuple[str, ...]
    rows: Rows

    def markdown(self) -> str:
        """A table of GitHub's Markdown, without columns that are empty in all rows."""
        used = [i for i in range(len(self.header)) if any(row[i] for row in self.rows)]
        lines = [
            _line([self.header[i].removeprefix(">") for i in used]),
            _line(["--:" if self.header[i].startswith(">") else "---" for i in used]),
        ]
        lines += [_line([row[i].replace("|", "\\|") for i in used]) for row in self.rows]
        return "\n".join(lines)


def _titles(text: str) -> tuple[str, ...]:
    return tuple(text.split(" | "))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def title(study: Study, group: str) -> str:
    found = study.experiment.group(group)
    return found.title or found.name


def gains(study: Study) -> Table:
    """The best of each group against its base."""
    header = (
        "group",
        ">base",
        "best configuration",
        ">best",
        "gain",
        "on the test part",
        "verdict",
    )
    rows = []
    for gain in summarise.gains(study):
        rows.append(
            (
                title(study, gain.group),
                percent(_mean(study, gain.base)),
                configuration(study.experiment, gain.best),
                percent(_mean(study, gain.seeds)),
                gained(gain.validation),
                gained(gain.test) if gain.test else "",
                verdict(gain.validation),
            )
        )
    return Table(header, rows)


def _mean(study: Study, runs: Sequence[Run]) -> float:
    return sum(study.score(run).value for run in runs) / len(runs)


def ranking(study: Study) -> Table:
    """The factors by the range of the objective when each is changed alone."""
    header = _titles(
        "group | setting | >values | >best at | >worst at | >range, points | >range / seed sd"
        " | >p | >latency range, ms | verdict"
    )
    noise, rows = study.noise(), []
    for effect in summarise.factor_effects(study):
        name = effect.factor
        rows.append(
            (
                title(study, effect.group),
                setting(name),
                f"{len(effect.runs)} of {effect.planned}",
                with_unit(name, effect.best),
                with_unit(name, effect.worst),
                f"{100 * effect.span:.1f}",
                number(effect.span / noise.sd if noise.sd else None, ".1f"),
                p_value(effect.p(noise)),
                number(effect.latency_span(), ".2g"),
                "matters" if effect.matters(noise) else "inside the noise",
            )
        )
    return Table(header, rows)


def front(
    study: Study, choose: Callable[[Sequence[summarise.Model]], list[summarise.Model]]
) -> Table:
    """A Pareto front, the cheapest first, and what each step along it gains."""
    header = _titles(
        ">no. | configuration | model | >validation, % | 95 % interval | >test, % | >latency, ms"
        " | >size, KB | >gain, points | >p by clips | >p by seeds | verdict"
    )
    found = choose(summarise.models(study))
    rows = []
    for place, (model, step) in enumerate(
        zip(found, summarise.steps(found, study.noise()), strict=True), 1
    ):
        test = model.run.test(model.quantization)
        rows.append(
            (
                str(place),
                configuration(study.experiment, model.run),
                model.quantization,
                percent(model.validation.value, ""),
                interval(model.validation),
                percent(test.value if test else None, ""),
                f"{model.latency_ms:.3g}",
                f"{model.size_kb:.0f}",
                *_step(step),
            )
        )
    return Table(header, rows)


def _step(step: Difference | None) -> tuple[str, ...]:
    if not step:
        return ("",) * 4
    return (
        points(step.value),
        p_value(step.by_clips if step.paired else None),
        p_value(step.by_seeds),
        verdict(step),
    )


def seeds(study: Study) -> Table:
    """The bases, a row for each seed."""
    header = ("group", ">seed", ">validation, %", "95 % interval", ">test, %")
    rows = []
    for group in study.groups:
        for run in study.base(group.name):
            score, test = study.score(run), run.test()
            test_share = percent(test.value if test else None, "")
            cells = (run["seed"], percent(score.value, ""), interval(score), test_share)
            rows.append((group.title or group.name, *cells))
    return Table(header, rows)


def coverage(study: Study) -> Table:
    """Planned trials and those that are there."""
    header = ("group", "plan", ">planned", ">complete", ">failed", ">missing")
    rows = []
    for group in study.groups:
        keys = {one.trial.key for one in study.plan if one.trial.group == group.name}
        done = sum(run.key in keys for run in study.runs)
        failed = sum(row["trial"] in keys for row in study.failed)
        rows.append(_counts(group, "given", len(keys), done, failed))
        if group.search:
            states = [run["plan"] for run in study.runs if run.group == group.name]
            done = states.count("search")
            own = [row for row in study.failed if row["group"] == group.name]
            failed = sum(row["plan"] == "search" for row in own)
            rows.append(_counts(group, "search", group.search.trials, done, failed, search=True))
    return Table(header, rows)


def _counts(
    group: Group, plan: str, planned: int, done: int, failed: int, *, search: bool = False
) -> tuple[str, ...]:
    # what a search proposed in vain does not count as one of its trials
    missing = max(0, planned - done - (0 if search else failed))
    return (group.title or group.name, plan, *map(str, (planned, done, failed, missing)))


def failures(study: Study) -> Table:
    """Trials without a result, and why."""
    rows = [(configuration(study.experiment, row), row["reason"]) for row in study.failed]
    return Table(("configuration", "reason"), rows)


def networks(study: Study) -> Table:
    """The base and the variants that change the network alone: metrics and costs."""
    metrics = study.experiment.metrics
    costs = _titles("network | >parameters | >MMAC | >size, KB | >ms windowed | >ms streaming")
    header = (*costs, *(f">{name}, %" for name in metrics.values()), ">seeds")
    rows = []
    for group in study.groups:
        names = [v.name for v in group.variants if network_alone(v.change)]
        for name in [BASE, *names] if names else []:
            runs = study.variant(group.name, name)
            if not runs:
                continue
            row = runs[0].rows[0]
            work = row.number("multiply_accumulates")
            shares = [sum(r.value(metric) for r in runs) / len(runs) for metric in metrics]
            rows.append(
                (
                    row["network"] or name,
                    number(row.number("parameters"), ",.0f"),
                    number(work / 1e6 if work else None, ".2f"),
                    number(row.number("size_kb"), ".1f"),
                    number(row.number("model_median_ms"), ".3f"),
                    number(row.number("streaming_median_ms"), ".3f"),
                    *(percent(share, "") for share in shares),
                    str(len(runs)),
                )
            )
    return Table(header, rows)


def network_alone(change: dict[str, object] | object) -> bool:
    """Whether a variant is another network, by the same training."""
    return isinstance(change, dict) and all(name.startswith("network.") for name in change)


def parts(study: Study) -> Table:
    """The other variants against their base, by each metric; * is more than seeds alone do."""
    metrics = study.experiment.metrics
    rows = []
    for effect in summarise.variant_effects(study):
        if not network_alone(effect.variant.change):
            cells = [_effect(effect.differences[metric]) for metric in metrics]
            rows.append(
                (effect.variant.title or effect.variant.name, *cells, str(len(effect.runs)))
            )
    return Table(("change", *(f">{name}" for name in metrics.values()), ">seeds"), rows)


def _effect(found: Difference) -> str:
    text = f"{100 * found.value:+.1f}"
    if found.interval:
        half = (found.interval[1] - found.interval[0]) / 2
        text += f" ± {100 * half:.1f}" + (r" \*" if abs(found.value) > half else "")
    return text


def configurations(study: Study, group: str) -> Table:
    """Every run of a group, the most accurate first, with all its models."""
    runs = [run for run in study.runs if run.group == group]
    runs.sort(key=lambda run: -run.value(study.experiment.objective))
    names: list[str] = [
        n for n in study.experiment.quantizations if any(n in run.models for run in runs)
    ]
    settings = _varied(study, runs)
    header = (
        *(f">{_unit(name)}" for name in settings),
        *_titles(">seed | plan | >input | >validation, % | 95 % interval"),
        *(f">test {name}, %" for name in names),
        *_titles("test interval, float32 | >features, ms"),
        *(f">model {name}, ms" for name in names),
        *(f">sum {name}: median / p95, ms" for name in names),
        *(f">{name}, KB" for name in names),
    )
    return Table(header, [_run(study, run, settings, names) for run in runs])


def _varied(study: Study, runs: list[Run]) -> list[str]:
    """The settings to show: those of the features, and others that are not the same in all runs."""
    names = dict.fromkeys(name for one in study.plan for name in one.trial.settings)
    return [
        name
        for name in names
        if name not in (MIN_FFT, "features.kind")
        and any(run[name] for run in runs)
        and (name.startswith("features.") or len({run[name] for run in study.runs}) > 1)
    ]


def _unit(name: str) -> str:
    found = with_unit(name, 0.0).removeprefix("0").strip()
    return f"{setting(name)}, {found}" if found else setting(name)


def _run(study: Study, run: Run, settings: list[str], names: list[str]) -> tuple[str, ...]:
    rows = [run.models.get(name) for name in names]
    times = [row.number("features_median_ms") for row in rows if row]
    known = [time for time in times if time is not None]

    def each(column: str, form: str) -> list[str]:
        return [number(row.number(column) if row else None, form) for row in rows]

    medians, tails = each("decision_median_ms", ".3f"), each("decision_p95_ms", ".3f")
    tests = [run.test(name) for name in names]
    return (
        *(_value(name, run[name]) for name in settings),
        run["seed"],
        run["plan"],
        run["feature_shape"].replace("x", " x "),
        percent(study.score(run).value, ""),
        interval(study.score(run)),
        *(percent(test.value if test else None, "") for test in tests),
        interval(run.test()),
        number(min(known) if known else None, ".3f"),
        *each("model_median_ms", ".3f"),
        *(f"{a} / {b}" if a else "" for a, b in zip(medians, tails, strict=True)),
        *each("size_kb", ".0f"),
    )


def _value(name: str, text: str) -> str:
    try:
        return with_unit(name, float(text)).split(" ")[0]
    except ValueError:
        return text
