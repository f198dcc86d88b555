"""The recordings of a configuration, divided into training, validation and testing."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import kws_edge.audio
import training.data.windows
from kws_edge.audio.files import audio_files, read_audio
from kws_edge.errors import DataError, MissingFileError
from kws_edge.types import FloatArray
from training.config import SourceConfig, TrainingConfig
from training.data.augmentation import RATE
from training.data.catalogue import Catalogue, Occurrence, read_sets
from training.data.clips import Clip, scan, speaker_of
from training.data.loading import code_digest, sizes_digest
from training.data.splits import (
    PARTS,
    Split,
    by_takes,
    find_leaks,
    official_part,
    split_clips,
)
from training.data.windows import SILENCE, UNKNOWN
from training.data.windows.maker import SourcePool
from training.data.windows.sentences import words_in_sentences
from training.data.windows.words import Words, load_words

NOISE_FOR_VALIDATION = 0.2  # the end of each background recording


@dataclass(frozen=True)
class Part:
    """The clips of one part of the data, and files of running speech, some ``mined`` from it;
    ``silence`` are clips of ``_silence_``, of a room; ``others`` have those of ``_unknown_``.
    ``occurrences`` are words of sentences, keywords and others."""

    keywords: tuple[Clip, ...]
    others: tuple[Clip, ...] = ()
    silence: tuple[Clip, ...] = ()
    speech: tuple[Path, ...] = ()
    mined: tuple[Path, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()

    def named(self) -> tuple[Clip, ...]:
        """The clips of words and of others, these with the label ``_unknown_``."""
        others = (dataclasses.replace(clip, label=UNKNOWN) for clip in self.others)
        return (*self.keywords, *others)


@dataclass(frozen=True)
class Recordings:
    """What a network trains on, is chosen by and, in the end, tested on; ``noise`` is cut in two
    by time. Only clips have a testing part."""

    training: Part
    validation: Part
    testing: Part
    noise: tuple[Path, ...] = ()

    def fingerprint(self) -> str:
        """12 hexadecimal digits for training and validation: names and sizes, in order."""
        paths: list[Path] = []
        for part in (self.training, self.validation):
            paths += [clip.path for clip in (*part.keywords, *part.others, *part.silence)]
            paths += [*part.speech, *part.mined, *self.noise]
            paths += dict.fromkeys(word.path for word in part.occurrences)
        names = ((f"{path.parent.name}/{path.name}", path) for path in paths)
        said = (self.training.occurrences, self.validation.occurrences)
        places = [f"{w.word} {w.start_s} {w.end_s}\n".encode() for words in said for w in words]
        return sizes_digest(names, *places)

    def counts(self) -> dict[str, dict[str, int]]:
        """The number of clips of each kind in the parts that are trained on and chosen by."""
        return {
            name: {kind: len(found) for kind, found in vars(getattr(self, name)).items()}
            for name in ("training", "validation")
        }


def find_recordings(
    config: TrainingConfig,
    data: Path,
    split_lists: Path | None = None,
    check_leaks: bool = False,
    cache: Path | None = None,
) -> Recordings:
    """The recordings below ``data`` that ``config`` names.

    With ``check_leaks`` every clip is read, and a split that leaks is refused. ``cache`` keeps the
    digests that `read_sets` compares. Raises `MissingFileError` for a folder that does not exist,
    `DataError` where a word has no clip in the training or in the validation part, or where a
    split leaks.
    """
    clips: dict[str, list[Clip]] = {part: [] for part in PARTS}
    for source in config.data.sources:
        split = _divided(config, source, data, split_lists)
        if check_leaks and not source.allow_leaks and source.split not in ("takes", "training"):
            _refuse_leaks(split, data / source.folder)
        for part in PARTS:
            clips[part] += split.part(part) * (source.repeat if part == "training" else 1)
    known = [clip for found in clips.values() for clip in found]
    more = read_sets(config.data.sets, data, config.data.words, known=known, cache=cache)
    for part in PARTS:
        clips[part] += more.clips(part)
    _check_words(config, data, clips)
    windows = config.windows is not None
    speech, mined = (
        [path for folder in folders if windows for path in audio_files(data / folder)]
        for folders in (config.data.speech, config.data.mined)
    )
    parts = {part: _part(config, part, found, speech, mined, more) for part, found in clips.items()}
    noise = () if config.plain_clips else config.data.noise
    files = [path for folder in noise for path in audio_files(data / folder)]
    return Recordings(parts["training"], parts["validation"], parts["testing"], tuple(files))


def _refuse_leaks(split: Split, folder: Path) -> None:
    if leaks := find_leaks(split):
        raise DataError(f"{folder}: {leaks}; 'allow_leaks: true' trains all the same")


def _check_words(config: TrainingConfig, data: Path, clips: dict[str, list[Clip]]) -> None:
    known = {clip.label for found in clips.values() for clip in found}
    if missing := sorted(set(config.data.words) - known):
        folders = ", ".join(str(data / source.folder) for source in config.data.sources)
        raise MissingFileError(f"{folders}: no folder for {', '.join(missing)}")
    for part in ("training", "validation"):
        if missing := sorted(set(config.data.words) - {clip.label for clip in clips[part]}):
            raise DataError(f"{data}: no clips of {', '.join(missing)} for {part}")


def load_material(
    recordings: Recordings,
    part: str,
    word_weights: Mapping[str, float] | None = None,
    words: Collection[str] = (),
    cache: Path | None = None,
) -> SourcePool:
    """The ``training`` or ``validation`` part, about 32 KB a clip; with ``cache`` the words are
    kept there, and mapped instead of read."""
    found: Part = getattr(recordings, part)
    noises = load_noises(recordings, part)
    rooms = dict.fromkeys(clip.path for clip in found.silence)
    if rooms:  # a second each: together they are a recording
        noises.append(np.concatenate([read_audio(path, RATE) for path in rooms]))
    said = words_in_sentences(found.occurrences, words, UNKNOWN)
    return SourcePool(
        load_words(found.keywords, _kept(found.keywords, cache)),
        load_words(found.others, _kept(found.others, cache), called=UNKNOWN, weights=word_weights),
        noises,
        _running(found.speech, cache),
        _running(found.mined, cache),
        *said,
    )


def _kept(clips: Sequence[Clip], cache: Path | None) -> Path | None:
    """The folder in ``cache`` for the words of ``clips``, as the code of today measures them."""
    if cache is None:
        return None
    code = code_digest(kws_edge.audio, training.data.windows).encode()
    return cache / f"words-{sizes_digest(((clip.key, clip.path) for clip in clips), code)}"


def _running(paths: Sequence[Path], cache: Path | None) -> Words:
    clips = [Clip(path, "", "") for path in paths]
    speech = load_words(clips, _kept(clips, cache), measured=False)
    for path, samples in zip(paths, speech.sample_counts(), strict=True):
        if samples < RATE:
            raise DataError(
                f"{path}: running speech of {samples / RATE:.1f} s, expected 1 s or more"
            )
    return speech


def load_noises(recordings: Recordings, part: str) -> list[FloatArray]:
    """The stretch of each background noise that belongs to ``training`` or ``validation``."""
    noises = []
    for path in recordings.noise:
        samples = read_audio(path, RATE)
        cut = round(len(samples) * (1 - NOISE_FOR_VALIDATION))
        noises.append(samples[:cut] if part == "training" else samples[cut:])
    return noises


def _divided(config: TrainingConfig, source: SourceConfig, data: Path, lists: Path | None) -> Split:
    clips = scan(data / source.folder)
    if config.windows is None:  # other labels are of no use
        clips = [clip for clip in clips if clip.label in config.data.words]
    if source.split == "training":
        return Split(tuple(clips), (), ())
    if source.split == "takes":
        return by_takes(clips)
    return split_clips(clips, source.split, lists, config.seed)


def _part(
    config: TrainingConfig,
    part: str,
    clips: Sequence[Clip],
    speech: Sequence[Path],
    mined: Sequence[Path],
    more: Catalogue,
) -> Part:
    words = config.data.words
    keywords = tuple(clip for clip in clips if clip.label in words)
    if config.windows is None:
        return Part(keywords)
    spoken = [clip for clip in clips if clip.label == UNKNOWN or clip.label[0] != "_"]
    return Part(
        keywords=keywords,
        others=tuple(clip for clip in spoken if clip.label not in words),
        silence=tuple(clip for clip in clips if clip.label == SILENCE),
        speech=(*_by_voice(part, speech), *more.speech(part)),
        mined=_by_voice(part, mined),
        occurrences=more.occurrences(part),
    )


def _by_voice(part: str, recordings: Sequence[Path]) -> tuple[Path, ...]:
    """Those of ``part``: a voice in the training part must not be in the validation part."""
    if part == "testing":  # running speech has two parts
        return ()
    validation = part == "validation"
    return tuple(
        path
        for path in recordings
        if (official_part(speaker_of(path)) == "validation") == validation
    )


def clips_of_run(config: TrainingConfig, data: Path, split_lists: Path | None = None) -> Split:
    """Training and validation clips below ``data``; other words have the label ``_unknown_``.

    The testing part is left out.
    """
    found = find_recordings(config, data, split_lists)
    return Split(found.training.named(), found.validation.named(), ())
