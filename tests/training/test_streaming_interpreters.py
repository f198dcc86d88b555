"""Windowed and streaming model files of each architecture in both interpreters."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra 'training'")

from streaming_models import Models, converted
from tones import write_tones
from untrained_run import write_run

from kws_edge.model.file import read_model
from kws_edge.model.interpreter import make_interpreter
from training.export.convert import compact
from training.export.verify import INTERPRETERS
from training.networks.registry import streaming_architectures

PROBES = """
import json, sys
from pathlib import Path
from kws_edge.model.classifier import Classifier
from kws_edge.model.probe import run_probe
for path in sys.argv[1:]:
    for threads in (1, 4):
        result = run_probe(Classifier.load(Path(path), threads))
        print(json.dumps([result.passed, result.posteriors.tolist()]))
"""


@pytest.fixture(scope="module", params=streaming_architectures())
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return converted(tmp_path_factory.mktemp("models"), request.param, 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", INTERPRETERS)
def test_both_run_it_on_any_threads(name: str, models: Models) -> None:
    """Operators' versions are known to both, and the probe passes."""
    if importlib.util.find_spec(INTERPRETERS[name]) is None:
        pytest.skip(f"{name} is not installed")
    paths = [*models.windowed.values(), *models.streaming.values()]
    result = subprocess.run(
        [sys.executable, "-c", PROBES, *map(str, paths)],
        env={**os.environ, "KWS_EDGE_INTERPRETER": name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(found) == 8
    assert all(passed for passed, _ in found)
    one, four = ([posteriors for _, posteriors in found[start::2]] for start in (0, 1))
    np.testing.assert_allclose(one, four, atol=1e-4)
    # a stream says what a window says
    assert np.abs(np.subtract(found[0][1], found[4][1])).max() < 1e-4


@pytest.mark.slow
def test_slimming_twice_changes_nothing(models: Models) -> None:
    """Nor does it move weights off their 16 bytes, which some processors need."""
    for path in (*models.windowed.values(), *models.streaming.values()):
        flatbuffer = read_model(path).flatbuffer
        assert compact(flatbuffer) == flatbuffer
        make_interpreter(flatbuffer).invoke()


@pytest.mark.slow
def test_convert_streaming_by_the_command(tmp_path: Path) -> None:
    run, data = write_run(tmp_path / "run", "tc_resnet", 8), write_tones(tmp_path / "tones")
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "training",
            "export",
            str(run.folder),
            "--streaming",
            "--chunk-ms",
            "160",
            "-q",
            "int8",
            "--data",
            str(data.parent),
            "--output",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    manifest = read_model(tmp_path / "tc_resnet-8-streaming-int8.tflite").manifest
    assert manifest.streaming
    assert manifest.streaming.chunk_frames == 8
