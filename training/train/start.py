"""A recipe's run as something to begin from, or to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from kws_edge.config.yaml_file import load
from kws_edge.errors import MissingFileError
from training.data.windows import UNKNOWN
from training.networks.build import network
from training.train.recipe import Recipe
from training.train.run import RECIPE
from training.train.trained import WEIGHTS


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
        model = network(self.recipe.run())
        model.load_weights(self.run / WEIGHTS)
        return model

    def give_to(self, model: keras.Model, labels: Sequence[str]) -> None:
        """Copy all weights to ``model``; in the layer of the labels each label's to its own
        place, and those of unknown words to a new one: it was one so far."""
        pairs = zip(self.network().layers, model.layers, strict=True)
        *layers, last = [(mine, its) for mine, its in pairs if its.get_weights()]
        for mine, its in layers:
            its.set_weights(mine.get_weights())
        known = self.recipe.labels
        places = [known.index(label if label in known else UNKNOWN) for label in labels]
        weights = [old[..., places] for old in last[0].get_weights()]  # [inputs, labels], [labels]
        last[1].set_weights(weights)
