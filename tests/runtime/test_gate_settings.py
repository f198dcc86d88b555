"""The idle gate as a user meets it: settings, model files, the daemon's figures."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Command, noise
from test_daemon import Witness, make_daemon
from test_model_file import change, repacked
from test_notify import Manager

from kws_edge.config.config import Config, DetectorOverrides
from kws_edge.config.settings import load_config
from kws_edge.detection.detector import DetectorConfig
from kws_edge.model.file import pack_model, read_model
from kws_edge.sources.base import Samples


def overrides(text: str, folder: Path) -> DetectorOverrides:
    path = folder / "config.yaml"
    path.write_text(text)
    return load_config(path, environment={}).config.detector


def test_a_gate_is_set_changed_and_taken_away(tmp_path: Path) -> None:
    model = DetectorConfig(gate_dbfs=-60)
    assert Config().detector.applied_to(model, {}).gate_dbfs == -60
    lower = overrides("detector: {gate_dbfs: -70}", tmp_path)
    assert lower.applied_to(model, {}).gate_dbfs == -70
    none = overrides("detector: {gate_dbfs: off}", tmp_path)
    assert none.applied_to(model, {}).gate_dbfs == "off"
    assert load_config(flags={"detector.gate_dbfs": "off"}, environment={}).config.detector == none


def test_a_model_file_without_the_field_has_no_gate(model_path: Path, tmp_path: Path) -> None:
    model = read_model(model_path)
    path = tmp_path / "model.tflite"
    gated = dataclasses.replace(model.manifest, detector=DetectorConfig(gate_dbfs=-60))
    path.write_bytes(pack_model(gated, model.flatbuffer))
    assert read_model(path).manifest.detector.gate_dbfs == -60
    path.write_bytes(repacked(read_model(path), change(gated, "detector.gate_dbfs", None)))
    assert read_model(path).manifest.detector.gate_dbfs == "off"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["listen", "--demo", "--gate-dbfs", "3"],
            78,
            "--detector-gate-dbfs: 3.0 is not within -200 to 0 dBFS",
        ),
        (["listen", "--demo", "--gate-dbfs", "of"], 78, "expected a finite number or 'off'"),
        (
            ["wyoming", "--gate-dbfs", "3"],
            78,
            "--detector-gate-dbfs: 3.0 is not within -200 to 0 dBFS",
        ),
        (
            ["wyoming", "--gate-dbfs", "nan"],
            78,
            "--detector-gate-dbfs: found str 'nan', expected a finite number",
        ),
        (["wyoming", "--gate-dbfs", "of"], 78, "expected a finite number or 'off'"),
    ],
)
def test_faults(arguments: list[str], code: int, message: str, run_command: Command) -> None:
    result = run_command(*arguments)
    assert result.returncode == code
    assert message in result.stderr


def test_listen_with_a_gate_hears_the_demo(run_command: Command) -> None:
    demo = ("listen", "--demo", "--pace", "max", "--json", "--gate-dbfs")

    def labels(level: str) -> list[str]:
        lines = run_command(*demo, level).stdout.splitlines()
        return [json.loads(line)["label"] for line in lines]

    assert labels("-50") == labels("off") != []
    assert labels("-1") == []


def test_a_daemon_in_a_silent_room_is_ready_and_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    manager = Manager(str(tmp_path / "notify"))
    path, witness = tmp_path / "config.yaml", Witness()
    path.write_text("detector: {gate_dbfs: -60}\n")
    daemon, metrics = make_daemon(path, witness, caplog)
    daemon.run(Samples(np.zeros(100 * 16000, np.float32)))
    message, _ = manager.receive()
    manager.close()
    assert message.startswith("READY=1\nSTATUS=microphone not open yet, processed 0 h 0 min (idle ")
    # the half window of silence that follows the end of a source included
    assert witness.decisions == 996
    assert metrics.inference.cumulative[-1] == 0
    assert metrics.rested_seconds() == pytest.approx(99.6)
    assert "processed 0 h 1 min (idle 0 h 1 min)" in daemon._status()


def test_a_reload_opens_the_gate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, witness = tmp_path / "config.yaml", Witness()
    path.write_text("detector: {gate_dbfs: -1}\n")
    daemon, metrics = make_daemon(path, witness, caplog)
    daemon.engine.spotter.push(noise(32000))
    assert metrics.inference.cumulative[-1] == 0
    path.write_text("detector: {gate_dbfs: -60}\n")
    daemon.reload()
    daemon.engine.spotter.push(noise(16000))
    assert metrics.inference.cumulative[-1] == 10
