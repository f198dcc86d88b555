"""A data set of wake phrases from text alone: many voices say them, and what sounds like them.

``<label>/`` holds the phrases, ``_unknown_/`` other texts by the same voices, so that a network
cannot know a phrase by the sound of a synthesizer. Each file is named after its voice, which makes
it the speaker by whom a data set is split; ``manifest.jsonl`` has what each voice said, and how.
"""

import io
import json
import multiprocessing
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from kws_edge.audio.files import write_wav
from kws_edge.audio.speech_level import measure_speech
from kws_edge.errors import DataError, MissingFileError
from kws_edge.extras import install_hint
from kws_edge.files import append_line, write_atomically
from kws_edge.recorder.take import OTHER_WORD
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.augmentation.channel import change_speed
from training.data.sources.near_words import near_phrases, near_words, read_dictionary
from training.data.sources.synthetic import FLITE, FLITE_SHARE, plain_words
from training.data.sources.voices import Programs, Synthesizer, VoiceSource
from training.data.splits import Part, official_part
from training.processes import end_with_parent

MANIFEST = "manifest.jsonl"
NEURAL_SHARE = 0.5  # of the takes, where a neural voice is installed
SPEEDS, PITCHES = (0.85, 1.35), (0.88, 1.14)
LONGEST_S = 1.3  # of a phrase: the window of 1.5 s has room around it
MARGIN_S = 0.1  # before and after what is said
FASTEST = 1.8  # more is no way to say a phrase
NEAR_TEXTS, FAR_TEXTS = 150, 100  # for each phrase
OFTEN = 8  # how often a part of a phrase comes, relative to another text


@dataclass(frozen=True)
class Utterance:
    """``text``, said by ``voice`` ``speed`` times as fast as it speaks by itself and ``pitch``
    times as high, as take ``number`` of ``label``."""

    label: str
    number: int
    text: str
    engine: str
    voice: str
    speed: float
    pitch: float

    @property
    def file(self) -> str:
        """Its path in the data set; the voice is the speaker."""
        return f"{self.label}/{self.voice}_nohash_{self.number}.wav"


@dataclass(frozen=True)
class VoicePool:
    """Voices of one part of the split, by the name of their synthesizer: ``neural`` and others."""

    neural: Sequence[tuple[str, str]]
    flite: Sequence[tuple[str, str]]
    espeak: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, synthesizers: Iterable[Synthesizer], part: Part | None) -> "VoicePool":
        """Raises `DataError` where no voice is of ``part``."""
        found: dict[str, list[tuple[str, str]]] = {"neural": [], "flite": [], "espeak": []}
        for one in synthesizers:
            for voice in one.voices:
                if part in (None, official_part(voice)):
                    kind = "flite" if voice in FLITE else "espeak"
                    kind = kind if isinstance(one, Programs) else "neural"
                    found[kind].append((one.engine, voice))
        if not any(found.values()):
            raise DataError(f"no voice is of the {part} part; install more")
        return cls(**found)

    def draw(self, draw: random.Random) -> tuple[str, str]:
        """Engine and voice."""
        programs = self.flite or self.espeak
        if self.flite and self.espeak:
            programs = self.flite if draw.random() < FLITE_SHARE else self.espeak
        neural = draw.random() < NEURAL_SHARE
        return draw.choice(self.neural if self.neural and (neural or not programs) else programs)


def label_of(phrase: str) -> str:
    """The folder and label of a phrase: ``hey-robot`` of "Hey robot"."""
    return "-".join(phrase.lower().split())


def other_texts(phrases: Sequence[str], dictionary: Path, seed: int) -> list[str]:
    """What sounds like ``phrases``, and texts of one or two random words of ``dictionary``.

    Raises `DataError` where nobody knows how a phrase sounds, `MissingFileError` without a
    ``dictionary``, `ConfigError` without pocketsphinx.
    """
    draw, known = random.Random(seed), read_dictionary()
    words = [word for word in plain_words(dictionary) if word in known]
    if len(words) < 2:
        raise DataError(f"{dictionary}: {len(words)} usable words, expected two at least")
    texts = [text for phrase in phrases for text in near_phrases(phrase, words, NEAR_TEXTS)]
    for _ in range(FAR_TEXTS * len(phrases)):
        texts.append(" ".join(draw.sample(words, draw.randint(1, 2))))
    distances = near_words(phrases, texts, within=True).min(axis=1)
    near = [text for text, distance in zip(texts, distances, strict=True) if distance]
    held = " ".join(phrases).split()
    return [text for text in near for _ in range(OFTEN if set(text.split()) <= set(held) else 1)]


def plan(
    texts: Sequence[tuple[str, str]], count: int, pool: VoicePool, seed: int
) -> Iterator[Utterance]:
    """``count`` takes of each label of ``texts``, pairs of label and text, which take turns."""
    by_label: dict[str, list[str]] = {}
    for label, text in texts:
        by_label.setdefault(label, []).append(text)
    for label, said in by_label.items():
        for number in range(count):
            draw = random.Random(f"{seed} {label} {number}")
            engine, voice = pool.draw(draw)
            speed, pitch = (round(draw.uniform(*bounds), 3) for bounds in (SPEEDS, PITCHES))
            text = said[number % len(said)]
            yield Utterance(label, number, text, engine, voice, speed, pitch)


def synthesize_words(
    output: Path,
    phrases: Sequence[str],
    count: int,
    source: VoiceSource,
    *,
    dictionary: Path,
    part: Part | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> Iterator[Utterance]:
    """Write ``count`` takes of each of ``phrases`` and of other texts below ``output``; yields
    each that was written. Those that are there and in the manifest are kept.

    With ``part`` only voices of that part of the official split speak. Raises `DataError` where a
    phrase is too long or nobody knows how it sounds, `ConfigError` and `MissingFileError` for what
    is missing.
    """
    texts = [(label_of(phrase), phrase) for phrase in phrases]
    texts += [(OTHER_WORD, text) for text in other_texts(phrases, dictionary, seed)]
    planned = plan(texts, count, VoicePool.of(source.load(), part), seed)
    yield from _say_all(output, list(planned), source, workers)


def speak_words_neurally(
    output: Path,
    words: Sequence[str],
    count: int,
    folder: Path | None,
    *,
    part: Part | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> Iterator[Utterance]:
    """Write ``count`` takes of each of ``words`` by neural voices alone (``folder``: more of them),
    and otherwise as `synthesize_words`. Raises `MissingFileError` where none is installed."""
    source = VoiceSource(folder)
    neural = [one for one in source.load() if one.engine != Programs.engine]
    if not neural:
        raise MissingFileError(f"no neural voice is installed: {install_hint('voices')}")
    planned = plan(list(zip(words, words, strict=True)), count, VoicePool.of(neural, part), seed)
    yield from _say_all(output, list(planned), source, workers)


def _say_all(
    output: Path, planned: Sequence[Utterance], source: VoiceSource, workers: int | None
) -> Iterator[Utterance]:
    """Write those of ``planned`` that are not there yet, in a process for each core."""
    for label in dict.fromkeys(one.label for one in planned):
        (output / label).mkdir(parents=True, exist_ok=True)
    done = _written(output)
    missing = sorted((one for one in planned if one.file not in done), key=_order)
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks
    with ProcessPoolExecutor(workers or os.cpu_count(), spawn, _begin_worker, (source,)) as pool:
        try:
            for future in as_completed([pool.submit(_write, output, one) for one in missing]):
                said = future.result()
                append_line(output / MANIFEST, _line(said))
                yield said
        finally:
            pool.shutdown(cancel_futures=True)


def _order(planned: Utterance) -> tuple[bool, int]:
    """What costs nothing first, and all labels alike, so that an interrupted run is of use."""
    return planned.engine != Programs.engine, planned.number


def _line(said: Utterance) -> str:
    return json.dumps({"file": said.file, **asdict(said), "part": official_part(said.voice)})


def _written(output: Path) -> set[str]:
    """The files that the manifest in ``output`` has and that are there."""
    try:
        lines = (output / MANIFEST).read_text("utf-8").splitlines()
        files = {str(json.loads(line)["file"]) for line in lines}
    except FileNotFoundError:
        return set()
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{output / MANIFEST}: not a line of JSON with 'file' ({error})") from error
    return {file for file in files if (output / file).is_file()}


_synthesizers: dict[str, Synthesizer]  # of a worker process


def _begin_worker(source: VoiceSource) -> None:
    global _synthesizers
    end_with_parent()
    _synthesizers = {one.engine: one for one in source.load()}


def _write(output: Path, planned: Utterance) -> Utterance:
    said, samples = utter(_synthesizers[planned.engine], planned)
    file = io.BytesIO()
    write_wav(file, samples, RATE)
    write_atomically(output / said.file, file.getvalue())
    return said


def utter(synthesizer: Synthesizer, planned: Utterance) -> tuple[Utterance, FloatArray]:
    """What is said, cut to its speech, ``[n]``; a phrase that is too long for the window is said
    again, faster. Raises `DataError` for silence, and for a phrase that stays too long."""
    said = planned
    while said.speed <= FASTEST:
        raw = synthesizer.say(said.voice, said.text, said.speed / said.pitch)
        samples = change_speed(raw, said.pitch)
        if not samples.any():
            raise DataError(f"{said.text}: {said.voice} says nothing")
        start, end = measure_speech(samples, RATE).bounds
        length_s = (end - start) / RATE
        if length_s <= LONGEST_S or said.label == OTHER_WORD:
            margin = round(MARGIN_S * RATE)
            cut = samples[max(0, start - margin) : end + margin]
            return said, cut / max(1.0, float(np.abs(cut).max()))
        said = replace(said, speed=round(said.speed * length_s / LONGEST_S * 1.03, 3))
    raise DataError(
        f"{said.text}: {said.voice} takes {length_s:.1f} s to say it, {LONGEST_S:g} s is the"
        " longest; choose two to four syllables"
    )
