"""Features of augmented windows, drawn pass by pass and kept on disk.

To draw a window takes a hundred times as long as to read one, and every network that is
tried on the same windows can read them. A pass is drawn when it is first asked for.
"""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

import kws_edge.audio
import kws_edge.features
import training.data.augmentation
import training.data.windows
from kws_edge.features.front_end import FrontEnd
from kws_edge.files import write_atomically
from training.config import TrainingConfig
from training.data.augmentation.effects import Effects
from training.data.examples import Examples, Report
from training.data.loading import code_digest
from training.data.material import Part, Recordings, load_material, load_noises
from training.data.windows.maker import ClipMaker, WindowMaker
from training.document import as_document

Maker = WindowMaker | ClipMaker


class AugmentedEpochs:
    """The passes of one part (``training`` or ``validation``) of the recordings."""

    def __init__(
        self, config: TrainingConfig, recordings: Recordings, part: str, cache: Path
    ) -> None:
        self._config, self._recordings, self._part = config, recordings, part
        self.folder = cache / f"{part}-{_key(config, recordings)}"
        self._maker: Maker | None = None

    @property
    def passes(self) -> int:
        return self._config.schedule.passes

    def get(self, epoch: int, report: Report = lambda _: None) -> Examples:
        """The pass of an epoch, from the disk where it was drawn before."""
        number = epoch % self.passes
        features = self.folder / f"{number:03}-features.npy"
        targets = self.folder / f"{number:03}-targets.npy"
        if not targets.exists():
            report(f"drawing windows of the {self._part} part, pass {number + 1}")
            drawn = self._draw(number)
            self.folder.mkdir(parents=True, exist_ok=True)
            _save(features, drawn.features)
            _save(targets, drawn.targets)  # the last one: it says that both are there
        return Examples(np.load(features, mmap_mode="r"), np.load(targets))

    def _draw(self, number: int) -> Examples:
        config = self._config
        if self._maker is None:
            self._maker = window_maker(config, self._recordings, self._part)
        plan = plan_of(self._maker, config, self._part, number)
        front_end = FrontEnd(config.features)
        features = np.empty((len(plan), *config.features.shape), np.float16)
        targets = np.empty(len(plan), np.int64)
        for row, (item, random) in enumerate(plan):
            window, label, _ = self._maker.draw(item, random)
            features[row] = front_end(window)
            targets[row] = config.labels.index(label)
        return Examples(features, targets)


def window_maker(config: TrainingConfig, recordings: Recordings, part: str) -> Maker:
    """What draws the windows of a part, its recordings in memory."""
    if config.windows is None:
        clips: Part = getattr(recordings, part)
        effects = Effects(config.effects, load_noises(recordings, part), config.seed)
        return ClipMaker(clips.keywords, effects, config.features)
    material = load_material(recordings, part)
    effects = Effects(config.effects, material.noises, config.seed)
    return WindowMaker(config.windows, material, effects, config.features.window_samples)


def plan_of(
    maker: Maker, config: TrainingConfig, part: str, number: int
) -> list[tuple[int | str, np.random.Generator]]:
    """The items of pass ``number``, each with the generator that its window is drawn by."""
    seed = [config.seed, number, part == "validation"]
    items = maker.plan(np.random.default_rng(seed))
    return [(item, np.random.default_rng([*seed, row])) for row, item in enumerate(items)]


def _key(config: TrainingConfig, recordings: Recordings) -> str:
    """Of all that windows depend on: the settings, the recordings and the code."""
    augmentation = as_document(config.effects)
    for later in ("masks", "mixup"):  # done to batches of features
        del augmentation[later]
    code = code_digest(
        kws_edge.audio, kws_edge.features, training.data.augmentation, training.data.windows
    )
    settings = [
        as_document(config.features),
        config.windows and as_document(config.windows),
        augmentation,
        config.labels,
        config.seed,
        recordings.fingerprint(),
        code,
    ]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]


def _save(path: Path, array: npt.NDArray[np.generic]) -> None:
    file = io.BytesIO()
    np.save(file, array)
    write_atomically(path, file.getvalue())
