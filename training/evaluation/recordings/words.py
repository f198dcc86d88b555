"""A word that fails alone: not the microphone, but that word's clips or the model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.recordings.findings import SIGNIFICANT
from training.evaluation.recordings.samples import Sample
from training.stats import fisher_greater

LEAST_ERRORS = 0.5  # of the word's clips
TIMES_WORSE = 3  # than the other words


@dataclass(frozen=True)
class WordFinding:
    """``wrong`` of ``count`` clips of ``label`` are misheard, most of them as ``heard``;
    ``p`` is the chance of so many more than of the other words (Fisher's exact test)."""

    label: str
    wrong: int
    count: int
    others_wrong: int
    others_count: int
    heard: str
    heard_count: int
    p: float


def failing_words(samples: Sequence[Sample]) -> list[WordFinding]:
    """The words that are misheard in half of their clips or more, and at least three times as
    often as the others. ``samples`` are those whose errors nothing else accounts for."""
    found = [_word(label, samples) for label in sorted({s.clip.label for s in samples})]
    return [
        word
        for word in found
        if word.others_count
        and word.p < SIGNIFICANT / len(found)
        and word.wrong >= LEAST_ERRORS * word.count
        and word.wrong * word.others_count >= TIMES_WORSE * word.others_wrong * word.count
    ]


def _word(label: str, samples: Sequence[Sample]) -> WordFinding:
    mine = [sample for sample in samples if sample.clip.label == label]
    heard = Counter(sample.heard for sample in mine if not sample.correct)
    wrong = sum(heard.values())
    all_wrong = sum(not sample.correct for sample in samples)
    others = len(samples) - len(mine), all_wrong - wrong
    most, most_count = heard.most_common(1)[0] if heard else ("", 0)
    p = fisher_greater(wrong, len(mine), others[1], others[0])
    return WordFinding(label, wrong, len(mine), others[1], others[0], most, most_count, p)
