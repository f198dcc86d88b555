"""What is unusual about the samples, and whether the errors go with it.

A rule finds something if more clips are odd than in the reference: at least a fifth, and
more than chance would give (binomial test), of a measure that most clips allow. It is tied to
the errors where more of those clips are misrecognised than of the others, or, where they are at
least half of all, than of the clips that the model's own accuracy was measured on (Fisher's
exact test, one-sided). The tests share 5 % by Bonferroni's rule.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kws_edge.model.manifest import Measurement
from training.evaluation.recordings.samples import Reference, Sample
from training.stats import binomial_tail, fisher_greater

TAIL_PERCENT = 5  # of the reference are beyond a limit
Side = Literal["low", "high", "both"]
SIGNIFICANT = 0.05
LEAST_SHARE = 0.2
FEWEST_OTHERS = 5
LEAST_ERRORS = 0.5  # of the word's clips
TIMES_WORSE = 3  # than the other words


@dataclass(frozen=True)
class Rule:
    """A ``measure`` that is unusual on one ``side`` of the reference, or on both.

    ``are`` completes "32 of 40 clips are ..."; a clip that is odd by the rule ``unless`` does
    not count, because that cause explains it. A value below ``least`` is harmless, however rare it
    is in the reference.
    """

    name: str
    measure: str
    side: Side
    are: str
    remedy: str
    unless: str | None = None
    least: float | None = None

    @property
    def usual_share(self) -> float:
        """Share of the reference that is odd by this rule."""
        return TAIL_PERCENT / 100 * (2 if self.side == "both" else 1)


RULES = (
    Rule(
        "clipped",
        "clipped_share",
        "high",
        "more clipped than 95 % of the reference",
        "lower the gain of the microphone until the loudest words stay below full scale",
    ),
    Rule(
        "quiet",
        "level_dbfs",
        "low",
        "quieter than 95 % of the reference",
        "raise the gain of the microphone, or train with quieter copies of the clips",
    ),
    Rule(
        "noisy",
        "snr_db",
        "low",
        "noisier (speech to noise) than 95 % of the reference",
        "bring the microphone closer or the noise down, or train with that noise mixed in",
        unless="clipped",  # clipping holds the speech down and not the noise
    ),
    Rule(
        "reverberant",
        "decay_ms",
        "high",
        "slower to die away than 95 % of the reference",
        "bring the microphone closer to the speaker (it records the room), or train with"
        " reverberation added",
    ),
    Rule(
        "cut",
        "edge_db",
        "high",
        "louder at their start or end than 95 % of the reference: a word is cut",
        "begin a recording before the word and end it after",
        unless="reverberant",  # the room goes on after the word
    ),
    Rule(
        "off-centre",
        "position",
        "both",
        "further from the middle of the window than 90 % of the reference",
        "record a whole window with the word in its middle, or train with shifted copies",
        unless="cut",  # what is left of a word lies at the edge
    ),
    Rule(
        "narrow",
        "high_band_db",
        "low",
        "weaker above 4 kHz than 95 % of the reference",
        "record at 16 kHz or more with a wide-band microphone (a telephone's or a headset's"
        " ends at 4 kHz)",
    ),
    Rule(
        "offset",
        "dc_offset",
        "high",
        "further from a mean of zero than 95 % of the reference",
        "take the DC offset out: another sound card, or a high-pass filter at 20 Hz",
        least=0.001,
    ),
)


CONVINCING = SIGNIFICANT / (2 * len(RULES))


@dataclass(frozen=True)
class Contrast:
    """Errors among ``against``, and ``p`` of the odd clips having so many more by chance."""

    against: str
    wrong: int
    count: int
    p: float


@dataclass(frozen=True)
class Finding:
    """What a rule found: which of the samples are ``odd`` of those ``measured`` (indices).

    ``usual`` is the reference's median, ``limits`` its 5th and 95th percentile, ``p`` the
    chance of so many odd clips in the reference, ``wrong`` the errors among them.
    """

    rule: Rule
    clips: int
    measured: int
    odd: tuple[int, ...]
    median: float | None
    usual: float
    limits: tuple[float, float]
    p: float
    wrong: int
    contrast: Contrast | None

    @property
    def stands_out(self) -> bool:
        if 2 * self.measured < self.clips:
            return False
        return len(self.odd) >= LEAST_SHARE * self.measured and self.p < SIGNIFICANT / len(RULES)


def tied_to_errors(findings: Sequence[Finding]) -> list[Finding]:
    """Those that stand out and that errors go with, the sharpest first."""
    found = [
        (f.contrast.p, number) for number, f in enumerate(findings) if f.stands_out and f.contrast
    ]
    level = SIGNIFICANT / (2 * max(len(found), 1))  # each has two comparisons
    return [findings[number] for p, number in sorted(found) if p < level]


def find(
    samples: Sequence[Sample], reference: Reference, published: Measurement | None
) -> list[Finding]:
    """What each rule finds, in the rules' order; ``published`` is the model's own accuracy."""
    odd = {rule.name: _odd(rule, samples, reference) for rule in RULES}
    return [_finding(rule, odd, samples, reference, published) for rule in RULES]


def _odd(rule: Rule, samples: Sequence[Sample], reference: Reference) -> set[int]:
    low = reference.at(rule.measure, TAIL_PERCENT)
    high = reference.at(rule.measure, 100 - TAIL_PERCENT)
    if rule.least is not None:
        high = max(high, rule.least)
    found = set()
    for number, sample in enumerate(samples):
        value = getattr(sample.measures, rule.measure)
        if value is None:
            continue
        if (rule.side != "high" and value < low) or (rule.side != "low" and value > high):
            found.add(number)
    return found


def _finding(
    rule: Rule,
    odd: dict[str, set[int]],
    samples: Sequence[Sample],
    reference: Reference,
    published: Measurement | None,
) -> Finding:
    excluded = odd[rule.unless] if rule.unless else set()
    values = {
        number: value
        for number, sample in enumerate(samples)
        if number not in excluded and (value := getattr(sample.measures, rule.measure)) is not None
    }
    mine = sorted(odd[rule.name] - excluded)
    at = reference.percentiles[rule.measure]
    return Finding(
        rule,
        len(samples),
        len(values),
        tuple(mine),
        float(np.median(list(values.values()))) if values else None,
        at[50],
        (at[TAIL_PERCENT], at[100 - TAIL_PERCENT]),
        binomial_tail(len(mine), len(values), rule.usual_share),
        sum(not samples[number].correct for number in mine),
        _contrast(mine, list(values), samples, published),
    )


def _contrast(
    odd: Sequence[int],
    measured: Sequence[int],
    samples: Sequence[Sample],
    published: Measurement | None,
) -> Contrast | None:
    """With the other clips, of the same speakers and microphone, where that alone convinces;
    else the sharper of the comparisons that can be made."""
    if not odd:
        return None
    wrong = sum(not samples[number].correct for number in odd)
    others = [number for number in measured if number not in set(odd)]
    found = []
    if len(others) >= FEWEST_OTHERS:
        wrong_others = sum(not samples[number].correct for number in others)
        p = fisher_greater(wrong, len(odd), wrong_others, len(others))
        found.append(Contrast("the others", wrong_others, len(others), p))
        if p < CONVINCING:
            return found[0]
    if published and 2 * len(odd) >= len(measured):
        errors = errors_of(published)
        p = fisher_greater(wrong, len(odd), errors, published.count)
        found.append(Contrast(published.data, errors, published.count, p))
    return min(found, key=lambda contrast: contrast.p, default=None)


def errors_of(published: Measurement) -> int:
    """How many clips the model misrecognised where its accuracy was measured."""
    return round((1 - published.value) * published.count)


@dataclass(frozen=True)
class FailingWord:
    """``wrong`` of ``count`` clips of ``label`` are misrecognised, mostly as ``most_frequent``.

    ``p``: the chance of so many more errors than among the other words (Fisher's exact test).
    """

    label: str
    wrong: int
    count: int
    others_wrong: int
    others_count: int
    most_frequent: str
    most_frequent_count: int
    p: float


def failing_words(samples: Sequence[Sample]) -> list[FailingWord]:
    """The words that are misrecognised in half of their clips or more, and at least three times as
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


def _word(label: str, samples: Sequence[Sample]) -> FailingWord:
    mine = [sample for sample in samples if sample.clip.label == label]
    mistaken = Counter(sample.predicted for sample in mine if not sample.correct)
    wrong = sum(mistaken.values())
    all_wrong = sum(not sample.correct for sample in samples)
    others = len(samples) - len(mine), all_wrong - wrong
    most, most_count = mistaken.most_common(1)[0] if mistaken else ("", 0)
    p = fisher_greater(wrong, len(mine), others[1], others[0])
    return FailingWord(label, wrong, len(mine), others[1], others[0], most, most_count, p)
