"""The clips by which a converted model is checked, whichever command trained it."""

import dataclasses
from pathlib import Path

from kws_edge.yaml_file import load
from training.config import RunConfig
from training.data import load_split
from training.dataset.splits import Split
from training.recipe.config import Recipe
from training.recipe.material import find_recordings
from training.run_folder import RECIPE
from training.windows import UNKNOWN


def split_of_run(run: Path, config: RunConfig, data: Path, split_lists: Path | None) -> Split:
    """Training and validation clips of ``run``; other words are called ``_unknown_``.

    ``data`` is the folder of labels; for the run of a recipe that which holds the recipe's
    folders, or one of these.
    """
    if not (run / RECIPE).exists():
        return load_split(config, data, split_lists)
    recipe = load(run / RECIPE, Recipe)
    if not (data / recipe.sources[0].folder).is_dir():
        data = data.parent
    found = find_recordings(recipe, data, split_lists)
    training, validation = (
        (*part.keywords, *(dataclasses.replace(clip, label=UNKNOWN) for clip in part.others))
        for part in (found.training, found.validation)
    )
    return Split(training, validation, ())
