"""Operating points on made posteriors: what is fitted to noise is not taken."""

from pathlib import Path

import numpy as np
import pytest

from kws_edge.detection.scoring import SpokenWord
from kws_edge.model.file import read_model
from kws_edge.model.manifest import Manifest
from training.evaluation.streams.compose import StreamFile
from training.evaluation.tuning.posteriors import Posteriors
from training.evaluation.tuning.sweep import Grid, TuningSet, TuningStream, sweep
from training.evaluation.tuning.tune import Choice, Target, choose

HOP, RATE = 1600, 16000
Scores = dict[str, tuple[float, float]]  # of each word, the least and the most


@pytest.fixture(scope="module")
def manifest(model_path: Path) -> Manifest:
    return read_model(model_path).manifest


def stream(manifest: Manifest, scores: Scores, count: int, spoken: bool, seed: int) -> TuningStream:
    """Every two seconds one of the words is decided for once, with a score of its range."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(list(scores), count)
    values = np.full((20 * count, len(manifest.labels)), 0.01, np.float32)
    for n, label in enumerate(labels):
        values[20 * n, manifest.labels.index(label)] = rng.uniform(*scores[label])
    words = [SpokenWord(2 * n + 0.3, 2 * n + 0.8, str(w)) for n, w in enumerate(labels)]
    samples = RATE + HOP * np.arange(20 * count, dtype=np.int64)
    file = StreamFile(Path(f"{seed}.wav"), tuple(words) if spoken else None)
    return TuningStream(Posteriors(file, 2.0 * count, samples, values), spoken, not spoken)


def chosen(
    manifest: Manifest, right: Scores, wrong: Scores, target: Target, count: int = 400
) -> Choice:
    streams = [
        stream(manifest, right, count, True, 1),
        stream(manifest, wrong, count, False, 2),
    ]
    tuning_set = TuningSet(streams, manifest)
    return choose(tuning_set, sweep(tuning_set, Grid((0.0,), (500.0,), ("off",))), target)


RATE_TARGET = Target("default", 20.0)  # 4 in 400 times 2 s


def test_words_that_differ_have_their_own(manifest: Manifest) -> None:
    right = {"go": (0.93, 0.99), "no": (0.6, 0.99)}
    wrong = {"go": (0.3, 0.92), "no": (0.3, 0.55)}
    choice = chosen(manifest, right, wrong, RATE_TARGET)
    assert choice.met
    assert choice.evidence
    assert choice.evidence.kept
    assert choice.evidence.carrying == ("go", "no")
    thresholds = choice.row.config.thresholds
    assert set(thresholds) == {"go", "no"}
    assert thresholds["no"] < 0.65 < 0.85 < thresholds["go"]
    assert choice.row.misses <= 5
    assert choice.row.false_accepts <= 4


def test_words_that_do_not_differ_have_one_threshold(manifest: Manifest) -> None:
    same = {"go": (0.5, 0.99), "no": (0.5, 0.99)}
    choice = chosen(manifest, same, {"go": (0.3, 0.8), "no": (0.3, 0.8)}, RATE_TARGET)
    assert choice.met
    assert choice.evidence
    assert choice.evidence.carrying == ("go", "no")  # enough of both, and yet
    assert not choice.evidence.kept
    assert choice.row.config.thresholds == {}


def test_few_events_carry_nothing(manifest: Manifest) -> None:
    right = {"go": (0.93, 0.99), "no": (0.6, 0.99)}
    wrong = {"go": (0.3, 0.92), "no": (0.3, 0.55)}
    choice = chosen(manifest, right, wrong, Target("default", 100.0), count=30)
    assert choice.evidence
    assert choice.evidence.carrying == ()
    assert choice.evidence.held_out_per_keyword is None
    assert choice.row.config.thresholds == {}


def test_quiet_takes_the_margin_that_words_leave(manifest: Manifest) -> None:
    right, wrong = {"go": (0.7, 0.99)}, {"go": (0.3, 0.6)}
    eager, default, quiet = (
        chosen(manifest, right, wrong, target)
        for target in (Target("eager", 200.0), Target("default", 0.5), Target("quiet", 0.1, 0.05))
    )
    assert 0.5 < default.row.config.threshold <= 0.7
    assert default.row.misses == 0
    assert eager.row.misses == 0
    assert quiet.row.config.threshold > default.row.config.threshold
    assert 0 < quiet.row.misses <= 0.05 * 400


def test_a_target_that_cannot_be_met_is_said_to_be(manifest: Manifest) -> None:
    right, wrong = {"go": (0.99995, 1.0)}, {"go": (0.99995, 1.0)}
    choice = chosen(manifest, right, wrong, Target("default", 0.5))
    assert not choice.met
    assert choice.row.false_accepts > 0
