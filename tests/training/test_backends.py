"""Keras on JAX and PyTorch: trains without TensorFlow, and its weights come back to it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sweep_world import CONFIG, PITCHES, ROOT, needs, run, sweep_command, write_tones

from kws_edge.features.front_end import FeatureConfig
from kws_edge.types import FloatArray
from training.data.cache import cached_arrays
from training.data.clips import scan
from training.data.splits import split_clips

BACKENDS = ["jax", "torch"]

# Six steps from given weights: the very same computation on every backend.
STEPS = """
import json, sys
from pathlib import Path
import numpy as np
import keras
from kws_edge.config.yaml_file import load
from training.config import RunConfig
from training.networks.build import build
folder = Path(sys.argv[1])
config = load(folder / "config.yaml", RunConfig)
model = build(config, steps=6)
start = folder / "start.weights.h5"
if sys.argv[2:] == ["begin"]:
    keras.utils.set_random_seed(0)
    model = build(config, steps=6)
    model.save_weights(start)
model.load_weights(start)
x = np.load(folder / "x.npy")
y = np.load(folder / "y.npy")
losses = [float(model.train_on_batch(x[i::6], y[i::6], return_dict=True)["loss"]) for i in range(6)]
print(json.dumps(losses))
"""
POSTERIORS = """
import sys
from pathlib import Path
import numpy as np
from training.train.restore import restored_network
run, features, output = map(Path, sys.argv[1:])
np.save(output, restored_network(run).predict(np.load(features)[..., None], verbose=0))
assert "tensorflow" not in {name for name, module in sys.modules.items() if module}
"""


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("data") / "tones")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    needs("keras", "training")
    name: str = request.param
    needs(name, f"training, and {name}")
    return name


def without_tensorflow(backend: str, folder: Path) -> dict[str, str]:
    """Variables under which Python finds no TensorFlow and Keras uses another backend."""
    hidden = folder / "hidden"
    hidden.mkdir(exist_ok=True)
    (hidden / "sitecustomize.py").write_text('import sys\nsys.modules["tensorflow"] = None\n')
    return {"KERAS_BACKEND": backend, "PYTHONPATH": f"{hidden}{os.pathsep}{ROOT}"}


def python(code: str, *arguments: object, **variables: str) -> str:
    result = run([sys.executable, "-c", code, *map(str, arguments)], **variables)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def validation_features(data: Path, config: FeatureConfig, cache: Path) -> FloatArray:
    labels = tuple(PITCHES)
    split = split_clips(scan(data, labels), "official")
    return np.asarray(cached_arrays(split, labels, config, cache).validation.features)


@pytest.mark.slow
def test_a_sweep_trains_without_tensorflow_and_converts_with_it(
    backend: str, tones: Path, tmp_path: Path
) -> None:
    needs("tensorflow", "training")
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    for folder in (elsewhere, here):
        folder.mkdir()
        (folder / "sweep.yaml").write_text(CONFIG.replace("epochs: 2", "epochs: 40"))
    variables = without_tensorflow(backend, tmp_path)
    result = run(sweep_command(elsewhere, tones, "--limit", 1), **variables)
    assert result.returncode == 0, result.stderr
    run(sweep_command(here, tones, "--limit", 1), KERAS_BACKEND="tensorflow")

    # the same results, within the noise of 18 clips and another generator of first weights
    metrics = [
        json.loads(next((folder / "models").glob("mfcc-*/metrics.json")).read_text())
        for folder in (elsewhere, here)
    ]
    assert backend in metrics[0]
    assert "tensorflow" not in metrics[0]
    assert "tensorflow" in metrics[1]
    assert min(m["validation_accuracy"] for m in metrics) > 0.8

    # the same posteriors there and, from the weights that come back, here
    (network,) = (elsewhere / "models").iterdir()
    config = FeatureConfig("mfcc", frame_step_ms=40, num_mel_bins=20)
    features = tmp_path / "features.npy"
    np.save(features, validation_features(tones, config, elsewhere / "cache"))
    there = tmp_path / "there.npy"
    python(POSTERIORS, network, features, there, **variables)
    converted = run(
        [
            sys.executable,
            "-m",
            "training",
            "convert",
            str(network),
            "--data",
            str(tones),
            "-q",
            "float32",
            "--output",
            str(tmp_path / "tflite"),
        ],
        KERAS_BACKEND="tensorflow",
    )
    assert converted.returncode == 0, converted.stderr
    assert np.abs(saved_model_posteriors(network, features) - np.load(there)).max() < 1e-5


def saved_model_posteriors(network: Path, features: Path) -> FloatArray:
    output = features.with_name("here.npy")
    code = """
import sys
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
np.save(sys.argv[3], model.serve(np.load(sys.argv[2])[..., None]).numpy())
"""
    python(code, network, features, output)
    posteriors: FloatArray = np.load(output)
    return posteriors


@pytest.mark.slow
def test_each_step_of_training_is_the_same(backend: str, tmp_path: Path) -> None:
    needs("tensorflow", "training")
    (tmp_path / "config.yaml").write_text(
        "name: steps\nlabels: [a, b, c]\nfeatures: {kind: mfcc}\noptimizer: {epochs: 1}\n"
    )
    random = np.random.default_rng(3)
    y = random.integers(0, 3, 60)
    np.save(tmp_path / "y.npy", y)
    np.save(tmp_path / "x.npy", random.normal(y[:, None, None, None], 1, (60, 49, 10, 1)))
    ours = json.loads(python(STEPS, tmp_path, "begin", KERAS_BACKEND="tensorflow"))
    theirs = json.loads(python(STEPS, tmp_path, **without_tensorflow(backend, tmp_path)))
    assert ours[0] > ours[-1]
    np.testing.assert_allclose(theirs, ours, rtol=2e-3)


@pytest.mark.slow
def test_train_runs_without_tensorflow(backend: str, tones: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(
        "name: tones\nlabels: [high, low, middle]\nfeatures: {kind: mfcc}\noptimizer: {epochs: 1}\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "training", "train", str(config), "--data", str(tones)],
        env={**os.environ, **without_tensorflow(backend, tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    folder = tmp_path / result.stdout.strip()
    assert {path.name for path in folder.iterdir()} == {
        "config.yaml",
        "history.csv",
        "metrics.json",
        "network.weights.h5",
    }
    assert "epoch 1: validation" in result.stderr
