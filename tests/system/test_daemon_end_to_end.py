"""All of it at once: microphone, broker, command, metrics, clips and SIGTERM."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from mosquitto import Broker, Subscriber, free_port, needs_mosquitto
from sink_parts import wait_for
from virtual_microphone import VirtualMicrophone, missing_programs

from kws_edge.model.file import demo_recording

pytestmark = pytest.mark.xdist_group("sound")

pytest.importorskip("paho.mqtt", reason="needs the extra 'mqtt'")
pytest.importorskip("prometheus_client", reason="needs the extra 'metrics'")

CONFIG = """
microphone: {{device: default}}
commands:
- run: [{python}, -c, "import sys; open({command_log!r}, 'a').write(sys.stdin.read() + chr(10))"]
  keywords: [yes, left, down]
  concurrency: 2
mqtt: {{host: 127.0.0.1, port: {mqtt}, topic: test}}
metrics: {{port: {metrics}}}
clips: {{folder: {clips}, near_miss: 0.6}}
"""


@needs_mosquitto
def test_a_word_reaches_every_destination(tmp_path: Path) -> None:
    if missing := missing_programs():
        pytest.skip(f"needs {', '.join(missing)}")
    broker = Broker(tmp_path).start()
    subscriber = Subscriber(broker, tmp_path)
    command_log, clips, port = tmp_path / "commands.jsonl", tmp_path / "clips", free_port()
    config = tmp_path / "config.yaml"
    config.write_text(
        CONFIG.format(
            python=sys.executable,
            command_log=str(command_log),
            mqtt=broker.port,
            metrics=port,
            clips=clips,
        )
    )
    try:
        with VirtualMicrophone() as microphone:
            process = subprocess.Popen(
                [sys.executable, "-m", "kws_edge", "listen", "--json", "--config", config],
                env=microphone.environment,
                stdout=subprocess.PIPE,
                stderr=(tmp_path / "log").open("w"),
                text=True,
            )
            assert process.stdout
            first = json.loads(process.stdout.readline())
            assert first["state"] == "open"
            time.sleep(1)
            microphone.play(demo_recording())
            time.sleep(1)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
                figures = answer.read().decode()
            before = time.monotonic()
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=20)
            assert time.monotonic() - before < 2  # a second, and what a busy machine adds
        assert process.returncode == 0, (tmp_path / "log").read_text()
        events = [first, *map(json.loads, rest.splitlines())]
        wait_for(
            lambda: len(subscriber.messages("test/event")) >= len(events),
            "all events at the broker",
        )
        check(events, subscriber, command_log, clips, figures)
    finally:
        subscriber.stop()
        broker.stop()


def check(
    events: list[dict[str, Any]],
    subscriber: Subscriber,
    command_log: Path,
    clips: Path,
    figures: str,
) -> None:
    detections = [event for event in events if event["type"] == "detection"]
    assert len(detections) >= 5
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "stopped"
    # the same events in the same order everywhere
    assert [json.loads(m) for m in subscriber.messages("test/event")] == events
    assert subscriber.messages("test/status") == ["online", "offline"]
    chosen = [event for event in detections if event["label"] in ("yes", "left", "down")]
    commanded = [json.loads(line) for line in command_log.read_text().splitlines() if line]
    assert sorted(e["id"] for e in commanded) == sorted(e["id"] for e in chosen)
    saved = sorted(clips.glob("*.wav"))
    assert len(saved) >= len(detections)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in saved)
    by_word = sum(
        float(line.split()[-1])
        for line in figures.splitlines()
        if line.startswith("kws_edge_detections_total{")
    )
    assert by_word == len(detections)
