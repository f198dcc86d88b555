"""The rules on samples made to order."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kws_edge.model.manifest import Measurement
from training.data.clips import Clip
from training.evaluation.recordings.findings import RULES
from training.evaluation.recordings.measures import NAMES, TITLES, ClipMeasures
from training.evaluation.recordings.samples import BUNDLED_REFERENCE, Sample, load_reference
from training.evaluation.recordings.verdict import make_verdict
from training.evaluation.recordings.verdict_files import as_markdown

LABELS = ("left", "no", "yes")
REFERENCE = load_reference(BUNDLED_REFERENCE)
PUBLISHED = Measurement("accuracy", 0.93, 0.92, 0.94, 1000, "a test set")
USUAL = ClipMeasures(1.0, -24.0, -65.0, 41.0, 0.0, 0.5, -16.0, -27.0, 0.0, 190.0)


def sample(number: int, wrong: bool = False, label: str | None = None, **measures: Any) -> Sample:
    """A usual clip, some of its measures replaced; a wrong one is recognised as the next label."""
    label = label or LABELS[number % 3]
    predicted = LABELS[(LABELS.index(label) + 1) % 3] if wrong else label
    clip = Clip(Path(f"{label}/{number}.wav"), label, str(number))
    return Sample(clip, ClipMeasures(**{**USUAL.__dict__, **measures}), predicted, 0.9)


def judge(samples: Sequence[Sample], published: Measurement | None = PUBLISHED) -> dict[str, Any]:
    return make_verdict(samples, LABELS, REFERENCE, published)


def test_nothing_stands_out() -> None:
    verdict = judge([sample(n, wrong=n == 7) for n in range(40)])
    assert verdict["remedies"] == verdict["harmless"] == {}
    assert verdict["accuracy"] == 39 / 40
    assert "no worse beyond chance" in verdict["conclusion"]
    assert "Nothing stands out" in verdict["conclusion"]


def test_quiet_clips_with_the_errors_among_them() -> None:
    samples = [sample(n, wrong=n < 19, level_dbfs=-48 if n < 32 else -24) for n in range(52)]
    verdict = judge(samples)
    (remedy,) = verdict["remedies"].values()
    assert remedy.startswith("32 of 52 clips are quieter than 95 % of the reference (median -48")
    assert "59% (19 of 32)" in remedy
    assert "Fisher's exact p = " in remedy
    assert "raise the gain" in remedy
    assert "The errors go with: quiet." in verdict["conclusion"]


def test_what_is_odd_without_errors_is_no_remedy() -> None:
    verdict = judge([sample(n, wrong=n in (3, 33), level_dbfs=-48) for n in range(40)])
    assert verdict["remedies"] == {}
    assert list(verdict["harmless"]) == ["quiet"]
    assert "no more errors than chance might give: quiet" in verdict["conclusion"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_names_its_own_remedy(rule: Any) -> None:
    low, high = REFERENCE.at(rule.measure, 0), REFERENCE.at(rule.measure, 100)
    value = low - 0.1 if rule.side == "low" else high + 0.1
    samples = [
        sample(n, n % 2 == 0 and n < 30, None, **({rule.measure: value} if n < 30 else {}))
        for n in range(60)
    ]
    verdict = judge(samples, published=None)
    assert list(verdict["remedies"]) == [rule.name]
    assert rule.remedy in verdict["remedies"][rule.name]


def test_all_clips_alike_are_compared_with_the_models_own_accuracy() -> None:
    samples = [sample(n, wrong=n % 2 == 0, snr_db=5.0) for n in range(30)]
    assert "of a test set" in judge(samples)["remedies"]["noisy"]
    without = judge(samples, published=None)
    assert without["remedies"] == {}
    assert "no clips to compare" in without["harmless"]["noisy"]


def test_two_causes_in_the_same_clips_are_said_to_be_inseparable() -> None:
    samples = [sample(n, wrong=n % 2 == 0, snr_db=5.0, level_dbfs=-60) for n in range(30)]
    verdict = judge(samples)
    assert set(verdict["remedies"]) == {"noisy", "quiet"}
    assert "one may cause the errors of both" in verdict["conclusion"]


def test_a_measure_that_few_clips_allow_names_nothing() -> None:
    samples = [sample(n, wrong=True, decay_ms=900.0 if n < 10 else None) for n in range(40)]
    assert judge(samples)["remedies"] == {}


def test_clipping_accounts_for_a_low_ratio_of_speech_to_noise() -> None:
    samples = [sample(n, wrong=n % 2 == 0, snr_db=5.0, clipped_share=0.1) for n in range(30)]
    assert list(judge(samples)["remedies"]) == ["clipped"]


def test_one_word_fails_alone() -> None:
    samples = [sample(n, wrong=n < 7, label="yes" if n < 10 else "no") for n in range(40)]
    verdict = judge(samples)
    assert list(verdict["remedies"]) == ["word yes"]
    assert '7 of 10 clips of "yes" are misrecognised, 7 of them as "left"' in str(
        verdict["remedies"]
    )


def test_too_few_clips_and_errors_that_nothing_explains() -> None:
    assert "6 clips are too few" in judge([sample(n, wrong=n < 2) for n in range(6)])["conclusion"]
    verdict = judge([sample(n, wrong=n % 2 == 0) for n in range(60)])
    assert "these are worse" in verdict["conclusion"]
    assert "No measure explains the errors" in verdict["conclusion"]
    assert verdict["remedies"] == {}


def test_the_page_has_the_evidence_and_every_measure() -> None:
    verdict = judge([sample(n, wrong=n < 19, level_dbfs=-48 if n < 32 else -24) for n in range(52)])
    names = {
        "folder": "mine",
        "model": "m",
        "run_id": "r",
        "interpreter": "i",
        "other_folders": {"bird": 3},
        "unreadable": ["yes/a|b.wav"],
    }
    page = as_markdown({**names, **verdict})
    for text in (verdict["conclusion"], *verdict["remedies"].values(), "bird (3)", "yes/a|b.wav"):
        assert text in page
    for name in NAMES:
        assert TITLES[name][0] in page
    assert "| no/1.wav | yes | 0.90 | -48 | 41 | quiet |" in page


def test_percent_of_the_reference() -> None:
    assert REFERENCE.percent_of("level_dbfs", -200) == 0
    assert REFERENCE.percent_of("level_dbfs", 0) == 100
    middle = REFERENCE.at("level_dbfs", 50)
    assert REFERENCE.percent_of("level_dbfs", middle) == 50
    assert REFERENCE.percent_of("dc_offset", 0.0) == 0
