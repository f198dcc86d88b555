"""The export for microWakeWord in pymicro-wakeword itself: its probabilities are ours."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import ROOT

pytest.importorskip("tensorflow", reason="needs the extra 'training'")
pytest.importorskip("pymicro_wakeword", reason="needs pymicro-wakeword")

import pymicro_wakeword
from untrained_run import write_run

from kws_edge.audio.files import read_audio, to_pcm16
from kws_edge.errors import ConfigError, MissingFileError
from kws_edge.features.front_end import FeatureConfig, FeatureStream
from kws_edge.model.file import demo_recording
from kws_edge.model.interpreter import make_interpreter
from kws_edge.types import FloatArray
from training.config import as_document
from training.networks.streaming_form import first_states, streaming_form
from training.train.run import Run, load_run

pytestmark = pytest.mark.slow  # a conversion

FRAMING = {"kind": "micro", "frame_length_ms": 30, "frame_step_ms": 10, "log_offset": 1e-6}
CHUNK = 8  # frames
# that ESPHome's interpreter has (micro_wake_word/streaming_model.cpp), and room for 20 variables
OPERATORS = {
    *("CALL_ONCE", "VAR_HANDLE", "RESHAPE", "READ_VARIABLE", "STRIDED_SLICE", "CONCATENATION"),
    *("ASSIGN_VARIABLE", "CONV_2D", "MUL", "ADD", "MEAN", "FULLY_CONNECTED", "LOGISTIC"),
    *("QUANTIZE", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "PAD", "PACK", "SPLIT_V"),
}


def export(run: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", "export", "microwakeword", str(run), *more]
    return subprocess.run(
        [*command, "--output", str(output)], capture_output=True, text=True, check=False, cwd=ROOT
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of one word, untrained; its windows for the ranges are of the demo."""
    made = write_run(tmp_path_factory.mktemp("runs") / "run", "wake_word", 8, **FRAMING)
    config = as_document(made.config)
    config["data"]["words"] = ["high"]
    config.update(
        name="high", windows={}, detector={"smoothing_ms": 240, "thresholds": {"high": 0.9}}
    )
    (made.folder / "config.yaml").write_text(yaml.safe_dump(config))
    frames = stream_features()
    windows = np.stack([frames[start : start + 98] for start in range(0, 1900, 49)])
    np.save(made.folder / "calibration.npy", windows)
    return load_run(made.folder)


@pytest.fixture(scope="module")
def exported(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JSON file."""
    output = tmp_path_factory.mktemp("exported")
    result = export(
        run.folder, output, "--wake-word", "High!", "--author", "Ann", "--language", "de"
    )
    assert result.returncode == 0, result.stderr
    assert "within 0." in result.stdout
    return output / "high.json"


def stream_features() -> FloatArray:
    return FeatureStream(FeatureConfig("micro", 16000, 30, 10)).push(demo())


def demo() -> FloatArray:
    return read_audio(demo_recording(), 16000)


def theirs(description: Path, sound: FloatArray, sliding: int) -> list[float]:
    """The probabilities that pymicro-wakeword gives, from 16-bit audio on."""
    model = pymicro_wakeword.MicroWakeWord.from_config(description)
    model.sliding_window_size = sliding
    model._probabilities = type(model._probabilities)(maxlen=sliding)
    rows = pymicro_wakeword.MicroWakeWordFeatures().process_streaming(to_pcm16(sound).tobytes())
    found = [model.process_streaming_prob(row) for row in rows]
    return [value for value in found[CHUNK - 1 :: CHUNK] if value is not None]


def test_pymicro_wakeword_gives_the_probabilities_of_the_trained_network(
    run: Run, exported: Path
) -> None:
    found = np.array(theirs(exported, demo(), 1))
    model = streaming_form(run.config, run.network(), CHUNK)
    states: list[Any] = first_states(model)
    expected, frames = [], stream_features()
    for start in range(0, len(frames) - CHUNK + 1, CHUNK):
        chunk = frames[None, start : start + CHUNK, :, None]
        posteriors, *states = map(np.asarray, model([chunk, *states]))
        expected.append(posteriors[0, 0])
    assert len(found) == len(expected) > 250
    assert np.ptp(expected) > 0.5  # it says something
    differences = np.abs(found - np.array(expected))
    assert np.quantile(differences, 0.99) < 0.15
    assert differences.mean() < 0.03


def test_its_sliding_window_is_the_smoothing(exported: Path) -> None:
    alone = np.array(theirs(exported, demo(), 1))
    smoothed = theirs(exported, demo(), 3)  # 240 ms of 80 ms
    np.testing.assert_allclose(smoothed[2:], (alone[:-2] + alone[1:-1] + alone[2:]) / 3, atol=1e-6)


def test_the_json_file_is_version_2(exported: Path) -> None:
    content = json.loads(exported.read_text())
    assert content == {
        "type": "micro",
        "wake_word": "High!",
        "author": "Ann",
        "model": "high.tflite",
        "trained_languages": ["de"],
        "version": 2,
        "micro": {
            "probability_cutoff": 0.9,
            "feature_step_size": 10,
            "sliding_window_size": 3,
            "tensor_arena_size": content["micro"]["tensor_arena_size"],
            "minimum_esphome_version": "2024.7.0",
        },
    }


def test_the_model_is_what_esphome_runs(exported: Path) -> None:
    interpreter: Any = make_interpreter(exported.with_suffix(".tflite").read_bytes())
    [features], [probability] = interpreter.get_input_details(), interpreter.get_output_details()
    assert (features["dtype"], list(features["shape"])) == (np.int8, [1, CHUNK, 40])
    assert features["quantization"] == pytest.approx((26 / 255, -128))
    assert (probability["dtype"], list(probability["shape"])) == (np.uint8, [1, 1])
    assert probability["quantization"] == (1 / 256, 0)
    operators = Counter(operator["op_name"] for operator in interpreter._get_ops_details())
    assert set(operators) - {"DELEGATE"} <= OPERATORS
    assert operators["VAR_HANDLE"] <= 20


def test_another_run_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    write_run(tmp_path / "run", "ts_resnet", 8)
    result = export(tmp_path / "run", tmp_path)
    assert result.returncode == ConfigError.exit_code
    assert result.stderr.count("\n") == 1
    assert "features.kind log_mel and network.architecture ts_resnet" in result.stderr
    assert not list(tmp_path.glob("*.json"))


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    result = export(tmp_path / "nothing", tmp_path)
    assert (result.returncode, result.stderr.count("\n")) == (MissingFileError.exit_code, 1)
