"""All sinks of a configuration: built, exchanged while they run, closed."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mosquitto import Broker, Subscriber, free_port, needs_mosquitto
from sink_parts import detections, wait_for
from test_prometheus import fetch

from kws_edge.config.config import Config
from kws_edge.errors import ConfigError
from kws_edge.events import EventFactory
from kws_edge.metrics import Metrics
from kws_edge.sinks.build import SinkContext, Sinks, Stdout, build_sinks, close_sinks, recent_audio
from kws_edge.sinks.command import CommandConfig
from kws_edge.sinks.mqtt_client import MqttConfig
from kws_edge.sinks.prometheus import MetricsConfig
from kws_edge.sinks.wav_clips import WavClipsConfig

LABELS = ("yes", "no", "_unknown_", "_silence_")


def around(**settings: object) -> SinkContext:
    return SinkContext(LABELS, "mfcc-int8", 16000, **settings)  # type: ignore[arg-type]


def test_an_empty_configuration_needs_nothing() -> None:
    assert build_sinks(Config(), around()) == []
    sinks = Sinks(Config(), around())
    sinks.put(detections(1)[0])
    assert sinks.close()


@needs_mosquitto
def test_all_of_them_and_a_reload(tmp_path: Path) -> None:
    broker = Broker(tmp_path).start()
    subscriber = Subscriber(broker, tmp_path)
    reading, writing = os.pipe()
    command = CommandConfig(
        ("/bin/sh", "-c", 'echo "$KWS_EDGE_EVENT_ID" >> "$0"', str(tmp_path / "ids"))
    )
    mqtt = MqttConfig("127.0.0.1", broker.port)
    clips = WavClipsConfig(tmp_path / "clips")
    port = free_port()
    config = Config(
        sinks={
            "commands": (command,),
            "mqtt": mqtt,
            "clips": clips,
            "metrics": MetricsConfig(port=port),
        }
    )
    ring = recent_audio(config, 16000)
    assert ring
    ring.skip(5 * 16000)
    metrics = Metrics("mfcc-int8", LABELS)
    parts = around(ring=ring, metrics=metrics, stdout=Stdout(writing))
    sinks = Sinks(config, parts)
    metrics.sinks = sinks.by_name
    before = dict(sinks.by_name())
    assert list(before) == ["stdout", "commands[0]", "mqtt", "metrics", "clips"]

    factory = EventFactory(16000)
    first, second = detections(2, factory=factory)
    sinks.put(first)
    wait_for(lambda: len(subscriber.messages("kws-edge/event")) == 1, "the first event")
    wait_for(lambda: before["clips"].handled == 1, "the recording")
    wait_for(
        lambda: fetch(port)[0]["kws_edge_sink_events_total,outcome=handled,sink=mqtt"] == 1,
        "the metrics",
    )

    # another topic, and no command: all else goes on
    other = MqttConfig("127.0.0.1", broker.port, topic="other")
    changed = {**config.sinks, "mqtt": other}
    del changed["commands"]
    sinks.exchange(Config(sinks=changed), parts)
    after = dict(sinks.by_name())
    assert list(after) == ["stdout", "mqtt", "metrics", "clips"]
    assert [name for name in after if after[name] is before[name]] == [
        "stdout",
        "metrics",
        "clips",
    ]
    wait_for(lambda: subscriber.messages("kws-edge/status") == ["online", "offline"], "the old")
    sinks.put(second)
    wait_for(lambda: len(subscriber.messages("other/event")) == 1, "the second event")
    assert subscriber.messages("other/status") == ["online"]
    assert "kws_edge_sink_queue_length,sink=mqtt" in fetch(port)[0]

    ring.end_of_stream()
    assert sinks.close(30)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert [json.loads(line)["id"] for line in pipe] == [1, 2]
    wait_for(lambda: subscriber.messages("other/status") == ["online", "offline"], "the end")
    assert (tmp_path / "ids").read_text() == "1\n"
    assert len(list((tmp_path / "clips").glob("*.wav"))) == 2
    subscriber.stop()
    broker.stop()


def test_a_bad_new_configuration_changes_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    parts = around(stdout=Stdout(writing))
    sinks = Sinks(Config(), parts)
    before = sinks.by_name()
    bad = Config(sinks={"commands": (CommandConfig(("true",), keywords=("yess", "_silence_")),)})
    with pytest.raises(
        ConfigError,
        match=r"commands\[0\].keywords: the model has no keyword 'yess', did you mean yes\? \(.*\);"
        r" commands\[0\].keywords: the model has no keyword '_silence_'",
    ):
        sinks.exchange(bad, parts)
    assert sinks.by_name() == before
    sinks.put(detections(1)[0])
    assert sinks.close(30)
    os.close(writing)
    os.close(reading)


def test_closing_takes_no_longer_than_it_may(tmp_path: Path) -> None:
    """A program that goes on, a broker that is not there, a reader that sleeps."""
    reading, writing = os.pipe()
    config = Config(
        sinks={
            "commands": tuple(CommandConfig(("sleep", "600")) for _ in range(3)),
            "mqtt": MqttConfig("127.0.0.1", free_port()),
        }
    )
    workers = build_sinks(config, around(stdout=Stdout(writing)))
    for event in detections(900):
        for worker in workers:
            worker.put(event)
    waiting: Callable[[], bool] = lambda: workers[0].waiting > 0 and workers[0].handled > 0  # noqa: E731
    wait_for(waiting, "the pipe to fill")
    began = time.monotonic()
    assert close_sinks(workers) is False
    assert time.monotonic() - began < 5  # 0.8 s on a machine that has time
    os.close(reading)
