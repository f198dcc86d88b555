"""The DET curve: false rejects over false accepts per hour (Martin et al. 1997, with rates per
hour as keyword spotting has them)."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.evaluation.tuning.sweep import Row
from training.evaluation.tuning.tune import Tuning

COLOURS = {"default": "#d55e00", "quiet": "#0072b2", "eager": "#007a5a"}  # Okabe and Ito
# the same figures give the same bytes, and a page's own fonts draw the texts
STYLE: Any = {"svg.hashsalt": "kws-edge", "svg.fonttype": "none", "font.size": 9}


def draw_det(tuning: Tuning, points: dict[str, Any]) -> bytes:
    """An SVG: a line for each smoothing time at the default's other times, over the thresholds,
    and the operating points with their 95 % intervals.

    The axis of false accepts is logarithmic but for a linear part at 0, which a logarithm has
    no place for; a setting without a miss is drawn as half a miss.
    """
    spoken, hours = int(tuning.tuning_set.spoken.sum()), tuning.tuning_set.hours
    chosen = tuning.choices[0].row.config
    rows = [
        row
        for row in tuning.rows
        if (row.config.refractory_ms, row.config.repeat_ms)
        == (chosen.refractory_ms, chosen.repeat_ms)
    ]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 4.8), layout="constrained")
        axes = figure.add_subplot()
        _draw_lines(axes, rows, spoken, hours)
        for name, point in points.items():
            _draw_point(axes, name, point, 50 / spoken)
        axes.set_xscale("symlog", linthresh=1 / hours, linscale=0.4)
        axes.set_xlim(left=-0.15 / hours)
        axes.set_yscale("log")
        axes.set_ylim(35 / spoken, 105)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("false accepts per hour")
        axes.set_ylabel("false reject rate (%)")
        axes.grid(alpha=0.3)
        repeat = "" if chosen.repeat_ms == "off" else f", repeat {chosen.repeat_ms:g} ms"
        axes.set_title(
            f"{tuning.file.manifest.name}: {spoken} keywords, {hours:.2f} h of negatives;"
            f" refractory {chosen.refractory_ms:g} ms{repeat}",
            fontsize=9,
        )
        axes.legend(title="operating point, or smoothing of a line", fontsize=8, title_fontsize=8)
        picture = io.BytesIO()
        figure.savefig(picture, format="svg", metadata={"Date": None})
    return picture.getvalue()


def _draw_lines(axes: Axes, rows: Sequence[Row], spoken: int, hours: float) -> None:
    times = sorted({row.config.smoothing_ms for row in rows})
    for number, time in enumerate(times):
        same = [row for row in rows if row.config.smoothing_ms == time]
        axes.plot(
            [row.false_accepts / hours for row in same],
            [100 * max(row.misses, 0.5) / spoken for row in same],
            color=str(0.8 - 0.6 * number / max(1, len(times) - 1)),  # the longer the darker
            label=f"{time:g} ms",
        )


def _draw_point(axes: Axes, name: str, point: dict[str, Any], least: float) -> None:
    """``least``: the lowest false reject rate that has a place, in percent."""
    rate, rejected = point["false_accepts_per_hour"], 100 * (1 - point["recall"])
    axes.errorbar(
        [rate],
        [max(rejected, least)],
        xerr=[
            [rate - point["false_accepts_per_hour_lower"]],
            [point["false_accepts_per_hour_upper"] - rate],
        ],
        yerr=[
            [max(rejected, least) - max(100 * (1 - point["recall_upper"]), least)],
            [100 * (1 - point["recall_lower"]) - max(rejected, least)],
        ],
        fmt="o",
        color=COLOURS.get(name, "black"),
        capsize=3,
        label=name,
        zorder=3 if name == "default" else 2,
    )
