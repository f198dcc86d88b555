"""Features of augmented windows, drawn pass by pass and kept on disk.

To draw a window takes a hundred times as long as to read one, and every network that is
tried on the same windows can read them. A pass is drawn when it is first asked for.
"""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import kws_edge.audio
import kws_edge.features
import training.data.augmentation
import training.data.windows
from kws_edge.features.front_end import FrontEnd
from kws_edge.files import write_atomically
from kws_edge.types import FloatArray
from training.data.augmentation.effects import Effects
from training.data.code_digest import code_digest
from training.data.material import Recordings, load_material
from training.data.windows.maker import WindowMaker
from training.train.recipe import Recipe
from training.train.run import as_document


@dataclass(frozen=True)
class Windows:
    """``features [n, frames, bands]`` (float16 on disk) and ``targets [n]``, label indices."""

    features: npt.NDArray[np.floating[Any]]
    targets: npt.NDArray[np.int64]


class AugmentedEpochs:
    """The passes of one part (``training`` or ``validation``) of a recipe's recordings."""

    def __init__(self, recipe: Recipe, recordings: Recordings, part: str, cache: Path) -> None:
        self._recipe, self._recordings, self._part = recipe, recordings, part
        self.folder = cache / f"{part}-{_key(recipe, recordings)}"
        self._maker: WindowMaker | None = None

    def get(self, number: int, report: Callable[[str], None] = lambda _: None) -> Windows:
        """Pass ``number``, from the disk where it was drawn before."""
        features = self.folder / f"{number:03}-features.npy"
        targets = self.folder / f"{number:03}-targets.npy"
        if not targets.exists():
            report(f"drawing windows of the {self._part} part, pass {number + 1}")
            drawn = self._draw(number)
            self.folder.mkdir(parents=True, exist_ok=True)
            _save(features, drawn.features)
            _save(targets, drawn.targets)  # the last one: it says that both are there
        return Windows(np.load(features, mmap_mode="r"), np.load(targets))

    def _draw(self, number: int) -> Windows:
        recipe = self._recipe
        if self._maker is None:
            self._maker = window_maker(recipe, self._recordings, self._part)
        plan = plan_of(self._maker, recipe, self._part, number)
        front_end = FrontEnd(recipe.features)
        features = np.empty((len(plan), *recipe.features.shape), np.float16)
        targets = np.empty(len(plan), np.int64)
        for row, (item, random) in enumerate(plan):
            window, label, _ = self._maker.draw(item, random)
            features[row] = front_end(window)
            targets[row] = recipe.labels.index(label)
        return Windows(features, targets)


def window_maker(recipe: Recipe, recordings: Recordings, part: str) -> WindowMaker:
    """What draws the windows of a part, its recordings in memory."""
    material = load_material(recordings, part)
    effects = Effects(recipe.augmentation, material.noises, recipe.seed)
    return WindowMaker(recipe.windows, material, effects, recipe.features.window_samples)


def plan_of(
    maker: WindowMaker, recipe: Recipe, part: str, number: int
) -> list[tuple[int | str, np.random.Generator]]:
    """The items of pass ``number``, each with the generator that its window is drawn by."""
    seed = [recipe.seed, number, part == "validation"]
    items = maker.plan(np.random.default_rng(seed))
    return [(item, np.random.default_rng([*seed, row])) for row, item in enumerate(items)]


def one_hot(targets: npt.NDArray[np.int64], labels: int, smoothing: float) -> FloatArray:
    """``[n, labels]``; ``smoothing`` of the whole is spread over all labels alike."""
    rows = np.full((len(targets), labels), smoothing / labels, np.float32)
    rows[np.arange(len(targets)), targets] += 1 - smoothing
    return rows


def _key(recipe: Recipe, recordings: Recordings) -> str:
    """Of all that windows depend on: the settings, the recordings and the code."""
    augmentation = as_document(recipe.augmentation)
    for later in ("masks", "mixup"):  # done to batches of features
        del augmentation[later]
    code = code_digest(
        kws_edge.audio, kws_edge.features, training.data.augmentation, training.data.windows
    )
    settings = [
        as_document(recipe.features),
        as_document(recipe.windows),
        augmentation,
        recipe.words,
        recipe.seed,
        recordings.fingerprint(),
        code,
    ]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]


def _save(path: Path, array: npt.NDArray[np.generic]) -> None:
    file = io.BytesIO()
    np.save(file, array)
    write_atomically(path, file.getvalue())
