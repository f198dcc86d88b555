"""The recordings of a recipe, divided into training and validation."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.audio.files import audio_files, read_audio
from kws_edge.errors import DataError
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.clips import Clip, scan, speaker_of
from training.data.splits import official_part, split_clips
from training.data.windows import SILENCE, UNKNOWN
from training.data.windows.maker import Material
from training.data.windows.words import Words
from training.train.recipe import Recipe, Source

NOISE_FOR_VALIDATION = 0.2  # the end of each background recording


@dataclass(frozen=True)
class Part:
    """The clips of one part of the data, and the files of running speech; ``silence`` are the
    clips of ``_silence_``, of a room, and ``others`` have those of ``_unknown_`` too."""

    keywords: tuple[Clip, ...]
    others: tuple[Clip, ...]
    silence: tuple[Clip, ...]
    speech: tuple[Path, ...]


@dataclass(frozen=True)
class Recordings:
    """What a recipe trains on and what it is chosen by; ``noise`` is cut in two by time."""

    training: Part
    validation: Part
    noise: tuple[Path, ...]

    def fingerprint(self) -> str:
        """12 hexadecimal digits for all of it: names and sizes, in order."""
        digest = hashlib.sha256()
        for part in (self.training, self.validation):
            paths = [clip.path for clip in (*part.keywords, *part.others, *part.silence)]
            for path in (*paths, *part.speech, *self.noise):
                digest.update(f"{path.parent.name}/{path.name} {path.stat().st_size}\n".encode())
        return digest.hexdigest()[:12]


def find_recordings(recipe: Recipe, data: Path, split_lists: Path | None = None) -> Recordings:
    """Raises `MissingFileError` for a folder that is not there, `DataError` where a word has no
    clip to train on, or none of a part."""
    parts: dict[str, list[Clip]] = {"training": [], "validation": []}
    for source in recipe.sources:
        for part, clips in _divided(source, data, split_lists).items():
            parts[part] += clips * (source.repeat if part == "training" else 1)
    speech = [path for folder in recipe.speech for path in audio_files(data / folder)]
    made = {part: _part(recipe, part, clips, speech) for part, clips in parts.items()}
    for part, found in made.items():
        missing = sorted(set(recipe.words) - {clip.label for clip in found.keywords})
        if missing:
            raise DataError(f"{data}: no clips of {', '.join(missing)} for {part}")
    noise = [path for folder in recipe.noise for path in audio_files(data / folder)]
    return Recordings(made["training"], made["validation"], tuple(noise))


def load_material(recordings: Recordings, part: str) -> Material:
    """The ``training`` or ``validation`` part in memory, about 32 KB a clip."""
    found: Part = getattr(recordings, part)
    noises = []
    for path in recordings.noise:
        samples = read_audio(path, RATE)
        cut = round(len(samples) * (1 - NOISE_FOR_VALIDATION))
        noises.append(samples[:cut] if part == "training" else samples[cut:])
    rooms = dict.fromkeys(clip.path for clip in found.silence)
    if rooms:  # a second each: together they are a recording
        noises.append(np.concatenate([read_audio(path, RATE) for path in rooms]))
    return Material(
        Words(found.keywords),
        Words(found.others, UNKNOWN),
        noises,
        [_long_enough(read_audio(path, RATE)) for path in found.speech],
    )


def _divided(source: Source, data: Path, lists: Path | None) -> dict[str, list[Clip]]:
    clips = scan(data / source.folder)
    if source.split == "training":
        return {"training": clips}
    if source.split == "takes":
        return _by_takes(clips)
    split = split_clips(clips, source.split, lists)
    return {"training": list(split.training), "validation": list(split.validation)}


def _by_takes(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """Every fifth take of each label, in the order of their names, is for validation."""
    parts: dict[str, list[Clip]] = {"training": [], "validation": []}
    count: dict[str, int] = {}
    for clip in clips:
        count[clip.label] = count.get(clip.label, 0) + 1
        parts["validation" if count[clip.label] % 5 == 0 else "training"].append(clip)
    return parts


def _part(recipe: Recipe, part: str, clips: Sequence[Clip], speech: Sequence[Path]) -> Part:
    spoken = [clip for clip in clips if clip.label == UNKNOWN or clip.label[0] != "_"]
    return Part(
        keywords=tuple(clip for clip in spoken if clip.label in recipe.words),
        others=tuple(clip for clip in spoken if clip.label not in recipe.words),
        silence=tuple(clip for clip in clips if clip.label == SILENCE),
        speech=tuple(
            path
            for path in speech
            # nobody tests by a voice that was trained on
            if (official_part(speaker_of(path)) == "validation") == (part == "validation")
        ),
    )


def _long_enough(samples: FloatArray) -> FloatArray:
    if len(samples) < RATE:
        raise DataError(f"running speech of {len(samples) / RATE:.1f} s: expected at least 1 s")
    return samples
