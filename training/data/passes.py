"""Features of augmented windows, drawn pass by pass and kept on disk.

To draw a window takes a hundred times as long as to read one, and every network that is
tried on the same windows can read them. A pass is drawn when it is first asked for.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import kws_edge.audio
import kws_edge.features
import training.data.augmentation
import training.data.windows
from kws_edge.audio.files import write_wav
from kws_edge.audio.level import level_dbfs
from kws_edge.features.front_end import FrontEnd
from kws_edge.files import write_atomically
from kws_edge.types import FloatArray
from training.config import TrainingConfig, as_document
from training.data.augmentation.effects import Effects
from training.data.loading import Examples, Report, code_digest
from training.data.material import Part, Recordings, find_recordings, load_material, load_noises
from training.data.windows.maker import ClipMaker, WindowMaker

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


COLUMNS = 4


@dataclass(frozen=True)
class Example:
    """A window as it was drawn: ``samples [n]``, its label, and its kind in words."""

    samples: FloatArray
    label: str
    kind: str


def examples(config: TrainingConfig, data: Path, count: int) -> Iterator[Example]:
    """The first ``count`` windows of the validation part's first pass."""
    maker = window_maker(config, find_recordings(config, data), "validation")
    for item, random in plan_of(maker, config, "validation", 0)[:count]:
        yield Example(*maker.draw(item, random))


def write_preview(config: TrainingConfig, data: Path, output: Path, count: int) -> list[Path]:
    """``<n>-<label>.wav`` for each, and ``windows.png`` with all of them: wave and features."""
    shown = list(examples(config, data, count))
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for number, example in enumerate(shown):
        path = output / f"{number:03}-{example.label.strip('_')}.wav"
        write_wav(path, example.samples, config.features.sample_rate)
        written.append(path)
    picture = output / "windows.png"
    _draw(shown, config, picture)
    return [*written, picture]


def _draw(shown: list[Example], config: TrainingConfig, path: Path) -> None:
    from matplotlib.figure import Figure  # not pyplot: it would look for a display

    front_end = FrontEnd(config.features)
    seconds = config.features.window_ms / 1000
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(3.6 * COLUMNS, 2.4 * rows), layout="constrained")
    axes = figure.subplots(2 * rows, COLUMNS, squeeze=False, height_ratios=[1, 2] * rows)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, example in enumerate(shown):
        row, column = divmod(place, COLUMNS)
        wave, features = axes[2 * row, column], axes[2 * row + 1, column]
        wave.plot(example.samples, linewidth=0.4, color="black")
        wave.set_xlim(0, len(example.samples))
        title = (
            f"{place:03} {example.label}: {example.kind}, {level_dbfs(example.samples):.0f} dBFS"
        )
        wave.set_title(title, fontsize=7)
        image = front_end(example.samples).T
        features.imshow(image, origin="lower", aspect="auto", extent=(0, seconds, 0, len(image)))
    figure.savefig(path, dpi=90, metadata={"Software": None})
