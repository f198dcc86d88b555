"""The figures of an experiment, by matplotlib without a display; colours are Okabe and Ito's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.experiments import summarise
from training.experiments.study import Run, Study
from training.experiments.summarise import FactorEffect, Model
from training.experiments.trials import BASE
from training.experiments.words import QUANTIZATION, setting, with_unit
from training.report.tables import network_alone

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = {"float32": "o", "float16": "D", "dynamic": "s", "int8": "^"}
GREY = "#57606a"
OFFSETS = ((5, -9), (-3, 5))  # of the numbers along a front, in turn
NUMBERS = {"textcoords": "offset points", "fontsize": 8}
DEPTH = 16  # points below the best that a picture of a front shows


def figure(width: float, height: float, **grid: Any) -> tuple[Any, Any]:
    """A figure in inches and its axes."""
    from matplotlib.figure import Figure  # not pyplot: it would look for a display

    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(**grid)


def save(made: Any, path: Path) -> None:
    """As SVG or PNG, the same bytes for the same content."""
    import matplotlib

    kind = path.suffix.removeprefix(".")
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        made.savefig(path, format=kind, dpi=120, metadata=metadata)


def colours(study: Study) -> dict[str, str]:
    """A colour for each group."""
    names = [group.name for group in study.groups]
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}


def draw_front(study: Study, latency: bool, path: Path) -> None:
    """Accuracy against latency or size: every model; the front is joined and numbered."""
    found = summarise.models(study)
    front = (summarise.fastest if latency else summarise.smallest)(found)
    made, axes = figure(7.2, 4.6)
    colour = colours(study)

    def cost(model: Model) -> float:
        return model.latency_ms if latency else model.size_kb

    for name in dict.fromkeys(m.run.group for m in found):
        for kind in dict.fromkeys(m.quantization for m in found):
            own = [m for m in found if (m.run.group, m.quantization) == (name, kind)]
            title = study.experiment.group(name).title or name
            axes.scatter(
                [cost(m) for m in own],
                [100 * m.validation.value for m in own],
                s=22,
                c=colour[name],
                alpha=0.55,
                marker=MARKERS.get(kind, "o"),
                linewidths=0,
                label=f"{title}, {kind}",
            )
    places = [(cost(m), 100 * m.validation.value) for m in front]
    axes.step(*zip(*places, strict=True), where="post", color=GREY, linewidth=1)
    for number, place in enumerate(places, 1):
        axes.annotate(str(number), place, OFFSETS[number % 2], **NUMBERS)
    if latency:
        _log_x(axes)
    best = max(100 * m.validation.value for m in found)
    below = sum(100 * m.validation.value < best - DEPTH for m in found)
    if below:  # far worse ones would press the interesting part flat
        axes.set_ylim(best - DEPTH, best + 1.5)
        note = f"{below} models below {best - DEPTH:.0f} %"
        axes.text(0.5, 0.01, note, transform=axes.transAxes, ha="center", fontsize=8, color=GREY)
    axes.set_xlabel("decision: features and model, median (ms)" if latency else "model file (KB)")
    axes.set_ylabel("validation accuracy (%)")
    _finish(axes)
    save(made, path)


def _log_x(axes: Any) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _finish(axes: Any) -> None:
    axes.grid(color="#d0d7de", linewidth=0.6)
    axes.set_axisbelow(True)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)


def draw_effects(study: Study, path: Path) -> None:
    """Each factor changed alone: a panel a factor, a line a group, with 95 % intervals by the
    number of clips; small dots are the base with other seeds.
    """
    effects = summarise.factor_effects(study)
    factors = dict.fromkeys(factor for group in study.experiment.groups for factor in group.factors)
    shown = [f for f in factors if any(effect.factor == f for effect in effects)]
    rows = -(-len(shown) // 3)
    columns = min(3, len(shown))
    made, grid = figure(3.3 * columns, 2.7 * rows, nrows=rows, ncols=columns, squeeze=False)
    for axes, factor in zip(grid.flat, shown, strict=False):
        for effect in effects:
            if effect.factor == factor:
                _draw_effect(axes, study, effect)
        axes.set_xlabel(setting(factor) + _unit(factor))
        _finish(axes)
    for axes in list(grid.flat)[len(shown) :]:
        axes.remove()
    made.supylabel("validation accuracy (%)", fontsize=10)
    save(made, path)


def _draw_effect(axes: Any, study: Study, effect: FactorEffect) -> None:
    colour = colours(study)[effect.group]
    values = sorted(effect.runs, key=lambda v: (isinstance(v, str), v))
    numeric = all(isinstance(value, float) for value in values)
    scale = 100.0 if effect.factor == "features.overlap" else 1.0
    x = [scale * float(v) for v in values] if numeric else [float(i) for i in range(len(values))]
    scores = [study.score(effect.runs[value]) for value in values]
    y = np.array([100 * score.value for score in scores])
    ends = [score.interval or (score.value, score.value) for score in scores]
    bars = np.abs(100 * np.array(ends).T - y)
    group = study.experiment.group(effect.group)
    style = {"color": colour, "marker": "o", "markersize": 4, "linewidth": 1.3, "capsize": 2}
    axes.errorbar(x, y, yerr=bars, elinewidth=0.8, label=group.title or group.name, **style)
    if not numeric:
        axes.set_xticks(x, values)
    base = study.base(effect.group)
    for run in base[1:]:
        place = [at for at, value in zip(x, values, strict=True) if effect.runs[value] is base[0]]
        axes.plot(place, [100 * study.score(run).value] * len(place), ".", color=colour, ms=3)


def _unit(factor: str) -> str:
    found = with_unit(factor, 0.0).removeprefix("0").strip()
    return f" ({found})" if found else ""


def draw_latency(study: Study, path: Path) -> None:
    """The base and the best of each group: the medians of pre-processing and model."""
    bars = []
    for group in study.groups:
        best, base = study.configurations(group.name)[0], study.base(group.name)[:1]
        named = [("base", run) for run in base if run.key != best.key] + [("best", best)]
        for name, run in named:
            for kind, row in run.models.items():
                if row["model_median_ms"]:
                    bars.append((f"{group.title or group.name}, {name}, {kind}", row))
    made, axes = figure(7.2, 0.6 + 0.25 * len(bars))
    places = range(len(bars))
    features = [row.need("features_median_ms") for _, row in bars]
    model = [row.need("model_median_ms") for _, row in bars]
    axes.barh(places, features, color=COLOURS[0], label="pre-processing")
    axes.barh(places, model, left=features, color="#8c959f", label="model")
    for place, (_, row) in enumerate(bars):
        end = features[place] + model[place]
        axes.text(end, place, f" {row.need('decision_median_ms'):.3g}", va="center", fontsize=7)
    axes.set_yticks(places, [name for name, _ in bars], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("a decision, median (ms)")
    axes.margins(x=0.12)
    _finish(axes)
    save(made, path)


def draw_quantization(study: Study, path: Path) -> None:
    """What each quantization does to the accuracy of each configuration, by group."""
    losses = summarise.quantization_losses(study)
    made, axes = figure(7.2, 3.2)
    by_key = {run.key: run for run in study.runs}
    colour, place, ticks = colours(study), 0, []
    for loss in losses:
        for group in study.groups:
            own = [100 * v for k, v in loss.accuracies.items() if by_key[k].group == group.name]
            spread = np.linspace(-0.25, 0.25, len(own))
            axes.plot(place + spread, sorted(own), ".", color=colour[group.name], ms=5)
            ticks.append(
                f"{group.title or group.name}\n{QUANTIZATION.get(*[loss.quantization] * 2)}"
            )
            place += 1
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_xticks(range(place), ticks, fontsize=8)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_yticks([-50, -20, -10, -5, -2, -1, 0, 1])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel(f"{losses[0].part} accuracy against\nfloat32 (points)")
    _finish(axes)
    save(made, path)


def draw_networks(study: Study, path: Path) -> None:
    """The objective against size, work and time; lines join the widths of an architecture."""
    panels: dict[str, Callable[[Run], float | None]] = {
        "model file (KB)": lambda run: run.rows[0].number("size_kb"),
        "multiply-accumulates (million)": lambda run: (
            work / 1e6 if (work := run.rows[0].number("multiply_accumulates")) else None
        ),
        "decision without features (ms)": lambda run: run.rows[0].number("model_median_ms"),
    }
    points: dict[str, list[tuple[Run, float]]] = {}
    for group in study.groups:
        names = [v.name for v in group.variants if network_alone(v.change)]
        for runs in (study.variant(group.name, name) for name in [BASE, *names]):
            if runs:
                mean = 100 * sum(study.score(run).value for run in runs) / len(runs)
                network = runs[0]["network"]
                architecture = network.rpartition("-")[0] or network
                points.setdefault(architecture, []).append((runs[0], mean))
    made, grid = figure(9.6, 3.6, ncols=3, sharey=True)
    for axes, (title, cost) in zip(grid, panels.items(), strict=True):
        for colour, (architecture, own) in zip(COLOURS, points.items(), strict=False):
            places = sorted((c, mean) for run, mean in own if (c := cost(run)) is not None)
            x, y = [place[0] for place in places], [place[1] for place in places]
            axes.plot(x, y, "o-", color=colour, label=architecture, markersize=4)
        _log_x(axes)
        axes.set_xlabel(title)
        axes.grid(color="#d0d7de", linewidth=0.6)
    grid[0].set_ylabel(f"{next(iter(study.experiment.metrics.values()))} (%)")
    grid[0].legend(fontsize=7)
    save(made, path)


def draw_parts(study: Study, path: Path) -> None:
    """The objective's difference of each variant to its base, with 95 % intervals."""
    objective = study.experiment.objective
    effects = [e for e in summarise.variant_effects(study) if not network_alone(e.variant.change)][
        ::-1
    ]
    made, axes = figure(7.2, 0.8 + 0.24 * len(effects))
    for place, effect in enumerate(effects):
        found = effect.differences[objective]
        lower, upper = found.interval or (found.value, found.value)
        colour = GREY if lower <= 0 <= upper else COLOURS[found.value > 0]
        axes.plot([100 * lower, 100 * upper], [place, place], color=colour, linewidth=1.3)
        axes.plot(100 * found.value, place, "o", color=colour, markersize=4)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(
        range(len(effects)), [e.variant.title or e.variant.name for e in effects], fontsize=7
    )
    axes.set_xlabel(f"{study.experiment.metrics[objective]}: difference (points)")
    _finish(axes)
    save(made, path)


def draw_confusion(
    counts: npt.NDArray[np.int64], labels: Sequence[str], title: str, path: Path
) -> None:
    """Rows (spoken words) in percent of their sum, with the counts written in."""
    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.2 + 0.55 * len(labels)
    made, axes = figure(size, size * 0.92)
    axes.imshow(rows, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("spoken")
    axes.set_title(title, fontsize=10)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if rows[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    save(made, path)
