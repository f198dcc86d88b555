"""Features of augmented windows, drawn by worker processes: kept on disk pass by pass, or fresh.

Every network that is tried on the same windows can read passes that were kept. Fresh windows are
drawn for each epoch, ahead of the training, and shown once: a long training on few kept passes
learns them by heart.
"""

import hashlib
import io
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
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
from training.processes import end_with_parent

Maker = WindowMaker | ClipMaker


class AugmentedEpochs:
    """Windows of one part (``training`` or ``validation``) of the recordings, by epoch.

    ``schedule.passes`` of them are kept and repeat; where that is null, each epoch is drawn anew.
    """

    def __init__(
        self, config: TrainingConfig, recordings: Recordings, part: str, cache: Path
    ) -> None:
        self._config, self._part = config, part
        self._pool = WindowPool(config, recordings, part, cache)
        self._drawing: dict[int, list[Future[Examples]]] = {}
        self.folder = cache / f"{part}-{_key(config, recordings)}"

    @property
    def passes(self) -> int:
        """Epochs that differ."""
        return self._config.schedule.passes or self._config.schedule.epochs

    def get(self, epoch: int, report: Report = lambda _: None) -> Examples:
        """The windows of an epoch; the workers begin with those of the next one."""
        number, fresh = epoch % self.passes, self._config.schedule.passes is None
        self._start(number, report)
        drawn = self._read(number) or _joined(self._drawing[number])
        if not fresh and self._drawing.pop(number, []):
            self._keep(number, drawn)
        if self._part == "training" and len(drawn.targets) > CHUNK and number + 1 < self.passes:
            self._start(number + 1, report)
        if fresh:  # the first is asked for again: for its size, and to calibrate
            self._drawing = {n: d for n, d in self._drawing.items() if n == 0 or n >= number}
        return drawn

    def _start(self, number: int, report: Report) -> None:
        if number not in self._drawing and self._read(number) is None:
            report(f"drawing windows of the {self._part} part, pass {number + 1}")
            self._drawing[number] = self._pool.start(number)

    def _files(self, number: int) -> tuple[Path, Path]:
        name = self.folder / f"{number:03}"
        return Path(f"{name}-features.npy"), Path(f"{name}-targets.npy")

    def _read(self, number: int) -> Examples | None:
        features, targets = self._files(number)
        if self._config.schedule.passes is None or not targets.exists():
            return None
        return Examples(np.load(features, mmap_mode="r"), np.load(targets))

    def _keep(self, number: int, drawn: Examples) -> None:
        features, targets = self._files(number)
        self.folder.mkdir(parents=True, exist_ok=True)
        _save(features, drawn.features)
        _save(targets, drawn.targets)  # the last one: it says that both are there


CHUNK = 256  # windows that a worker draws at a time


class WindowPool:
    """Worker processes that draw the windows of a part; they start with the first pass.

    A window depends on the configuration, its pass and its place in it alone, not on how many
    ``workers`` there are (default: one for each core).
    """

    def __init__(
        self,
        config: TrainingConfig,
        recordings: Recordings,
        part: str,
        cache: Path | None = None,
        workers: int | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self._making = config, recordings, part, cache
        self._workers, self._chunk = workers or os.cpu_count() or 1, chunk
        self._maker: Maker | None = None
        self._pool: ProcessPoolExecutor | None = None

    def start(self, number: int) -> list["Future[Examples]"]:
        """The windows of pass ``number`` in chunks, in their order."""
        config, _, part, cache = self._making
        if self._maker is None:
            self._maker = window_maker(*self._making)  # this also fills the cache for the workers
        count = len(self._maker.plan(np.random.default_rng(0)))
        if cache is None or count <= self._chunk:  # not worth a process
            done: Future[Examples] = Future()
            done.set_result(draw(self._maker, config, plan_of(self._maker, config, part, number)))
            return [done]
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")  # a fork would copy JAX's threads' locks
            self._pool = ProcessPoolExecutor(self._workers, spawn, _begin_worker, self._making)
        return [
            self._pool.submit(_draw_chunk, number, start, start + self._chunk)
            for start in range(0, count, self._chunk)
        ]


_worker: tuple[Maker, TrainingConfig, str]  # of a worker process


def _begin_worker(
    config: TrainingConfig, recordings: Recordings, part: str, cache: Path | None
) -> None:
    global _worker
    end_with_parent()
    os.nice(5)  # the training itself comes first
    _worker = window_maker(config, recordings, part, cache), config, part


def _draw_chunk(number: int, start: int, end: int) -> Examples:
    maker, config, part = _worker
    return draw(maker, config, plan_of(maker, config, part, number, slice(start, end)))


def draw(maker: Maker, config: TrainingConfig, plan: "Plan") -> Examples:
    """The windows of ``plan``: features (float16) and targets."""
    front_end = FrontEnd(config.features)
    features = np.empty((len(plan), *config.features.shape), np.float16)
    targets = np.empty(len(plan), np.int64)
    for row, (item, random) in enumerate(plan):
        window, label, _ = maker.draw(item, random)
        features[row] = front_end(window)
        targets[row] = config.labels.index(label)
    return Examples(features, targets)


def _joined(chunks: list["Future[Examples]"]) -> Examples:
    drawn = [chunk.result() for chunk in chunks]
    return Examples(
        np.concatenate([chunk.features for chunk in drawn]),
        np.concatenate([chunk.targets for chunk in drawn]),
    )


def window_maker(
    config: TrainingConfig, recordings: Recordings, part: str, cache: Path | None = None
) -> Maker:
    """What draws the windows of a part; ``cache`` keeps its words."""
    if config.windows is None:
        clips: Part = getattr(recordings, part)
        effects = Effects(config.effects, load_noises(recordings, part), config.seed)
        return ClipMaker(clips.keywords, effects, config.features)
    material = load_material(
        recordings, part, config.windows.word_weights, config.data.words, cache
    )
    effects = Effects(config.effects, material.noises, config.seed)
    return WindowMaker(config.windows, material, effects, config.features.window_samples)


Plan = list[tuple[int | str, np.random.Generator]]


def plan_of(
    maker: Maker, config: TrainingConfig, part: str, number: int, rows: slice = slice(None)
) -> Plan:
    """The items of pass ``number`` (those of ``rows``), each with the generator that draws it."""
    seed = [config.seed, number, part == "validation"]
    items = list(enumerate(maker.plan(np.random.default_rng(seed))))[rows]
    return [(item, np.random.default_rng([*seed, row])) for row, item in items]


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
