"""Presets: in the model file, chosen by name, with single settings on top."""

import dataclasses
import json
from pathlib import Path

import pytest
from conftest import Command

from kws_edge.config.config import DetectorOverrides
from kws_edge.config.settings import load_config
from kws_edge.daemon.control import make_spotter
from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.model.file import pack_model, read_model
from kws_edge.model.manifest import Manifest
from training.evaluation.streams.evaluate import OperatingPoints, load_operating_points

QUIET = DetectorConfig(threshold=0.95, thresholds={"yes": 0.97}, smoothing_ms=400)
EAGER = DetectorConfig(threshold=0.3, smoothing_ms=200, refractory_ms=500)


@pytest.fixture(scope="module")
def model(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model with two presets."""
    file = read_model(model_path)
    manifest = dataclasses.replace(file.manifest, presets={"quiet": QUIET, "eager": EAGER})
    path = tmp_path_factory.mktemp("models") / "presets.tflite"
    path.write_bytes(pack_model(manifest, file.flatbuffer))
    return path


def test_kept_in_the_file(model: Path, model_path: Path) -> None:
    assert read_model(model).manifest.presets == {"quiet": QUIET, "eager": EAGER}
    plain = read_model(model_path).manifest
    assert plain.presets == {}
    # a program from before there were presets refuses what it does not know
    assert "presets" not in json.loads(plain.to_json())


def test_odd_presets_name_the_field(model: Path) -> None:
    document = json.loads(read_model(model).manifest.to_json())
    document["presets"]["quiet"]["thresholds"] = {"bird": 0.5}
    with pytest.raises(
        ValidationErrors, match=r"presets\.quiet\.thresholds\.bird: no such keyword"
    ):
        Manifest.from_json(json.dumps(document))
    document["presets"]["quiet"] = {"threshold": 2}
    with pytest.raises(ValidationErrors, match=r"presets\.quiet\.threshold: 2\.0 is not within"):
        Manifest.from_json(json.dumps(document))


def test_single_settings_are_applied_on_top() -> None:
    presets, base = {"quiet": QUIET, "eager": EAGER}, DetectorConfig()
    assert DetectorOverrides(preset="quiet").applied_to(base, presets) == QUIET
    on_top = DetectorOverrides(preset="quiet", smoothing_ms=100).applied_to(base, presets)
    assert on_top == dataclasses.replace(QUIET, smoothing_ms=100)
    one = DetectorOverrides(preset="quiet", threshold=0.5).applied_to(base, presets)
    assert one == dataclasses.replace(QUIET, threshold=0.5, thresholds={})
    with pytest.raises(
        ValidationErrors, match=r"preset: the model has no 'loud' \(default, quiet, eager\)"
    ):
        DetectorOverrides(preset="loud").applied_to(base, presets)


def test_listen_with_a_preset(model: Path, run_command: Command) -> None:
    counts = {}
    for preset in ("quiet", "eager"):
        result = run_command(
            "listen", "-m", model, "--demo", "--pace", "max", "--json", "--preset", preset
        )
        assert result.returncode == 0, result.stderr
        counts[preset] = len(result.stdout.splitlines())
    assert counts["quiet"] < counts["eager"]


def test_in_the_daemons_configuration(model: Path, tmp_path: Path, run_command: Command) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"model: {model}\ndetector: {{preset: quiet, hop_ms: 50}}\n")
    spotter = make_spotter(load_config(path, environment={}).config)
    assert spotter.config == dataclasses.replace(QUIET, hop_ms=50)
    assert run_command("config", "check", "--config", path).returncode == 0
    path.write_text(f"model: {model}\ndetector: {{preset: loud}}\n")
    result = run_command("config", "check", "--config", path)
    assert result.returncode == 78
    assert "detector.preset: the model has no 'loud' (default, quiet, eager)" in result.stderr


@pytest.mark.parametrize(
    "command", [["listen", "--demo", "-m", "mfcc-int8"], ["wyoming", "-m", "mfcc-int8"]]
)
def test_a_model_without_presets(command: list[str], run_command: Command) -> None:
    result = run_command(*command, "--preset", "quiet")
    assert result.returncode == 78
    assert "preset: the model has no 'quiet' (default)" in result.stderr
    assert "Traceback" not in result.stderr


def test_info_shows_them(model: Path, run_command: Command) -> None:
    shown = run_command("info", model).stdout
    assert "preset quiet  threshold 0.95, yes 0.97, smoothing 400 ms" in shown
    assert "preset eager  threshold 0.3, smoothing 200 ms, refractory 500 ms" in shown


def test_operating_points_in_yaml(tmp_path: Path) -> None:
    path = tmp_path / "detector.yaml"
    path.write_text("threshold: 0.8\nthresholds: {yes: 0.9, no: 0.7}\n")
    alone = DetectorConfig(threshold=0.8, thresholds={"yes": 0.9, "no": 0.7})
    assert load_operating_points(path) == OperatingPoints(alone)
    path.write_text("detector: {threshold: 0.8}\npresets:\n  quiet: {threshold: 0.9}\n")
    assert load_operating_points(path).presets == {"quiet": DetectorConfig(threshold=0.9)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("threshold: 2\n", "threshold: 2.0 is not within 0 to 1"),
        ("treshold: 0.5\n", "treshold: unknown, did you mean threshold?"),
        ("presets: {quiet: {threshold: 0.5}}\n", "detector: missing"),
        ("detector: {}\npresets: {quiet: {hop_ms: 0}}\n", "presets.quiet.hop_ms: 0.0 is not"),
        ("detector: {}\npreset: {}\n", "preset: unknown, did you mean presets?"),
        ("[1]\n", "found list [1], expected a mapping"),
    ],
)
def test_faults_of_operating_points(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "detector.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_operating_points(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
