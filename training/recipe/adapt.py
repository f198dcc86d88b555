"""A trained recipe taken further with someone's own takes: of its words, or of new ones."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import keras

from kws_edge.errors import ConfigError, MissingFileError
from kws_edge.yaml_file import load
from training.dataset.index import scan
from training.recipe.config import Recipe, Schedule, Source
from training.recipe.train import build
from training.run_folder import RECIPE
from training.trained import WEIGHTS

CLIPS_A_WORD = 400  # as many of one's own takes as this, counting repeats, come in an epoch
MOST_REPEATS = 50
SCHEDULE = Schedule(
    epochs=12, passes=4, learning_rate=5e-4, warmup_epochs=1, averaging=0.98, label_smoothing=0.05
)


@dataclass(frozen=True)
class Start:
    """A trained run to begin from."""

    recipe: Recipe
    run: Path

    @classmethod
    def read(cls, run: Path) -> "Start":
        """Raises `MissingFileError` where ``run`` is not the folder of a recipe's run."""
        for name in (RECIPE, WEIGHTS):
            if not (run / name).exists():
                raise MissingFileError(f"{run / name}: no such file; expected a run of 'recipe'")
        return cls(load(run / RECIPE, Recipe), run)

    def network(self) -> keras.Model:
        """The network as it was trained."""
        model = build(self.recipe.network, self.recipe)
        model.load_weights(self.run / WEIGHTS)
        return model

    def give_to(self, model: keras.Model) -> None:
        """Copy all weights but those of the labels, where they are others now."""
        for mine, its in zip(self.network().layers, model.layers, strict=True):
            weights = mine.get_weights()
            if [w.shape for w in weights] == [w.shape for w in its.get_weights()]:
                its.set_weights(weights)


def adapted_recipe(
    start: Start, recordings: Path, name: str, only: bool, schedule: Schedule = SCHEDULE
) -> Recipe:
    """The recipe of ``start`` with the takes in ``recordings/<label>/`` as well.

    Labels that it does not know become words of their own; with ``only`` its words are those
    of ``recordings`` and no others, and all that it knew are unknown words. Every fifth take
    is kept for validation. Raises `ConfigError` where there are too few takes for that.
    """
    clips = scan(recordings)
    takes: dict[str, int] = {}
    for clip in clips:
        takes[clip.label] = takes.get(clip.label, 0) + 1
    own = [label for label in takes if not label.startswith("_")]
    few = [f"{label} ({takes[label]})" for label in own if takes[label] < 5]
    if few or not own:
        raise ConfigError(
            f"{recordings}: too few takes of {', '.join(few) or 'any word'}; record at least 5"
            " of each, better 20: kws-edge record WORD --count 20"
        )
    known = () if only else start.recipe.words
    repeat = max(1, min(MOST_REPEATS, CLIPS_A_WORD // max(takes[label] for label in own)))
    return dataclasses.replace(
        start.recipe,
        name=name,
        words=(*known, *(label for label in own if label not in known)),
        sources=(*start.recipe.sources, Source(recordings.resolve(), "takes", repeat)),
        teacher=None,
        schedule=schedule,
    )
