"""Figures by matplotlib without a display: their size, their files, the confusion matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


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
