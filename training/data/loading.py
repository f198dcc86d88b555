"""The only reader of training clips: from a file to the samples and features of one window.

It reads what the runtime reads: every format of `kws_edge.audio.files`, at any rate and with
any number of channels. A clip longer than the window gives its loudest stretch, a shorter one
is padded with zeros at its end. Every Keras backend and tf.data train on these samples.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

import kws_edge.audio
import kws_edge.features
from kws_edge.audio.files import read_window
from kws_edge.features.front_end import FeatureConfig, FrontEnd
from kws_edge.types import FloatArray
from training.data.clips import Clip

Report = Callable[[str], None]


@dataclass(frozen=True)
class Examples:
    """``features [n, frames, bands]`` (float32, or float16 on disk) and ``targets [n]``, the
    indices of labels."""

    features: npt.NDArray[np.floating[Any]]
    targets: npt.NDArray[np.int64]

    def in_memory(self) -> "Examples":
        """With plain arrays in place of mapped ones, so that they can be sent to a worker."""
        return Examples(np.array(self.features), np.array(self.targets))


class Epochs(Protocol):
    """Training examples by the number of the epoch, from 0; ``passes`` differ, then they
    repeat."""

    @property
    def passes(self) -> int: ...

    def get(self, epoch: int, report: Report = ...) -> Examples:
        """The examples of ``epoch``, in an order of their own, of which the caller draws."""


@dataclass(frozen=True)
class RepeatedEpochs:
    """``drawn`` in turn, epoch by epoch: one pass of clips as they are, or several of windows."""

    drawn: Sequence[Examples]

    @property
    def passes(self) -> int:
        return len(self.drawn)

    def get(self, epoch: int, report: Report = lambda _: None) -> Examples:
        return self.drawn[epoch % self.passes]


def one_hot(targets: npt.NDArray[np.int64], labels: int, smoothing: float) -> FloatArray:
    """``[n, labels]``; ``smoothing`` of the whole is spread over all labels alike."""
    rows = np.full((len(targets), labels), smoothing / labels, np.float32)
    rows[np.arange(len(targets)), targets] += 1 - smoothing
    return rows


def load_window(path: Path, config: FeatureConfig) -> FloatArray:
    """The samples of a clip's window, float32 ``[window_samples]`` in [-1, 1).

    Raises `DataError` or `MissingFileError` that name ``path``.
    """
    return read_window(path, config.sample_rate, config.window_samples)


def window_features(clip: Clip, front_end: FrontEnd) -> FloatArray:
    """``[frames, width]`` of a clip's window."""
    return front_end(load_window(clip.path, front_end.config))


def features_of(clips: Sequence[Clip], config: FeatureConfig) -> FloatArray:
    """``[clips, frames, width]``."""
    front_end = FrontEnd(config)
    features: FloatArray = np.empty((len(clips), *config.shape), np.float32)
    for row, clip in enumerate(clips):
        features[row] = window_features(clip, front_end)
    return features


def code_digest(*packages: ModuleType) -> str:
    """SHA-256 (hexadecimal) of every Python file of ``packages``, those in sub-folders too."""
    digest = hashlib.sha256()
    for package in packages:
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()


def cached_examples(
    clips: Sequence[Clip], labels: Sequence[str], config: FeatureConfig, cache: Path
) -> Examples:
    """Features of ``clips`` from ``cache``, computed first where they are not there yet.

    They are mapped, not read: ``[n, frames, width]`` of a spectrogram may be half a GB.
    """
    folder = cache / _name(clips, config)
    if not folder.is_dir():
        _compute(clips, config, folder)
    features = np.load(folder / "features.npy", mmap_mode="r")
    return Examples(features, targets_of(clips, labels))


def targets_of(clips: Sequence[Clip], labels: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """``[clips]``, the index of each clip's label."""
    index = {label: number for number, label in enumerate(labels)}
    return np.array([index[clip.label] for clip in clips], np.int64)


def fingerprint(clips: Sequence[Clip]) -> str:
    """12 hexadecimal digits for the names and sizes of ``clips``, in their order, wherever they
    are; the samples are not read."""
    return sizes_digest((clip.key, clip.path) for clip in clips)


def sizes_digest(files: Iterable[tuple[str, Path]], *more: bytes) -> str:
    """12 hexadecimal digits for the names given to ``files`` and their sizes, then ``more``.

    They stand for the content: to read gigabytes of recordings would take too long.
    """
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(os.fsencode(f"{name} {path.stat().st_size}\n"))
    for part in more:
        digest.update(part)
    return digest.hexdigest()[:12]


def _name(clips: Sequence[Clip], config: FeatureConfig) -> str:
    # what a feature's value depends on besides its configuration and the clip
    code = code_digest(kws_edge.audio, kws_edge.features)
    content = json.dumps([config.relevant(), fingerprint(clips), np.__version__, code])
    return f"{config.kind}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _compute(clips: Sequence[Clip], config: FeatureConfig, folder: Path) -> None:
    # under another name until it is whole: a killed run leaves nothing that looks finished
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    front_end = FrontEnd(config)
    array = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        partial / "features.npy", mode="w+", dtype=np.float32, shape=(len(clips), *config.shape)
    )
    for row, clip in enumerate(clips):
        array[row] = window_features(clip, front_end)
    array.flush()
    settings = json.dumps(dataclasses.asdict(config), indent=2)
    (partial / "features.json").write_text(settings + "\n")
    try:
        partial.rename(folder)
    except OSError:  # another process was first: its arrays are the same
        shutil.rmtree(partial)
