"""The announcement to Home Assistant against the rules that it documents.

Rules: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery (topic, device, components)
and the pages of the event, sensor, binary_sensor and device_trigger platforms. Unknown options are
dropped silently there, so here they are faults.
"""

import json
import re
from typing import Any

import jsonschema
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment
from test_events import one_of_each

from kws_edge.events import Event, EventFactory
from kws_edge.sinks.base import SettingsInForce
from kws_edge.sinks.home_assistant import discovery_payload, discovery_topic

LABELS = ("yes", "no", "grün", "_unknown_", "_silence_")
TOPIC = re.compile(r"homeassistant/device/[a-zA-Z0-9_-]+/config")

TEXT = {"type": "string", "minLength": 1}
NUMBER = {"type": "number"}
MQTT_TOPIC = {"type": "string", "minLength": 1, "maxLength": 65535, "pattern": "^[^#+\\x00]+$"}


def options(required: list[str], **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


def entity(platform: str, **own: object) -> dict[str, object]:
    """An entity of a device: it needs a ``unique_id``."""
    return options(
        ["platform", "unique_id", "state_topic"],
        platform={"const": platform},
        name={"type": ["string", "null"]},
        unique_id={"type": "string", "pattern": "^[a-zA-Z0-9_-]+$"},
        state_topic=MQTT_TOPIC,
        value_template=TEXT,
        icon={"type": "string", "pattern": "^[a-z]+:[a-z0-9-]+$"},
        entity_category={"enum": ["diagnostic", "config"]},
        **own,
    )


WORDS = {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True}
COMMANDS = {"command_topic": MQTT_TOPIC}
COMPONENTS = [
    entity("event", event_types=WORDS),
    entity("sensor", json_attributes_topic=MQTT_TOPIC),
    entity("binary_sensor", device_class={"const": "connectivity"}),
    entity(
        "switch",
        **COMMANDS,
        **dict.fromkeys(("state_on", "state_off", "payload_on", "payload_off"), TEXT),
    ),
    entity("select", **COMMANDS, command_template=TEXT, options=WORDS),
    entity(
        "number",
        **COMMANDS,
        command_template=TEXT,
        min=NUMBER,
        max=NUMBER,
        step=NUMBER,
        mode={"enum": ["auto", "box", "slider"]},
    ),
    options(["platform"], platform={"enum": ["switch", "select", "number"]}),  # removed
    options(
        ["platform", "automation_type", "type", "subtype", "topic"],
        platform={"const": "device_automation"},
        automation_type={"const": "trigger"},
        type=TEXT,
        subtype=TEXT,
        topic=MQTT_TOPIC,
        value_template=TEXT,
        payload=TEXT,
    ),
]
DEVICE = options(
    ["device", "origin", "components"],
    device=options(
        ["identifiers", "name"],
        identifiers={"type": "array", "items": TEXT, "minItems": 1},
        **dict.fromkeys(("manufacturer", "model", "name", "sw_version"), TEXT),
    ),
    origin=options(["name"], name=TEXT, sw_version=TEXT),
    availability_topic=MQTT_TOPIC,
    qos={"enum": [0, 1, 2]},
    components={"type": "object", "additionalProperties": {"oneOf": COMPONENTS}},
)


@pytest.mark.parametrize("topic", ["kws-edge", "home/kitchen 1/kws", "wohnung/küche"])
def test_the_announcement_keeps_the_rules(topic: str) -> None:
    payload = json.loads(json.dumps(discovery_payload(topic, LABELS, "mfcc-int8")))
    jsonschema.Draft202012Validator(DEVICE).validate(payload)
    assert payload["availability_topic"] == f"{topic}/status"
    assert TOPIC.fullmatch(discovery_topic("homeassistant", topic))
    components = payload["components"]
    assert components["keyword"]["event_types"] == ["yes", "no", "grün"]
    assert components["keyword"]["state_topic"] == f"{topic}/event"
    assert components["microphone"]["state_topic"] == f"{topic}/microphone"
    triggers = [part for part in components.values() if part["platform"] == "device_automation"]
    assert [trigger["subtype"] for trigger in triggers] == ["yes", "no", "grün"]
    assert {trigger["topic"] for trigger in triggers} == {f"{topic}/event"}


CONTROLLED = ("yes", 'say "go" {{ 1 }}', "grün", "gr_n", "_unknown_")


def test_settings_are_entities_where_they_can_be_changed() -> None:
    without = discovery_payload("kws-edge", CONTROLLED, "m")["components"]
    assert without["mute"] == {"platform": "switch"}
    document = discovery_payload("kws-edge", CONTROLLED, "m", presets=("default", "quiet"))
    jsonschema.Draft202012Validator(DEVICE).validate(json.loads(json.dumps(document)))
    components = document["components"]
    assert set(without) == set(components)
    assert components["preset"]["options"] == ["default", "quiet"]
    settings = SettingsInForce(True, None, CONTROLLED[:4], dict.fromkeys(CONTROLLED[:4], 0.125))
    event = EventFactory(16000).make("settings", 0, **settings.as_dict())
    controls = {k: c for k, c in components.items() if "command_topic" in c}
    states = {key: rendered(one["value_template"], event) for key, one in controls.items()}
    assert (states.pop("mute"), states.pop("preset")) == ("ON", "None")
    assert set(states.values()) == {"0.125"}
    assert len(states) == 4, "two words with one identifier are two numbers"
    assert all(one["command_topic"] == "kws-edge/set" for one in controls.values())
    assert json.loads(components["mute"]["payload_on"]) == {"mute": True}
    assert command(components["preset"], "quiet") == {"preset": "quiet"}
    numbers = [one for one in controls.values() if one["platform"] == "number"]
    changed = [command(one, 0.25)["thresholds"] for one in numbers]
    assert changed == [{word: 0.25} for word in CONTROLLED[:4]]


def command(component: dict[str, Any], value: object) -> Any:
    """What Home Assistant sends."""
    environment = ImmutableSandboxedEnvironment(autoescape=False)
    return json.loads(environment.from_string(component["command_template"]).render(value=value))


def test_the_device_has_the_name_of_its_room() -> None:
    assert discovery_payload("a/kws", LABELS, "m")["device"]["name"] == "a/kws"
    assert discovery_payload("a/kws", LABELS, "m", "Kitchen")["device"]["name"] == "Kitchen"


def test_two_devices_stay_two() -> None:
    one, other = (discovery_payload(topic, LABELS, "model") for topic in ("a/kws", "b/kws"))
    assert one["device"]["identifiers"] != other["device"]["identifiers"]
    unique = [
        {part["unique_id"] for part in device["components"].values() if "unique_id" in part}
        for device in (one, other)
    ]
    assert not unique[0] & unique[1]
    assert discovery_topic("ha", "a/kws") != discovery_topic("ha", "b/kws")


def rendered(template: str, event: Event) -> str:
    """As Home Assistant renders it: in Jinja's sandbox."""
    compiled = ImmutableSandboxedEnvironment(autoescape=False).from_string(template)
    return compiled.render(value=event.to_json(), value_json=json.loads(event.to_json()))


def test_what_home_assistant_makes_of_events() -> None:
    """An event entity wants JSON with a known ``event_type`` or nothing at all."""
    keyword = discovery_payload("kws-edge", LABELS, "mfcc-int8")["components"]["keyword"]
    seen = []
    for event in one_of_each():
        if text := rendered(keyword["value_template"], event):
            seen.append(json.loads(text))
            assert seen[-1].pop("event_type") in keyword["event_types"]
            assert seen[-1] == {
                "score": event.data["score"],
                "id": event.id,
                "utc": event.utc,
                "time_s": event.time_s,
            }
    assert len(seen) == 1


def test_a_trigger_fires_for_the_detection_of_its_word_alone() -> None:
    components = discovery_payload("kws-edge", LABELS, "mfcc-int8")["components"]
    matched = [
        (component["subtype"], event.type)
        for component in components.values()
        if component["platform"] == "device_automation"
        for event in one_of_each()
        if rendered(component["value_template"], event) == component["payload"]
    ]
    assert matched == [("yes", "detection")]
