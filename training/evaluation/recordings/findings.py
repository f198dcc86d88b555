"""What is odd about the samples, and whether the errors come with it.

A rule finds something where more clips are odd than in the reference: at least a fifth, and
more than chance would give (binomial test), of a measure that most clips allow. It is tied to
the errors where more of those clips are misheard than of the others, or, where they are at
least half of all, than of the clips that the model's own accuracy was measured on (Fisher's
exact test, one-sided). The tests share 5 % by Bonferroni's rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws_edge.model.manifest import Measurement
from training.evaluation.recordings.reference import Reference
from training.evaluation.recordings.rules import RULES, TAIL_PERCENT, Rule
from training.evaluation.recordings.samples import Sample
from training.stats import binomial_tail, fisher_greater

SIGNIFICANT = 0.05
LEAST_SHARE = 0.2
FEWEST_OTHERS = 5
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
    """How many clips the model misheard where its accuracy was measured."""
    return round((1 - published.value) * published.count)
