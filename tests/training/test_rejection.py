"""Figures of models that have labels for what is no keyword, and their cards."""

from pathlib import Path

import pytest
from conftest import noise
from ten_labels import make_ten_labels

from kws_edge.audio.files import write_wav
from kws_edge.model.file import read_model
from training.config import MINI_SPEECH_COMMANDS
from training.data.clips import scan
from training.evaluation.clip_report import evaluate, write_report
from training.release.release import CardText, ReleaseEvidence, release


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of each word, four that are no word, four of a word outside the training."""
    folder = tmp_path_factory.mktemp("clips")
    counts = dict.fromkeys(MINI_SPEECH_COMMANDS, 2) | {"_unknown_": 3, "_silence_": 1, "on": 4}
    for label, count in counts.items():
        (folder / label).mkdir()
        for number in range(count):
            write_wav(folder / label / f"{number}.wav", noise(16000, number), 16000)
    return folder


def test_a_model_that_fires_at_everything(clips: Path, tmp_path: Path) -> None:
    model = make_ten_labels(tmp_path, "yes")
    result = evaluate(model, scan(clips), "made here", repetitions=10)
    assert (result["clips"], result["accuracy"]) == (20, 2 / 20)  # "on" is no label of its
    assert (result["words_alone"]["clips"], result["words_alone"]["count"]) == (16, 2)
    assert {
        name: (of["count"], of["clips"]) for name, of in result["false_accept_rate"].items()
    } == {
        "_silence_": (1, 1),
        "_unknown_": (3, 3),
        "on": (4, 4),
    }


def test_a_model_that_rejects_everything_and_its_card(clips: Path, tmp_path: Path) -> None:
    model = make_ten_labels(tmp_path, "_unknown_")
    result = evaluate(model, scan(clips), "made here", repetitions=10)
    assert result["accuracy"] == 3 / 20
    assert result["false_accept_rate"]["on"]["count"] == 0
    assert result["false_accept_rate"]["on"]["upper"] > 0.4  # four clips prove little
    report, *_ = write_report(result, tmp_path / "reports")
    text = CardText(limits="Other words and noises have labels of their own.")
    evidence = ReleaseEvidence(clips=(report,))
    released = release(model, tmp_path / "models", "rejects", evidence, text)
    names = {m.name: m.value for m in read_model(released).manifest.metrics}
    assert names["accuracy"] == pytest.approx(0.15)
    assert names["false accept rate on _silence_"] == 0
    card = (released.parent / "card.md").read_text()
    assert "Recognizes 8 words: down, go" in card
    assert "| made here | false accept rate on on | 0 of 4 | 0.00% | 0.00% to 48.99% |" in card
    assert "Other words and noises have labels of their own" in card
