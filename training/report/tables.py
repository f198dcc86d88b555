"""The smaller tables: the fronts, the ranking, the seeds, what is missing."""

from collections.abc import Sequence

from training.report.blocks import Cell, Column, Table, number, word
from training.report.coverage import coverage
from training.report.effects import Effect, effects
from training.report.load import Study
from training.report.models import Model, steps
from training.report.noise import Difference, SeedNoise
from training.report.table_cells import ALL, interval, settings, share
from training.report.words import KIND, PARAMETER, configuration, with_unit
from training.sweep.point import Point

GAIN = "gain over the next cheaper one"


def missing(study: Study) -> Table:
    """Planned and found runs."""
    columns = (
        Column("features", number=False),
        Column("plan", number=False),
        *(Column(name) for name in ("planned", "there", "without result", "missing")),
    )
    rows = tuple(
        (word(KIND[n.kind]), word(n.plan), *map(number, (n.planned, n.done, n.failed, n.left)))
        for n in coverage(study)
    )
    return Table("missing", "Runs that the sweeps plan, and those that are there", columns, rows)


def front(name: str, models: Sequence[Model], noise: SeedNoise, cost: str) -> Table:
    """The models of a front, numbered as in its picture."""
    columns = (
        Column("no."),
        Column("features", number=False),
        *ALL,
        Column("quantization", number=False),
        Column("validation %"),
        Column("95 % interval", number=False),
        Column("test %"),
        Column("latency ms"),
        Column("size KB"),
        Column("points", GAIN),
        Column("p by clips", GAIN),
        Column("p by seeds", GAIN),
        Column("verdict", GAIN, number=False),
    )
    rows = tuple(
        (
            number(place),
            word(KIND[model.run.kind]),
            *settings(model.run.point),
            word(model.quantization),
            share(model.validation),
            interval(model.validation),
            share(model.test),
            number(model.latency_ms, ".3g"),
            number(model.size_kb, ".0f"),
            *_gain(step),
        )
        for place, (model, step) in enumerate(zip(models, steps(models, noise), strict=True), 1)
    )
    caption = f"The Pareto front of validation accuracy and {cost}, the cheapest first"
    return Table(name, caption, columns, rows)


def _gain(step: Difference | None) -> tuple[Cell, ...]:
    if not step:
        return (number(None),) * 4
    return (
        number(100 * step.value, "+.1f"),
        number(step.by_clips if step.paired else None, ".2g"),
        number(step.by_seeds, ".2g"),
        word(step.short),
    )


def ranking(study: Study, noise: SeedNoise) -> Table:
    """Hyper-parameters by the range of validation accuracy."""
    columns = (
        Column("features", number=False),
        Column("hyper-parameter", number=False),
        Column("values"),
        Column("best at", number=False),
        Column("worst at", number=False),
        Column("range, points"),
        Column("range / seed sd"),
        Column("p by seeds"),
        Column("latency range, ms"),
        Column("verdict", number=False),
    )
    rows = tuple(_rank(effect, noise) for effect in effects(study))
    caption = "Hyper-parameters by the range of validation accuracy when each is changed alone"
    return Table("ranking", caption, columns, rows)


def _rank(effect: Effect, noise: SeedNoise) -> tuple[Cell, ...]:
    name, p, latencies = (
        effect.parameter,
        noise.p_of_range(effect.accuracies),
        effect.latencies(),
    )
    there = Cell(f"{len(effect.runs)} of {effect.planned}", len(effect.runs))
    verdict = "matters" if effect.matters(noise) else "inside the noise"
    return (
        word(KIND[effect.kind]),
        word(PARAMETER[name]),
        there,
        Cell(with_unit(name, effect.best), effect.best),
        Cell(with_unit(name, effect.worst), effect.worst),
        number(100 * effect.range, ".1f"),
        number(effect.range / noise.sd if noise.sd else None, ".1f"),
        number(p, ".2g"),
        number(max(latencies) - min(latencies) if latencies else None, ".2g"),
        word(verdict),
    )


def seeds(study: Study) -> Table:
    """The base points, each seed a row."""
    columns = (
        Column("features", number=False),
        Column("seed"),
        Column("validation %"),
        Column("95 % interval", number=False),
        Column("test %"),
    )
    rows = []
    for kind in study.kinds:
        for run in study.base(kind):
            rows.append(
                (
                    word(KIND[kind]),
                    number(run.record.seed),
                    share(run.validation),
                    interval(run.validation),
                    share(run.test()),
                )
            )
    return Table("seeds", "The base points with their seeds", columns, tuple(rows))


def failures(study: Study) -> Table:
    """Trials without a result, and why."""
    columns = (
        Column("features", number=False),
        Column("setting", number=False),
        Column("reason", number=False),
    )
    rows = []
    for record in study.failed:
        point = Point(**record.point)
        rows.append((word(KIND[point.kind]), word(configuration(point)), word(record.reason)))
    return Table("failures", "Planned runs without a result", columns, tuple(rows))
