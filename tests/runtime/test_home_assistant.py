"""The announcement to Home Assistant against the rules that it documents.

Rules: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery (topic, device, origin) and
https://www.home-assistant.io/integrations/event.mqtt/ (the options of an event entity). Unknown
options are dropped silently there, so here they are faults.
"""

import json
import re

import jsonschema
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment
from test_events import one_of_each

from kws_edge.sinks.home_assistant import discovery_payload, discovery_topic

LABELS = ("yes", "no", "grün", "_unknown_", "_silence_")
TOPIC = re.compile(r"homeassistant/event/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config")

TEXT = {"type": "string", "minLength": 1}
MQTT_TOPIC = {"type": "string", "minLength": 1, "maxLength": 65535, "pattern": "^[^#+\\x00]+$"}
URL = {"type": "string", "pattern": "^(https?|homeassistant)://"}
EVENT_ENTITY = {
    "type": "object",
    "required": ["state_topic", "event_types", "unique_id", "device"],  # the last for a device
    "additionalProperties": False,
    "properties": {
        "availability_topic": MQTT_TOPIC,
        "device_class": {"enum": ["button", "doorbell", "motion", None]},
        "enabled_by_default": {"type": "boolean"},
        "encoding": TEXT,
        "entity_category": {"enum": ["diagnostic", "config"]},
        "event_types": {"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
        "icon": {"type": "string", "pattern": "^[a-z]+:[a-z0-9-]+$"},
        "name": {"type": ["string", "null"]},
        "payload_available": TEXT,
        "payload_not_available": TEXT,
        "qos": {"enum": [0, 1, 2]},
        "state_topic": MQTT_TOPIC,
        "unique_id": TEXT,
        "value_template": TEXT,
        "device": {
            "type": "object",
            "additionalProperties": False,
            "anyOf": [{"required": ["identifiers"]}, {"required": ["connections"]}],
            "properties": {
                "identifiers": {"type": "array", "items": TEXT, "minItems": 1},
                "connections": {"type": "array"},
                "configuration_url": URL,
                **dict.fromkeys(
                    (
                        "manufacturer",
                        "model",
                        "model_id",
                        "name",
                        "hw_version",
                        "sw_version",
                        "serial_number",
                        "suggested_area",
                        "via_device",
                    ),
                    TEXT,
                ),
            },
        },
        "origin": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {"name": TEXT, "sw_version": TEXT, "support_url": URL},
        },
    },
}


@pytest.mark.parametrize("topic", ["kws-edge", "home/kitchen 1/kws", "wohnung/küche"])
def test_the_announcement_keeps_the_rules(topic: str) -> None:
    payload = json.loads(json.dumps(discovery_payload(topic, LABELS, "mfcc-int8")))
    jsonschema.Draft202012Validator(EVENT_ENTITY).validate(payload)
    assert payload["event_types"] == ["yes", "no", "grün"]
    assert payload["state_topic"] == f"{topic}/event"
    assert payload["availability_topic"] == f"{topic}/status"
    assert TOPIC.fullmatch(discovery_topic("homeassistant", topic))
    assert re.fullmatch("[a-zA-Z0-9_-]+", payload["unique_id"])


def test_two_devices_stay_two() -> None:
    one, other = (discovery_payload(topic, LABELS, "model") for topic in ("a/kws", "b/kws"))
    assert one["unique_id"] != other["unique_id"]
    assert one["device"]["identifiers"] != other["device"]["identifiers"]
    assert discovery_topic("ha", "a/kws") != discovery_topic("ha", "b/kws")


def test_what_home_assistant_makes_of_events() -> None:
    """It renders the template, in Jinja's sandbox, and wants JSON with a known ``event_type``
    or nothing at all."""
    payload = discovery_payload("kws-edge", LABELS, "mfcc-int8")
    template = ImmutableSandboxedEnvironment(autoescape=False).from_string(
        payload["value_template"]
    )
    seen = []
    for event in one_of_each():
        rendered = template.render(value=event.to_json(), value_json=json.loads(event.to_json()))
        if rendered:
            seen.append(json.loads(rendered))
            assert seen[-1].pop("event_type") in payload["event_types"]
            assert seen[-1] == {
                "score": event.data["score"],
                "id": event.id,
                "utc": event.utc,
                "time_s": event.time_s,
            }
    assert len(seen) == 1
