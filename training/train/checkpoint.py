"""Checkpoints: a training that was stopped goes on after its last whole epoch."""

import json
from pathlib import Path

import keras

from kws_edge.files import write_atomically
from training.train.run import History

STATE = "state.json"


class Checkpoint:
    """The last whole epoch of one training: weights with the optimizer's state, and history.

    ``folder`` belongs to this training alone. A stop while it is written leaves the one before.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.history: History = {}
        self.epochs = 0

    def load_into(self, model: keras.Model) -> None:
        """Give the compiled ``model`` the state after ``epochs``; nothing where none is kept."""
        path = self._folder / STATE
        if not path.exists():
            return
        state = json.loads(path.read_text())
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self._folder / state["weights"])
        self.history, self.epochs = state["history"], state["epochs"]

    def keep(self, model: keras.Model, figures: dict[str, float]) -> None:
        """Keep ``model`` after one more epoch, which had ``figures``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.epochs += 1
        for name, value in figures.items():
            self.history.setdefault(name, []).append(float(value))
        weights = self._folder / f"{self.epochs:04}.weights.h5"
        model.save_weights(weights, overwrite=True)
        state = {"weights": weights.name, "epochs": self.epochs, "history": self.history}
        write_atomically(self._folder / STATE, json.dumps(state).encode())
        for other in self._folder.glob("*.weights.h5"):
            if other != weights:
                other.unlink()


class KeepsCheckpoints(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Keeps one after each epoch of a fit."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self._checkpoint = checkpoint

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._checkpoint.keep(self.model, logs)
