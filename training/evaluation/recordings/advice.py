"""The findings in words: what to do and on which evidence, or that nothing stands out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kws_edge.model.manifest import Measurement
from training.evaluation.recordings.findings import SIGNIFICANT, Finding, errors_of, tied_to_errors
from training.evaluation.recordings.measures import TITLES
from training.evaluation.recordings.words import WordFinding
from training.stats import fisher_greater

ENOUGH_CLIPS = 20
SAME_CLIPS = 0.8


@dataclass(frozen=True)
class Advice:
    """``conclusion`` in a sentence or two; ``remedies`` by name and ``harmless`` oddities,
    each with its evidence."""

    conclusion: str
    remedies: dict[str, str]
    harmless: dict[str, str]


def advise(
    findings: Sequence[Finding],
    words: Sequence[WordFinding],
    wrong: int,
    count: int,
    published: Measurement | None,
) -> Advice:
    """What the findings say, the sharpest evidence first; ``wrong`` of ``count`` are misheard."""
    tied = tied_to_errors(findings)
    remedies = {f.rule.name: f"{evidence(f)} So: {f.rule.remedy}." for f in tied}
    remedies |= {f"word {word.label}": _of_word(word) for word in words}
    loose = [f for f in findings if f.stands_out and f not in tied]
    harmless = {f.rule.name: evidence(f) for f in loose}
    sentences = list(_conclusion(tied, words, loose, wrong, count, published))
    return Advice(" ".join(sentences), remedies, harmless)


def evidence(finding: Finding) -> str:
    """Share of odd clips, their median against the usual one, and the errors among them."""
    odd, unit = len(finding.odd), TITLES[finding.rule.measure][1]
    text = f"{odd} of {finding.measured} clips are {finding.rule.are}"
    if finding.median is not None:
        here, usual = (in_unit(v, unit) for v in (finding.median, finding.usual))
        text += f" (median {here} against {usual} {unit})"
    if finding.contrast is None:
        return f"{text}; there are no clips to compare their errors with."
    c = finding.contrast
    return (
        f"{text}; errors among them {finding.wrong / odd:.0%} ({finding.wrong} of {odd}), against"
        f" {c.wrong / c.count:.1%} ({c.wrong} of {c.count}) of {c.against}: Fisher's exact"
        f" p = {c.p:.2g}."
    )


def in_unit(value: float, unit: str) -> str:
    """A measure as it is written: shares in percent, the rest as they are."""
    if unit.startswith("%"):
        return f"{100 * value:.3g}"
    return f"{value:.2f}" if unit == "s" else str(round(value))


def _of_word(word: WordFinding) -> str:
    return (
        f'{word.wrong} of {word.count} clips of "{word.label}" are misheard, {word.heard_count}'
        f' of them as "{word.heard}"; of the other words {word.others_wrong} of'
        f" {word.others_count}: Fisher's exact p = {word.p:.2g}. So: listen to these clips (wrong"
        " folder, another pronunciation?), or train with more of that word."
    )


def _conclusion(
    tied: Sequence[Finding],
    words: Sequence[WordFinding],
    loose: Sequence[Finding],
    wrong: int,
    count: int,
    published: Measurement | None,
) -> Iterator[str]:
    worse = None
    if published:
        worse = fisher_greater(wrong, count, errors_of(published), published.count)
        compared = "these are worse" if worse < SIGNIFICANT else "these are no worse beyond chance"
        yield (
            f"The model has {published.value:.1%} on {published.count} clips of {published.data}:"
            f" {compared} (Fisher's exact p = {worse:.2g})."
        )
    if tied or words:
        named = [finding.rule.name for finding in tied]
        named += [f'the word "{word.label}"' for word in words]
        yield f"The errors go with: {', '.join(named)}."
        yield from _together(tied)
    elif count < ENOUGH_CLIPS:
        yield f"{count} clips are too few to tell why: record {ENOUGH_CLIPS} or more."
    elif worse is not None and worse < SIGNIFICANT and loose:
        yield "More clips would tell whether what is odd about them is why."
    elif worse is not None and worse < SIGNIFICANT:
        yield (
            "Nothing measured explains it: speakers, accents or microphone may be unlike those of"
            " the training; recordings such as these, in the training data, would tell."
        )
    else:
        yield "Nothing stands out that errors go with."
    if loose:
        yield (
            f"Odd, but with no more errors than chance might give:"
            f" {', '.join(finding.rule.name for finding in loose)}."
        )


def _together(tied: Sequence[Finding]) -> Iterator[str]:
    """Causes that the same clips share cannot be told apart."""
    for number, first in enumerate(tied):
        for second in tied[number + 1 :]:
            a, b = set(first.odd), set(second.odd)
            if len(a & b) >= SAME_CLIPS * len(a | b):
                yield (
                    f"The {first.rule.name} clips are nearly the {second.rule.name} ones"
                    f" ({len(a & b)} of {len(a | b)}): one may cause the errors of both."
                )
