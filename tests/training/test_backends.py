"""Keras on JAX and PyTorch: trains without TensorFlow, and its weights come back to it."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from tones import PITCHES, ROOT, needs, plain_config, run, write_tones

from kws_edge.features.front_end import FeatureConfig
from kws_edge.types import FloatArray
from training.data.clips import scan
from training.data.loading import cached_examples
from training.data.splits import split_clips

BACKENDS = ["jax", "torch"]

# Six steps from given weights: the very same computation on every backend.
STEPS = """
import json, sys
from pathlib import Path
import numpy as np
import keras
from kws_edge.config.yaml_file import load
from training.config import TrainingConfig
from training.data.loading import one_hot
from training.networks.network import network
from training.train.trainer import make_optimizer
folder = Path(sys.argv[1])
config = load(folder / "config.yaml", TrainingConfig)
def build():
    model = network(config)
    model.compile(loss="categorical_crossentropy", optimizer=make_optimizer(config, 6))
    return model
model = build()
start = folder / "start.weights.h5"
if sys.argv[2:] == ["begin"]:
    keras.utils.set_random_seed(0)
    model = build()
    model.save_weights(start)
model.load_weights(start)
x = np.load(folder / "x.npy")
y = one_hot(np.load(folder / "y.npy"), 3, 0)
losses = [float(model.train_on_batch(x[i::6], y[i::6], return_dict=True)["loss"]) for i in range(6)]
print(json.dumps(losses))
"""
POSTERIORS = """
import sys
from pathlib import Path
import numpy as np
from training.train.run import load_run
run, features, output = map(Path, sys.argv[1:])
np.save(output, load_run(run).network().predict(np.load(features)[..., None], verbose=0))
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
    clips = split_clips(scan(data, labels), "official").validation
    return np.asarray(cached_examples(clips, labels, config, cache).features)


def trained(folder: Path, data: Path, epochs: int, **variables: str) -> Path:
    """The run of a `train` command that writes below ``folder``."""
    folder.mkdir()
    config = plain_config()
    config["schedule"]["epochs"] = epochs
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "training", "train", str(folder / "config.yaml")]
    places = [f"--data={data.parent}", f"--output={folder / 'runs'}", f"--cache={folder / 'cache'}"]
    result = run([*command, *places], **variables)
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"epoch {epochs}/{epochs}: loss" in result.stderr
    return Path(result.stdout.strip())


@pytest.mark.slow
def test_a_run_trains_without_tensorflow_and_exports_with_it(
    backend: str, tones: Path, tmp_path: Path
) -> None:
    needs("tensorflow", "training")
    variables = without_tensorflow(backend, tmp_path)
    network = trained(tmp_path / "elsewhere", tones, 8, **variables)
    here = trained(tmp_path / "here", tones, 8, KERAS_BACKEND="tensorflow")
    files = {"config.yaml", "history.csv", "log.txt", "metrics.json", "network.weights.h5"}
    assert {path.name for path in network.iterdir()} == files

    # the same results, within the noise of 18 clips and another generator of first weights
    metrics = [json.loads((run / "metrics.json").read_text()) for run in (network, here)]
    assert backend in metrics[0]
    assert "tensorflow" not in metrics[0]
    assert "tensorflow" in metrics[1]
    assert min(m["validation_accuracy"] for m in metrics) > 0.8

    # the same posteriors there and, from the weights that come back, here
    config = FeatureConfig("mfcc")
    features = tmp_path / "features.npy"
    np.save(features, validation_features(tones, config, tmp_path / "cache"))
    there = tmp_path / "there.npy"
    python(POSTERIORS, network, features, there, **variables)
    converted = run(
        [
            sys.executable,
            "-m",
            "training",
            "export",
            str(network),
            "--data",
            str(tones.parent),
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
    config = plain_config()
    config["schedule"]["epochs"] = 1
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    random = np.random.default_rng(3)
    y = random.integers(0, 3, 60)
    np.save(tmp_path / "y.npy", y)
    np.save(tmp_path / "x.npy", random.normal(y[:, None, None, None], 1, (60, 49, 10, 1)))
    ours = json.loads(python(STEPS, tmp_path, "begin", KERAS_BACKEND="tensorflow"))
    theirs = json.loads(python(STEPS, tmp_path, **without_tensorflow(backend, tmp_path)))
    assert ours[0] > ours[-1]
    np.testing.assert_allclose(theirs, ours, rtol=2e-3)
