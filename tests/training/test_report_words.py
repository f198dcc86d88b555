"""The answers: words that follow the data."""

import ast
import json
import re
from pathlib import Path

import pytest
from study_world import flat, lively, make_study

pytest.importorskip("optuna", reason="needs the extra 'training'")

import training.report
from training.report.blocks import Block, Section, Text
from training.report.document import document
from training.report.load import Study, load_studies
from training.report.noise import seed_noise
from training.sweep.point import Point


def texts(block: Block) -> list[str]:
    if isinstance(block, Text):
        return [block.text]
    if isinstance(block, Section):
        return [block.title, *(text for inner in block.blocks for text in texts(inner))]
    return []


def answer(studies: list[Study], question: str) -> str:
    """All paragraphs under the question that begins so."""
    (answers,) = (
        b for b in document(studies).blocks if isinstance(b, Section) and b.title == "The answers"
    )
    (found,) = (b for b in answers.blocks if isinstance(b, Section) and question in b.title)
    return " ".join(texts(found)[1:])


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> list[Study]:
    return load_studies(make_study(tmp_path_factory.mktemp("full"), lively))


def test_what_matters_is_told_from_noise(full: list[Study]) -> None:
    text = answer(full, "Which hyper-parameters matter")
    assert "**MFCC**: **upper edge** (a range of" in text
    assert "worst at 2000 Hz" in text
    assert "lower edge" in text.partition("Inside the noise:")[2]


def test_the_best_is_the_data_s(full: list[Study]) -> None:
    (study,) = full
    best = max(study.configurations(), key=lambda run: run.validation.value)
    text = answer(full, "highest accuracy")
    assert f"**{100 * best.validation.value:.1f} %" in text
    test = best.test()
    assert test is not None
    assert f"**{test}** of 1827 clips" in text
    assert "**MFCC**, each at its best setting" in answer(full, "technique")
    assert answer(full, "counts more").startswith("**The choice of the features.**")
    assert "Nothing" not in answer(full, "tuning gain")


def test_where_nothing_matters_everything_is_inside_the_noise(tmp_path: Path) -> None:
    studies = load_studies(make_study(tmp_path, flat, searched=2, limit=12))
    assert seed_noise(studies[0]).df == 4
    matter = answer(studies, "Which hyper-parameters matter")
    assert "range of" not in matter.replace("widest range", "")
    assert matter.count("none by more than the noise") == 3
    assert "more than the noise" not in answer(studies, "tuning gain")
    assert "not of all by more than the noise" in answer(studies, "technique")
    assert answer(studies, "counts more").startswith("**Neither can be told from the noise.**")


def upside_down(point: Point, seed: int) -> float:
    return {"mfcc": 0.8, "log_mel": 0.85, "spectrogram": 0.9}[point.kind] + 0.001 * seed


def test_other_data_other_words(tmp_path: Path) -> None:
    studies = load_studies(make_study(tmp_path, upside_down, searched=0, limit=5))
    assert answer(studies, "technique").startswith("**spectrogram**")
    assert "by **spectrogram, " in answer(studies, "highest accuracy")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    make_study(tmp_path, sweeps=("mfcc",), searched=0, limit=4, models=False)
    studies = load_studies(tmp_path)
    said = " ".join(texts(document(studies)))
    assert "4 of 39 planned runs are there" in said
    assert "**Incomplete**: missing are 23 of the MFCC one factor plan and 12 of the MFCC" in said
    assert "no result of log-Mel and spectrogram features yet" in said
    assert "The test part has not been read: all accuracies are on validation." in said
    assert "The test part has not been read, so this is the figure" in said
    assert "by the sweep's estimate" in answer(studies, "dominates")
    assert "estimated: the models have not been timed yet" in answer(studies, "Pareto")
    assert "MFCC alone: nothing to compare yet" in answer(studies, "technique")


def test_a_single_run_is_a_report_already(tmp_path: Path) -> None:
    make_study(tmp_path, sweeps=("mfcc",), searched=0, limit=1)
    said = " ".join(texts(document(load_studies(tmp_path))))
    assert "It is the only configuration so far." in said
    assert "Nothing can be said yet of MFCC" in said
    assert "No point has been trained with several seeds yet" in said


def test_figures_of_another_model_are_not_taken_for_this_one_s(tmp_path: Path) -> None:
    make_study(tmp_path, sweeps=("mfcc",), searched=0, limit=1)
    for path in (tmp_path / "tests").glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": "other"}))
    (study,) = load_studies(tmp_path)
    assert study.runs[0].models
    assert not study.runs[0].tests


def test_models_that_are_not_what_was_trained_are_counted(tmp_path: Path) -> None:
    make_study(tmp_path, sweeps=("mfcc",), searched=0, limit=2)
    assert "All 6 models give" in answer(load_studies(tmp_path), "quantizations")
    path = next((tmp_path / "models").glob("*-int8.json"))
    path.write_text(path.read_text().replace('"passed": true', '"passed": false'))
    said = answer(load_studies(tmp_path), "quantizations")
    assert "**Of 6 models 1 give other posteriors" in said
    assert "should cost: 1 of int8." in said


def test_given_lists_have_a_section_of_their_own(tmp_path: Path) -> None:
    make_study(tmp_path, sweeps=("mfcc",), searched=0, limit=2)
    course = (tmp_path / "mfcc.yaml").read_text().replace("name: mfcc", "name: course")
    (tmp_path / "course.yaml").write_text(f"{course}\nsplit: lists\n")
    for path in sorted((tmp_path / "runs").glob("*.json"))[:1]:
        record = json.loads(path.read_text())
        record |= {"key": "mfcc-course", "sweep": "course"}
        record["config"]["split"] = "lists"
        path.with_name("mfcc-course.json").write_text(json.dumps(record))
    official, lists = load_studies(tmp_path)
    assert (official.split, len(official.runs)) == ("official", 2)
    assert (lists.split, len(lists.runs)) == ("lists", 1)
    assert "On the given lists" in " ".join(texts(document([official, lists])))


def test_no_result_is_typed() -> None:
    """Text of the report's code holds no figure: only a format gives one."""
    figure = re.compile(r"(?<![p\d])\d+(\.\d+)? ?(%|points|ms\b|KB\b|of the)")
    typed = []
    for path in Path(training.report.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                typed += [m[0] for m in figure.finditer(node.value) if m[0] != "95 %"]
    # an example in a docstring, and what a KB is
    assert [t for t in typed if t not in ("50 %", "40 ms", "1 KB")] == []
