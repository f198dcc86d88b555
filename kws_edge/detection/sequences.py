"""Sequences of keywords: the stream of detections in, with sequences joined to one detection out.

Pure, and on the stream's clock: it depends on the labels and samples of detections alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kws_edge.config.schema import check_bounds, did_you_mean, setting
from kws_edge.detection.detector import Detection, is_keyword, samples
from kws_edge.errors import ValidationErrors

MOST_WORDS = 10


@dataclass(frozen=True)
class AnyOf:
    """One of several keywords, at one place of a sequence."""

    any: tuple[str, ...] = setting(doc="The keywords, one of which stands here.")


@dataclass(frozen=True)
class SequenceConfig:
    """Keywords one after the other, without another keyword in between, as one detection."""

    name: str = setting(doc="Label of the event; not the name of a keyword.")
    words: tuple[str | AnyOf, ...] = setting(
        doc="The keywords in their order, two to ten; {any: [go, stop]} stands for one of several."
    )
    within_s: float = setting(
        3.0,
        doc="Longest time from one word to the next, on the stream's clock.",
        unit="s",
        minimum=0,
        maximum=60,
        excluded=0,
    )
    parts: bool = setting(
        False,
        doc="Report the single words too, each at once. Without it a word that may begin a"
        " sequence waits, and is reported alone when none can follow.",
    )

    def __post_init__(self) -> None:
        check_bounds(self)
        faults = []
        if not self.name or not is_keyword(self.name):
            faults.append(f"name: {self.name!r} is empty or begins with _")
        if not 2 <= len(self.words) <= MOST_WORDS:
            faults.append(f"words: {len(self.words)} of them, expected 2 to {MOST_WORDS}")
        if not all(self.alternatives):
            faults.append("words: any is empty")
        if faults:
            raise ValidationErrors(faults)

    @property
    def alternatives(self) -> tuple[frozenset[str], ...]:
        """The keywords that may stand at each place."""
        return tuple(
            frozenset(word.any if isinstance(word, AnyOf) else (word,)) for word in self.words
        )

    def hides(self, other: "SequenceConfig") -> bool:
        """Whether this one is complete, and takes its words, before ``other`` can be."""
        mine, others = self.alternatives, other.alternatives
        if self.within_s < other.within_s:
            return False
        return any(
            all(theirs <= own for theirs, own in zip(others[start:], mine, strict=False))
            for start in range(len(others) - len(mine))
        )


def sequence_faults(sequences: Sequence[SequenceConfig], keywords: Iterable[str]) -> list[str]:
    """What keeps ``sequences`` from working together with the ``keywords`` of the model."""
    known, faults = list(keywords), []
    for index, one in enumerate(sequences):
        where = f"sequences[{index}]"
        for word in sorted(frozenset().union(*one.alternatives) - set(known)):
            hint = did_you_mean(word, known) or f" ({', '.join(known)})"
            faults.append(f"{where}.words: the model has no keyword {word!r}{hint}")
        if one.name in known:
            faults.append(f"{where}.name: {one.name!r} is a keyword of the model")
        before = sequences[:index]
        if one.name in [other.name for other in before]:
            faults.append(f"{where}.name: {one.name!r} stands there twice")
        hiding = [other for other in sequences if other is not one and other.hides(one)]
        hiding += [
            other
            for other in before
            if other.alternatives == one.alternatives and other.within_s >= one.within_s
        ]
        if hiding:
            faults.append(f"{where}: never complete: {hiding[0].name!r} takes its words before")
    return faults


@dataclass
class _Word:
    """A detection that may be a part of a sequence, and whether it was reported."""

    detection: Detection
    reported: bool = False


@dataclass(frozen=True)
class _Pattern:
    """A sequence with its time in samples."""

    config: SequenceConfig
    places: tuple[frozenset[str], ...]
    within: int

    def begins_with(self, words: Sequence[_Word]) -> bool:
        """Whether ``words`` are its first ones, each within its time of the one before."""
        found = [word.detection for word in words]
        return (
            len(found) <= len(self.places)
            and all(one.label in place for one, place in zip(found, self.places, strict=False))
            and all(b.sample - a.sample <= self.within for a, b in pairwise(found))
        )


class SequenceTracker:
    """Push detections in order of time; each call returns those to report now, in order.

    A word that may begin or continue a sequence is held until the sequence is complete, another
    keyword comes, or its time is over; then it is reported alone, with its own ``sample``. Of
    sequences that are complete with the same word the longest counts, then the first of the
    configuration; its words belong to no other.
    """

    def __init__(self, sequences: Sequence[SequenceConfig], sample_rate: int) -> None:
        self._rate = sample_rate
        self._held: list[_Word] = []
        self.configure(sequences)

    def configure(self, sequences: Sequence[SequenceConfig]) -> list[Detection]:
        """Other sequences from now on; words that may begin one of these stay held."""
        self._patterns = [
            _Pattern(one, one.alternatives, samples(one.within_s * 1000, self._rate))
            for one in sequences
        ]
        return self._hold(self._held)

    def push(self, detection: Detection) -> list[Detection]:
        """Take the next detection, at or after the sample of the one before."""
        run = [*self._held, _Word(detection)]
        complete = [
            one
            for one in self._patterns
            if len(run) >= len(one.places) and one.begins_with(run[-len(one.places) :])
        ]
        if not complete:
            return self._hold(run, new=True)
        sequence = max(complete, key=lambda one: len(one.places))  # the first of the longest
        length = len(sequence.places)
        self._held = []
        parts = run[-length:] if sequence.config.parts else []
        joined = _joined(sequence.config.name, [word.detection for word in run[-length:]])
        return [*_report([*run[:-length], *parts]), joined]

    def advance(self, sample: int) -> list[Detection]:
        """The stream has come to ``sample``, and all detections up to there were pushed."""
        return self._hold(self._held, sample) if self._held else []

    def reset(self) -> list[Detection]:
        """The stream ends or audio was lost: nothing spans that."""
        held, self._held = self._held, []
        return _report(held)

    def _hold(
        self, run: list[_Word], sample: int | None = None, new: bool = False
    ) -> list[Detection]:
        """Keep the longest end of ``run`` that may become a sequence after ``sample``; of the
        rest, and of a ``new`` last word that need not wait, those not reported before."""
        kept = next((n for n in range(len(run), 0, -1) if self._open(run[-n:], sample)), 0)
        split = len(run) - kept
        self._held = run[split:]
        ends = (run[-n:] for n in range(1, kept + 1))
        if new and any(one.config.parts for end in ends for one in self._open(end, sample)):
            return _report([*run[:split], run[-1]])
        return _report(run[:split])

    def _open(self, words: Sequence[_Word], sample: int | None) -> list[_Pattern]:
        """The sequences that begin with ``words`` and may go on after ``sample``."""
        last = words[-1].detection.sample
        return [
            one
            for one in self._patterns
            if len(words) < len(one.places)
            and (sample is None or sample < last + one.within)
            and one.begins_with(words)
        ]


def _report(words: Iterable[_Word]) -> list[Detection]:
    """Those not reported before."""
    fresh = [word for word in words if not word.reported]
    for word in fresh:
        word.reported = True
    return [word.detection for word in fresh]


def _joined(name: str, parts: Sequence[Detection]) -> Detection:
    """The weakest of its parts is its score."""
    last = parts[-1]
    scores = [part.verifier for part in parts if part.verifier is not None]
    return Detection(
        label=name,
        score=min(part.score for part in parts),
        sample=last.sample,
        time_s=last.time_s,
        verifier=min(scores) if len(scores) == len(parts) else None,
        parts=tuple(parts),
    )
