"""Every model that ships: small enough, described, and right in every interpreter here."""

import importlib.util
import os
from pathlib import Path

import pytest
from conftest import ROOT, Command

from kws_edge.model.file import DEFAULT_MODEL, bundled_models, demo_recording, read_model

INTERPRETERS = [
    name
    for name, module in (("litert", "ai_edge_litert"), ("tflite-runtime", "tflite_runtime"))
    if importlib.util.find_spec(module)
]
MODELS = bundled_models()


def test_what_ships() -> None:
    assert DEFAULT_MODEL in MODELS
    assert demo_recording().stat().st_size < 2**20
    assert {"log-mel-float32", "log-mel-int8", "mfcc-float32", "mfcc-int8"} <= set(MODELS)


@pytest.mark.parametrize("path", MODELS.values(), ids=MODELS)
def test_model_and_card(path: Path) -> None:
    model = read_model(path)
    assert model.size < 2 * 2**20
    assert model.manifest.name == path.stem
    assert model.manifest.metrics
    assert "+changes" not in model.manifest.git_commit
    card = (path.parent / "card.md").read_text()
    assert "CC BY 4.0" in card
    assert model.manifest.run_id in card
    for metric in model.manifest.metrics:
        shown = f"{metric.value:.2%}"
        if metric.name.startswith("recall"):
            shown = f"{metric.value:.1%}"
        elif "per hour" in metric.name:
            shown = f"{metric.value:.2f} ("
        assert shown in card, metric


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("name", MODELS)
def test_the_probe_passes(name: str, interpreter: str, run_command: Command) -> None:
    for threads in (1, 4):
        result = run_command(
            "check",
            "--model",
            name,
            "--threads",
            threads,
            env={**os.environ, "KWS_EDGE_INTERPRETER": interpreter},
        )
        assert result.returncode == 0, result.stdout + result.stderr
        assert interpreter in result.stdout


def test_nothing_of_the_data_is_in_the_repository() -> None:
    sounds = [p for p in ROOT.glob("recordings/*") if p.suffix in (".wav", ".flac")]
    assert [p.name for p in sounds] == ["demo.wav"]
