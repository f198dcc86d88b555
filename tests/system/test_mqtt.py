"""MQTT, with a real broker and its own clients."""

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mosquitto import (
    Broker,
    Subscriber,
    listening,
    needs_mosquitto,
    retained,
    running_broker,
)
from sink_parts import detections, wait_for
from test_events import VALIDATOR

from kws_edge.events import EventFactory
from kws_edge.sinks.base import SinkWorker
from kws_edge.sinks.mqtt import MqttSink
from kws_edge.sinks.mqtt_client import MqttConfig

pytestmark = needs_mosquitto
LABELS = ("yes", "no", "_unknown_", "_silence_")
ANNOUNCED = "homeassistant/device/kws-edge/config"


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


broker = pytest.fixture(running_broker)


@pytest.fixture
def subscriber(broker: Broker, tmp_path: Path) -> Iterator[Subscriber]:
    subscriber = Subscriber(broker, tmp_path)
    yield subscriber
    subscriber.stop()


def publisher(port: int, **settings: object) -> tuple[SinkWorker, MqttSink]:
    config = MqttConfig("127.0.0.1", **{"port": port, **settings})  # type: ignore[arg-type]
    sink = MqttSink(config, LABELS, "mfcc-int8")
    return SinkWorker(sink, 1000), sink


def ids(subscriber: Subscriber) -> list[int]:
    """Of the events in the order of their first arrival."""
    documents = [json.loads(message) for message in subscriber.messages("kws-edge/event")]
    return list(dict.fromkeys(document["id"] for document in documents))


def logged(caplog: pytest.LogCaptureFixture, text: str) -> int:
    return sum(text in record.message for record in caplog.records)


def test_birth_events_discovery_and_goodbye(broker: Broker, subscriber: Subscriber) -> None:
    worker, _ = publisher(broker.port)
    events = detections(10)
    for event in events:
        worker.put(event)
    wait_for(lambda: len(ids(subscriber)) == 10, "the events")
    received = [json.loads(message) for message in subscriber.messages("kws-edge/event")]
    assert received == [event.as_dict() for event in events]
    VALIDATOR.validate(received[0])
    assert retained(broker, "kws-edge/status") == "online"
    announced = json.loads(retained(broker, ANNOUNCED))
    assert announced["components"]["keyword"]["event_types"] == ["yes", "no"]
    assert json.loads(retained(broker, "kws-edge/keyword")) == received[-1]
    wait_for(lambda: worker.waiting == 0, "all to be acknowledged")
    assert worker.close(30)
    assert retained(broker, "kws-edge/status") == "offline"
    wait_for(lambda: subscriber.messages("kws-edge/status") == ["online", "offline"], "both")
    assert worker.dropped == worker.failed == 0


def test_the_state_of_the_microphone_outlives_a_broker_without_memory(
    broker: Broker, subscriber: Subscriber, tmp_path: Path
) -> None:
    worker, _ = publisher(broker.port)
    factory = EventFactory(16000)
    for state in ("open", "lost"):
        worker.put(factory.make("microphone", 0, state=state))
    wait_for(lambda: retained(broker, "kws-edge/microphone") == "lost", "the state")
    broker.stop()
    (tmp_path / "mosquitto.db").unlink()
    broker.start()
    wait_for(lambda: retained(broker, "kws-edge/microphone") == "lost", "the state again", 90)
    assert worker.close(30)


def test_what_waits_is_sent_before_it_ends(broker: Broker, subscriber: Subscriber) -> None:
    worker, _ = publisher(broker.port, discovery="")
    wait_for(lambda: subscriber.messages("kws-edge/status"), "the birth")
    for event in detections(20):
        worker.put(event)
    worker.close(30)
    wait_for(lambda: subscriber.messages("kws-edge/status") == ["online", "offline"], "the end")
    assert len(ids(subscriber)) + worker.dropped == 20
    assert not subscriber.messages(ANNOUNCED)


def test_a_restart_of_the_broker_loses_nothing(
    broker: Broker, subscriber: Subscriber, caplog: pytest.LogCaptureFixture
) -> None:
    worker, _ = publisher(broker.port)
    wait_for(lambda: subscriber.messages("kws-edge/status"), "the birth")
    factory = EventFactory(16000)
    for restart in range(1, 3):
        for event in detections(20, factory=factory):
            worker.put(event)
            if event.id % 20 == 10:  # with some of them on their way
                broker.stop()
        broker.start()
        wait_for(lambda n=restart: len(ids(subscriber)) == 20 * n, "all events", 90)  # type: ignore[misc]
        assert logged(caplog, "lost (") == restart
    assert ids(subscriber) == list(range(1, 41))  # none lost, and in order
    # At each restart the one on its way may come twice. (The broker in its turn may send
    # several to its subscriber twice.)
    received = [
        line
        for line in broker.log.splitlines()
        if "Received PUBLISH from kws-edge" in line and "'kws-edge/event'" in line
    ]
    assert 40 <= len(received) <= 42
    wait_for(lambda: worker.waiting == 0, "all to be acknowledged")
    assert worker.dropped == worker.failed == 0
    wait_for(lambda: retained(broker, "kws-edge/status") == "online", "the birth again")
    assert worker.close(30)


def test_the_newest_events_are_kept_and_the_rest_counted(
    broker: Broker, subscriber: Subscriber, caplog: pytest.LogCaptureFixture
) -> None:
    broker.stop()
    worker, _ = publisher(broker.port, keep=5)
    for event in detections(20):
        worker.put(event)
    wait_for(lambda: worker.dropped == 15, "the count")
    assert worker.waiting == 5
    assert logged(caplog, "events dropped while the broker is away") == 1
    broker.start()
    wait_for(lambda: len(ids(subscriber)) == 5, "what was kept", 90)
    assert ids(subscriber) == [16, 17, 18, 19, 20]
    assert logged(caplog, f"no connection to 127.0.0.1:{broker.port}: Connection refused") == 1
    wait_for(lambda: worker.waiting == 0, "all to be acknowledged")
    worker.close(30)


def test_the_last_will_of_a_killed_process(broker: Broker, subscriber: Subscriber) -> None:
    script = (
        "import sys, time\n"
        "from kws_edge.sinks.mqtt_client import MqttConfig\n"
        "from kws_edge.sinks.mqtt import MqttSink\n"
        "from kws_edge.sinks.base import SinkWorker\n"
        "config = MqttConfig('127.0.0.1', int(sys.argv[1]))\n"
        "worker = SinkWorker(MqttSink(config, ['yes'], 'model'))\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(broker.port)])
    wait_for(lambda: subscriber.messages("kws-edge/status") == ["online"], "the birth")
    process.kill()
    process.wait()
    wait_for(lambda: subscriber.messages("kws-edge/status")[1:] == ["offline"], "the last will")
    assert retained(broker, "kws-edge/status") == "offline"


def test_a_broker_that_never_answers_does_not_hold_up_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        worker, _ = publisher(mute.getsockname()[1])
        mute.accept()
        for event in detections(3):
            worker.put(event)
        began = time.monotonic()
        worker.close(30)
        assert time.monotonic() - began < 10
        assert worker.dropped == 3


def test_two_with_one_client_id_do_not_fight_every_second(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    workers = [publisher(broker.port, client_id="same", topic=t)[0] for t in ("a", "b")]
    time.sleep(6)
    # at one a second each this would be 12 and more
    assert logged(caplog, "lost") <= 8
    for worker in workers:
        worker.close(30)


def settings(subscriber: Subscriber) -> list[dict[str, Any]]:
    return [json.loads(text) for text in subscriber.messages("kws-edge/settings")]


def test_settings_are_reported_and_nobody_can_change_them(
    broker: Broker, subscriber: Subscriber, tmp_path: Path
) -> None:
    with listening(broker, tmp_path, "--preset", "quiet", "--keyword", "up", "--mute", "true"):
        wait_for(lambda: settings(subscriber), "the settings")
        broker.publish("kws-edge/set", '{"mute": false}', retain=False)
        wait_for(lambda: subscriber.messages("kws-edge/set"), "the command")
        time.sleep(1)
        announced = json.loads(retained(broker, ANNOUNCED))["components"]
    (state,) = settings(subscriber)
    assert (state["mute"], state["preset"], state["keywords"]) == (True, "quiet", ["up"])
    assert "SUBSCRIBE from kws-edge-" not in broker.log
    assert announced["mute"] == {"platform": "switch"}


def test_commands_change_settings_and_their_state_outlives_the_broker(
    broker: Broker, subscriber: Subscriber, tmp_path: Path
) -> None:
    with listening(broker, tmp_path, "--mqtt-control", "true") as log:
        wait_for(lambda: settings(subscriber), "the settings")
        (before,) = settings(subscriber)
        wait_for(lambda: "Sending SUBACK to kws-edge-" in broker.log, "the subscription")
        command = {"mute": True, "preset": "quiet", "keywords": ["stop", "yes"]}
        broker.publish("kws-edge/set", json.dumps(command), retain=False)
        wait_for(lambda: len(settings(subscriber)) == 2, "the change")
        after = settings(subscriber)[1]
        assert (after["mute"], after["preset"]) == (True, "quiet")
        assert sorted(after["keywords"]) == ["stop", "yes"]
        assert after["thresholds"] != before["thresholds"]
        assert json.loads(retained(broker, "kws-edge/settings")) == after
        events = [json.loads(text) for text in subscriber.messages("kws-edge/event")]
        VALIDATOR.validate(next(event for event in events if event["type"] == "settings"))
        count = len(events)
        time.sleep(4)
        assert len(subscriber.messages("kws-edge/event")) == count, "muted"
        broker.stop()
        (tmp_path / "mosquitto.db").unlink()
        broker.start()
        wait_for(lambda: retained(broker, "kws-edge/settings"), "the settings again", 90)
        assert json.loads(retained(broker, "kws-edge/settings")) == after
        broker.publish("kws-edge/set", '{"mute": false}', retain=False)
        wait_for(lambda: not json.loads(retained(broker, "kws-edge/settings"))["mute"], "sound")
    assert "is refused" not in log.read_text()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ('{"threads": 4}', "threads: unknown"),
        ('{"thresholds": {"yes": 7}}', "thresholds.yes: 7.0 is not within 0 to 1"),
        ('{"thresholds": {"yes": NaN}}', "thresholds"),
        ('{"keywords": ["nobody"]}', "keywords: the model has no keyword 'nobody'"),
        ('{"preset": "\\u001b[2J"}', "preset: the model has no '\\x1b[2J'"),
        ("null", "it is no JSON object"),
        ("[" * 4000, "it is no JSON"),
        ("mute", "it is no JSON"),
    ],
)
def test_a_wrong_command_is_one_line_in_the_log(
    payload: str, reason: str, broker: Broker, subscriber: Subscriber, tmp_path: Path
) -> None:
    with listening(broker, tmp_path, "--mqtt-control", "true") as log:
        wait_for(lambda: "Sending SUBACK to kws-edge-" in broker.log, "the subscription")
        broker.publish("kws-edge/set", payload, retain=False)
        wait_for(lambda: "mqtt: a command on kws-edge/set is refused: " in log.read_text(), "it")
        assert reason in log.read_text()
        broker.publish("kws-edge/set", payload, retain=False)
        broker.publish("kws-edge/set", '{"mute": true}', retain=False)
        wait_for(lambda: len(settings(subscriber)) == 2, "a command after it")
    assert len(settings(subscriber)) == 2
    assert log.read_text().count("is refused") <= 2
    assert subscriber.messages("kws-edge/status")[:2] == ["online", "offline"]


def test_a_retained_command_is_refused(
    broker: Broker, subscriber: Subscriber, tmp_path: Path
) -> None:
    broker.publish("kws-edge/set", '{"mute": true}')
    with listening(broker, tmp_path, "--mqtt-control", "true") as log:
        wait_for(lambda: "is refused: it is retained" in log.read_text(), "the refusal")
    assert [state["mute"] for state in settings(subscriber)] == [False]
