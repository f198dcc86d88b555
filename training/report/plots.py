"""Pictures, drawn without a display."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt


def draw_confusion(
    counts: npt.NDArray[np.int64], labels: Sequence[str], title: str, path: Path
) -> None:
    """Rows (spoken) in percent of their sum, with the counts written in."""
    from matplotlib.figure import Figure  # not pyplot: it would look for a display

    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.2 + 0.55 * len(labels)
    figure = Figure(figsize=(size, size * 0.92), layout="constrained")
    axes = figure.subplots()
    axes.imshow(rows, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("heard")
    axes.set_ylabel("spoken")
    axes.set_title(title, fontsize=10)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if rows[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    figure.savefig(path, dpi=120, metadata={"Software": None})
