"""The clips by which a converted model is checked, whichever command trained it."""

import dataclasses
from pathlib import Path

from kws_edge.config.yaml_file import load
from training.config import RunConfig
from training.data.loading import load_split
from training.data.material import find_recordings
from training.data.splits import Split
from training.data.windows import UNKNOWN
from training.train.recipe import Recipe
from training.train.run import RECIPE


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
