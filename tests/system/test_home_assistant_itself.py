"""A real Home Assistant and a real broker: what it shows, and what fires at a restart."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from home_assistant import HomeAssistant, needs_home_assistant
from mosquitto import Broker, Subscriber, needs_mosquitto, running_broker
from sink_parts import detections, wait_for

from kws_edge.events import EventFactory
from kws_edge.sinks.base import SinkWorker
from kws_edge.sinks.mqtt import MqttConfig, MqttSink

pytestmark = [pytest.mark.slow, needs_mosquitto, needs_home_assistant]
LABELS = ("yes", "grün", "_unknown_")
ENTITY = "event.kitchen_keyword"
DEVICE_TRIGGER = {
    "trigger": "device",
    "domain": "mqtt",
    "type": "spotted",
    "subtype": "yes",
}
# as in docs/events.md
MQTT_TRIGGER = {
    "trigger": "mqtt",
    "topic": "kws-edge/event",
    "payload": "yes",
    "value_template": "{{ value_json.label if value_json.type == 'detection' else '' }}",
}
STATE_TRIGGER = {"trigger": "state", "entity_id": ENTITY}


broker = pytest.fixture(running_broker)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[HomeAssistant]:
    home = HomeAssistant(tmp_path / "home-assistant").start()
    yield home
    home.stop()


def daemon(broker: Broker, factory: EventFactory) -> SinkWorker:
    """What a daemon sends when it starts."""
    config = MqttConfig("127.0.0.1", broker.port, device_name="Kitchen")
    worker = SinkWorker(MqttSink(config, LABELS, "small-int8"), 1000)
    worker.put(factory.make("microphone", 0, state="open"))
    return worker


def test_a_word_fires_once_and_a_restart_never(
    broker: Broker, home: HomeAssistant, tmp_path: Path
) -> None:
    subscriber, factory = Subscriber(broker, tmp_path), EventFactory(16000)
    home.connect(broker.port)
    worker = daemon(broker, factory)
    wait_for(lambda: ENTITY in home.states(), "the device")
    wait_for(lambda: home.states()["binary_sensor.kitchen_microphone"]["state"] == "on", "it")
    device = home.template("{{ device_id('" + ENTITY + "') }}")
    for name, trigger in {
        "device": {**DEVICE_TRIGGER, "device_id": device},
        "mqtt": MQTT_TRIGGER,
        "state": STATE_TRIGGER,
    }.items():
        publish = {"action": "mqtt.publish", "data": {"topic": f"ran/{name}", "payload": "1"}}
        home.add_automation(name, trigger, publish)

    def runs() -> dict[str, int]:
        names = ("device", "mqtt", "state")
        return {name: len(subscriber.messages(f"ran/{name}")) for name in names}

    def say(word: str) -> None:
        worker.put(detections(1, word, factory)[0])
        wait_for(lambda: home.states()["sensor.kitchen_last_keyword"]["state"] == word, word)

    wait_for(lambda: "automation.state" in home.states(), "the automations")
    say("grün")
    say("yes")
    wait_for(lambda: runs()["state"] == 2, "the automations")
    assert runs() == {"device": 1, "mqtt": 1, "state": 2}
    assert home.states()["sensor.kitchen_last_keyword"]["attributes"]["score"] == 0.9123

    worker.close(30)
    wait_for(lambda: home.states()[ENTITY]["state"] == "unavailable", "its end")
    worker = daemon(broker, factory)
    wait_for(lambda: home.states()[ENTITY]["state"] != "unavailable", "its return")
    broker.stop()
    wait_for(lambda: home.states()[ENTITY]["state"] == "unavailable", "the broker's end")
    broker.start()
    wait_for(lambda: home.states()[ENTITY]["state"] != "unavailable", "its return", 120)
    home.stop()
    home.start()
    wait_for(lambda: home.states()[ENTITY]["state"] not in ("unavailable", "unknown"), "it", 60)
    after = runs()
    assert (
        after.pop("state") > 2
    )  # an entity comes back with its last state: docs/events.md says so
    assert after == {"device": 1, "mqtt": 1}
    say("grün")
    say("yes")
    wait_for(lambda: runs()["device"] == 2, "the trigger after all restarts")
    wait_for(lambda: runs()["mqtt"] == 2, "the trigger after all restarts")

    worker.put(factory.make("microphone", 0, state="lost"))
    wait_for(lambda: home.states()["binary_sensor.kitchen_microphone"]["state"] == "off", "it")
    assert worker.close(30)
    broker.publish("homeassistant/device/kws-edge/config", "")
    wait_for(lambda: ENTITY not in home.states(), "the device to be gone")
    assert not [line for line in home.log.splitlines() if "ERROR" in line and "mqtt" in line]
    subscriber.stop()
    assert json.loads(subscriber.messages("kws-edge/event")[0])["type"] == "microphone"
