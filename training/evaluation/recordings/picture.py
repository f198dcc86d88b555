"""A picture of the measures: each clip a dot over the spread of the reference."""

from pathlib import Path
from typing import Any

import numpy as np

SHOWN = (
    "level_dbfs",
    "snr_db",
    "clipped_share",
    "decay_ms",
    "edge_db",
    "position",
    "high_band_db",
    "dc_offset",
)
RIGHT, WRONG, USUAL = "#2b6ca3", "#c8442c", "#d9d9d9"


def draw_measures(verdict: dict[str, Any], path: Path) -> None:
    """A row a measure: grey from the 5th to the 95th percentile of the reference, a line at its
    median; dots are clips, the misheard ones red and above."""
    from matplotlib.figure import Figure  # not pyplot: it would look for a display

    figure = Figure(figsize=(7.5, 0.8 * len(SHOWN)), layout="constrained")
    all_axes = figure.subplots(len(SHOWN), 1)
    for name, axes in zip(SHOWN, all_axes, strict=True):
        about = verdict["measures"][name]
        scale = 100 if about["unit"].startswith("%") else 1
        low, median, high = (scale * value for value in about["reference_p5_p50_p95"])
        axes.axvspan(low, high, color=USUAL, lw=0)
        axes.axvline(median, color="#777777", lw=1)
        _dots(axes, name, scale, verdict["samples"])
        axes.set_yticks([])
        axes.set_ylim(-1, 1)
        axes.spines[["top", "left", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.set_title(f"{about['title']}, {about['unit']}", fontsize=9, loc="left", pad=2)
    figure.suptitle(
        f"{verdict['folder']}: recognised (blue) and misheard (red) clips;"
        " grey: 90 % of the reference",
        fontsize=9,
    )
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _dots(axes: Any, name: str, scale: float, samples: list[dict[str, Any]]) -> None:
    spread = np.random.default_rng(0).uniform(-0.35, 0.35, len(samples))
    for wrong, colour, height in ((False, RIGHT, -0.45), (True, WRONG, 0.45)):
        points = [
            (scale * value, height + y)
            for sample, y in zip(samples, spread, strict=True)
            if (sample["heard"] != sample["label"]) is wrong
            and (value := sample["measures"][name]) is not None
        ]
        axes.plot(
            *zip(*points, strict=True) if points else ((), ()),
            ls="",
            marker="o",
            markersize=3,
            color=colour,
            alpha=0.6,
            markeredgewidth=0,
        )
