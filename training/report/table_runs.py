"""Every configuration of a kind of features, with all figures."""

from training.report.blocks import Cell, Column, Table, number, word
from training.report.load import Study
from training.report.run import Run
from training.report.table_cells import ALL, interval, settings, share, used
from training.report.words import KIND
from training.study.results import QUANTIZATIONS, Timing


def configurations(study: Study, kind: str) -> Table:
    """All runs, other seeds of the base point too, the best on validation first."""
    runs = sorted(
        (run for run in study.runs if run.kind == kind), key=lambda r: -r.validation.value
    )
    width = used(kind)
    columns = (
        *(Column(c.title, "setting") for c in ALL[:width]),
        Column("seed", "setting"),
        Column("plan", "setting", number=False),
        Column("input", "setting"),
        Column("%", "validation"),
        Column("95 % interval", "validation", number=False),
        *(Column(q, "test part, %") for q in QUANTIZATIONS),
        Column("interval of float32", "test part, %", number=False),
        Column("features", "latency, ms"),
        *(Column(f"model {q}", "latency, ms") for q in QUANTIZATIONS),
        *(Column(q, "sum: median / p95, ms") for q in QUANTIZATIONS),
        *(Column(q, "size, KB") for q in QUANTIZATIONS),
    )
    rows = tuple(_row(run, width) for run in runs)
    caption = (
        f"{KIND[kind]}: every run, the most accurate on validation first. Latency: medians of the"
        " features of one window, of the model in each quantization, and of both together"
    )
    return Table(f"runs-{kind}", caption, columns, rows, wide=True)


def _row(run: Run, width: int) -> tuple[Cell, ...]:
    frames, bins = run.record.metrics["feature_shape"]
    test = run.test()
    timings = [run.timings.get(q) for q in QUANTIZATIONS]
    there = [timing.features.median_ms for timing in timings if timing]
    sizes = [run.models[q].size_kb if q in run.models else None for q in QUANTIZATIONS]
    return (
        *settings(run.point)[:width],
        number(run.record.seed),
        word(run.record.plan),
        Cell(f"{frames} x {bins}", frames * bins),
        share(run.validation),
        interval(run.validation),
        *(share(run.test(q)) for q in QUANTIZATIONS),
        interval(test) if test else number(None),
        number(min(there) if there else None, ".3f"),
        *(number(t.model.median_ms if t else None, ".3f") for t in timings),
        *map(_sum, timings),
        *(number(size, ".0f") for size in sizes),
    )


def _sum(timing: Timing | None) -> Cell:
    if not timing:
        return number(None)
    text = f"{timing.sum.median_ms:.3f} / {timing.sum.p95_ms:.3f}"
    return Cell(text, timing.sum.median_ms)
