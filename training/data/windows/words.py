"""Clips in memory for drawing: where the word of each lies and how loud it is."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.audio.files import from_pcm16, read_audio, to_pcm16
from kws_edge.audio.level import LOWEST_DBFS, level_dbfs
from kws_edge.audio.speech_level import measure_speech
from kws_edge.files import write_atomically
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.augmentation.channel import change_speed
from training.data.clips import Clip

LONGEST = 4 * RATE  # of a clip: more is not a word


@dataclass(frozen=True)
class Word:
    """A clip's ``samples [n]``, its speech from sample ``first`` to before ``last``, and the
    level of that speech."""

    samples: FloatArray
    label: str
    first: int
    last: int
    level_dbfs: float

    @property
    def speech(self) -> FloatArray:
        """The word alone."""
        return self.samples[self.first : self.last]

    def faster(self, factor: float) -> "Word":
        """The word spoken ``factor`` times as fast."""
        samples = change_speed(self.samples, factor)
        last = min(len(samples), round(self.last / factor))
        first = min(round(self.first / factor), last - 1)
        return Word(samples, self.label, first, last, self.level_dbfs)

    def backwards(self) -> "Word":
        """The word from its end to its beginning: speech that is no word."""
        length = len(self.samples)
        first, last = length - self.last, length - self.first
        return Word(self.samples[::-1], self.label, first, last, self.level_dbfs)


@dataclass(frozen=True)
class WordArrays:
    """What `Words` draw from: 16-bit ``samples [total]`` of all recordings behind each other, where
    each clip lies in them (``starts [clips]`` to before ``ends [clips]``; clips of a sentence
    overlap), ``bounds [clips, 2]`` of its word within it, ``levels [clips]`` of that in dBFS."""

    samples: npt.NDArray[np.int16]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    bounds: npt.NDArray[np.int64]
    levels: npt.NDArray[np.float64]


class Words(Sequence[Word]):
    """The words of clips as `WordArrays` have them, each with its label."""

    def __init__(
        self,
        arrays: WordArrays,
        labels: Sequence[str],
        *,
        called: str | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """``labels`` of the clips; ``called``: what all words are called instead. `any` takes
        each label as often as ``weights`` says, relative to 1."""
        self._arrays, self._labels, self._called = arrays, labels, called
        of_label: dict[str, list[int]] = {}
        for index, label in enumerate(labels):
            of_label.setdefault(label, []).append(index)
        self.by_label = {label: np.array(found) for label, found in of_label.items()}
        self._clips = list(self.by_label.values())
        shares = np.array([(weights or {}).get(label, 1.0) for label in of_label])
        upto = np.cumsum(shares)
        self._upto = upto / upto[-1] if shares.any() else upto  # chance of a label or one before

    def __len__(self) -> int:
        return len(self._labels) if self._upto.any() else 0

    def __getitem__(self, index: int) -> Word:  # type: ignore[override]
        arrays = self._arrays
        samples = from_pcm16(np.asarray(arrays.samples[arrays.starts[index] : arrays.ends[index]]))
        first, last = (int(bound) for bound in arrays.bounds[index])
        label = self._called or self._labels[index]
        return Word(samples, label, first, last, float(arrays.levels[index]))

    def sample_counts(self) -> npt.NDArray[np.int64]:
        """Of each clip, ``[clips]``."""
        return self._arrays.ends - self._arrays.starts

    def any(self, random: np.random.Generator) -> Word:
        """One of them: first a label, then one of its clips, each as likely."""
        clips = self._clips[int(np.searchsorted(self._upto, random.random(), side="right"))]
        return self[int(clips[random.integers(len(clips))])]


def load_words(
    clips: Sequence[Clip],
    folder: Path | None = None,
    *,
    measured: bool = True,
    longest: int | None = LONGEST,
    **options: Any,
) -> Words:
    """The words of ``clips``, kept in ``folder``, which is theirs; ``options`` go to `Words`.

    Read from there, they are mapped, not copied, so that several processes share them. Of a clip
    the first ``longest`` samples count; clips without samples are left out. Not ``measured``, a
    word is all of its clip.
    """
    if folder is None or not clips:
        arrays, kept = _read(clips, longest, measured)
        return Words(arrays, [clips[index].label for index in kept], **options)
    if not (folder / "kept.npy").exists():
        arrays, kept = _read(clips, longest, measured)
        folder.mkdir(parents=True, exist_ok=True)
        for key, array in {**vars(arrays), "kept": kept}.items():  # the last one: all are there
            file = io.BytesIO()
            np.save(file, array)
            write_atomically(folder / f"{key}.npy", file.getvalue())
    kept = np.load(folder / "kept.npy")
    mapped = (np.load(folder / f"{key}.npy", mmap_mode="r") for key in _FIELDS)
    return Words(WordArrays(*mapped), [clips[index].label for index in kept], **options)


_FIELDS = ("samples", "starts", "ends", "bounds", "levels")


def _read(
    clips: Iterable[Clip], longest: int | None, measured: bool
) -> tuple[WordArrays, npt.NDArray[np.int64]]:
    """The arrays, and the places of the clips that have samples."""
    kept, samples, bounds, levels = [], [], [], []
    for index, clip in enumerate(clips):
        read = read_audio(clip.path, RATE)[:longest]
        if not len(read):
            continue
        kept.append(index)
        samples.append(to_pcm16(read))
        if measured:
            found = measure_speech(read, RATE)
            bounds.append(found.bounds)
            levels.append(found.level_dbfs)
        else:
            bounds.append((0, len(read)))
            levels.append(level_dbfs(read))
    ends = np.cumsum([len(part) for part in samples], dtype=np.int64)
    starts = ends - np.array([len(part) for part in samples], np.int64)
    flat = np.concatenate(samples) if samples else np.zeros(0, np.int16)
    bounds_array = np.array(bounds, np.int64).reshape(-1, 2)
    arrays = WordArrays(flat, starts, ends, bounds_array, np.array(levels))
    return arrays, np.array(kept, np.int64)


def as_pcm16(path: Path) -> npt.NDArray[np.int16]:
    """A whole recording at `RATE`, ``[n]``."""
    return to_pcm16(read_audio(path, RATE))


def stretch_of(samples: FloatArray) -> Word:
    """``samples [n]`` of running speech or of a join as a word that fills them."""
    return Word(samples, "", 0, len(samples), max(LOWEST_DBFS, level_dbfs(samples)))
