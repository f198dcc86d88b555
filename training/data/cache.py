"""Features of the training and validation parts, computed once a front end and kept on disk.

They are the runtime's own features (NumPy), so that training from them needs no TensorFlow.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import kws_edge.audio
import kws_edge.features
from kws_edge.features.front_end import FeatureConfig, FrontEnd
from kws_edge.types import FloatArray
from training.data.clips import Clip
from training.data.code_digest import code_digest
from training.data.loading import fingerprint
from training.data.splits import Split
from training.evaluation.predict import window_features


@dataclass(frozen=True)
class Examples:
    """``features [n, frames, width]`` float32 and ``targets [n]``, the indices of labels."""

    features: FloatArray
    targets: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Arrays:
    """What a run trains on and what it is chosen by."""

    training: Examples
    validation: Examples


def cached_arrays(
    split: Split, labels: Sequence[str], config: FeatureConfig, cache: Path
) -> Arrays:
    """Features of ``split`` from ``cache``, computed first where they are not there yet.

    They are mapped, not read: ``[n, frames, width]`` of a spectrogram may be half a GB.
    """
    folder = cache / _name(split, config)
    if not folder.is_dir():
        _compute(split, config, folder)
    index = {label: number for number, label in enumerate(labels)}

    def examples(part: str) -> Examples:
        targets = np.array([index[clip.label] for clip in split.part(part)], np.int64)
        return Examples(np.load(folder / f"{part}.npy", mmap_mode="r"), targets)

    return Arrays(examples("training"), examples("validation"))


def _name(split: Split, config: FeatureConfig) -> str:
    # what a feature's value depends on besides its configuration and the clip
    code = code_digest(kws_edge.audio, kws_edge.features)
    content = json.dumps([config.relevant(), fingerprint(split), np.__version__, code])
    return f"{config.kind}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _compute(split: Split, config: FeatureConfig, folder: Path) -> None:
    # under another name until it is whole: a killed run leaves nothing that looks finished
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for part in ("training", "validation"):
        _write(split.part(part), config, partial / f"{part}.npy")
    settings = json.dumps(dataclasses.asdict(config), indent=2)
    (partial / "features.json").write_text(settings + "\n")
    try:
        partial.rename(folder)
    except OSError:  # another process was first: its arrays are the same
        shutil.rmtree(partial)


def _write(clips: Sequence[Clip], config: FeatureConfig, path: Path) -> None:
    front_end = FrontEnd(config)
    shape = (len(clips), *config.shape)
    array = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        path, mode="w+", dtype=np.float32, shape=shape
    )
    for row, clip in enumerate(clips):
        array[row] = window_features(clip, front_end)
    array.flush()
