"""The files of a verdict: Markdown to read, JSON to compute with, two pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluation.recordings.markdown import as_markdown
from training.report.figures import draw_confusion


def write_verdict(verdict: dict[str, Any], folder: Path) -> list[Path]:
    """``verdict.md``, ``verdict.json``, ``confusion.png`` and ``measures.png`` in ``folder``."""
    from training.evaluation.recordings.picture import draw_measures

    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        folder / name for name in ("verdict.md", "verdict.json", "confusion.png", "measures.png")
    ]
    paths[0].write_text(as_markdown(verdict))
    paths[1].write_text(json.dumps(verdict, indent=1, allow_nan=False) + "\n")
    title = f"{verdict['model']}: {verdict['accuracy']:.1%} of {verdict['clips']} clips"
    draw_confusion(np.array(verdict["confusion"]), verdict["labels"], title, paths[2])
    draw_measures(verdict, paths[3])
    return paths
