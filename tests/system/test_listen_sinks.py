"""``listen --input --sinks``: a pipe and a file drive the sinks as a microphone does."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mosquitto import free_port

from kws_edge.audio.files import read_audio, to_pcm16
from kws_edge.model.file import demo_recording

LISTEN = (sys.executable, "-m", "kws_edge", "listen", "--model", "mfcc-int8", "--json")
CONFIG = """
commands:
- run: [/bin/sh, -c, 'cat >> "$0"; echo >> "$0"', {commanded}]
clips: {{folder: {clips}, near_miss: 0.6}}
"""


def write_config(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(commanded=folder / "commanded", clips=folder / "clips"))
    return path


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line]


def without_time(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in event.items() if k not in ("utc", "id")} for event in events]


def check(folder: Path, stdout: str) -> None:
    """Every detection reached stdout, the command and a clip with its audio."""
    events = parsed(stdout)
    plain = subprocess.run(
        [*LISTEN, "--input", demo_recording()], capture_output=True, text=True, check=True
    )
    found = [event for event in events if event["type"] == "detection"]
    assert len(found) >= 8
    assert without_time(found) == without_time(parsed(plain.stdout))
    assert events[-1]["type"] == "stopped"
    assert events[-1]["reason"] == "the source ended"
    commanded = parsed((folder / "commanded").read_text())
    assert sorted(e["id"] for e in commanded) == [e["id"] for e in found]
    manifest = parsed((folder / "clips" / "manifest.jsonl").read_text())
    assert [e["id"] for e in manifest if e["type"] == "detection"] == [e["id"] for e in found]
    stream = read_audio(demo_recording(), 16000)
    for entry in manifest:
        clip = read_audio(folder / "clips" / entry["file"], 16000)
        inside = stream[entry["start"] : entry["start"] + len(clip)]
        assert len(clip) >= 16000
        assert (clip[: len(inside)] == inside).all()


def test_a_wav_file_piped_in_reaches_every_sink(tmp_path: Path) -> None:
    pcm = to_pcm16(read_audio(demo_recording(), 16000)).tobytes()
    result = subprocess.run(
        [*LISTEN, "--input", "-", "--sinks", "--config", write_config(tmp_path)],
        input=pcm,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr.decode()
    check(tmp_path, result.stdout.decode())


def test_a_file_reaches_every_sink(tmp_path: Path) -> None:
    result = subprocess.run(
        [*LISTEN, "--input", demo_recording(), "--sinks", "--config", write_config(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    check(tmp_path, result.stdout)


def test_a_file_without_the_flag_reaches_stdout_alone(tmp_path: Path) -> None:
    result = subprocess.run(
        [*LISTEN, "--input", demo_recording(), "--config", write_config(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert {event["type"] for event in parsed(result.stdout)} == {"detection"}
    assert not (tmp_path / "commanded").exists()
    assert not (tmp_path / "clips").exists()


def test_a_pipe_that_stays_open_ends_at_sigterm_with_all_delivered(tmp_path: Path) -> None:
    pcm = to_pcm16(read_audio(demo_recording(), 16000)).tobytes()
    process = subprocess.Popen(
        [*LISTEN, "--input", "-", "--sinks", "--config", write_config(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=False,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.write(pcm[: len(pcm) // 2])
    process.stdin.flush()
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    # the pipe is open and gives nothing: that must not keep the signal waiting
    process.wait(timeout=30)
    rest, errors = process.stdout.read(), process.stderr.read()
    process.stdin.close()
    assert process.returncode == 0, errors.decode()
    events = [first, *parsed(rest.decode())]
    assert events[-1]["type"] == "stopped"
    assert events[-1]["reason"] == "SIGTERM"
    found = [event["id"] for event in events if event["type"] == "detection"]
    assert sorted(e["id"] for e in parsed((tmp_path / "commanded").read_text())) == found


def test_metrics_of_a_pipe(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client", reason="needs the extra 'metrics'")
    from test_prometheus import fetch

    port = free_port()
    path = tmp_path / "config.yaml"
    path.write_text(f"metrics: {{port: {port}}}\n")
    process = subprocess.Popen(
        [*LISTEN, "--input", "-", "--sinks", "--config", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(to_pcm16(read_audio(demo_recording(), 16000)).tobytes())
    process.stdin.flush()
    process.stdout.readline()
    samples, _ = fetch(port)
    assert sum(v for k, v in samples.items() if k.startswith("kws_edge_detections_total")) >= 1
    assert samples["kws_edge_audio_seconds_total"] > 1
    process.communicate(timeout=60)
    assert process.returncode == 0
