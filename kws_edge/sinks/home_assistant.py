"""Announcing the device to Home Assistant over MQTT discovery.

One message for the device and all that belongs to it, as Home Assistant takes it since 2024.12: a
trigger for each keyword, an event entity for all of them, the last keyword and the microphone. See
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload,
https://www.home-assistant.io/integrations/device_trigger.mqtt/ and
https://www.home-assistant.io/integrations/event.mqtt/.
"""

import re
from collections.abc import Sequence
from typing import Any

from kws_edge import __version__
from kws_edge.detection.detector import is_keyword

# Home Assistant wants an event_type; what is no detection becomes empty, which it ignores.
EVENT_TEMPLATE = (
    "{% if value_json.type == 'detection' %}"
    "{{ {'event_type': value_json.label, 'score': value_json.score, 'id': value_json.id,"
    " 'utc': value_json.utc, 'time_s': value_json.time_s} | tojson }}"
    "{% endif %}"
)
# For an event that is no detection it renders a label that no keyword has.
TRIGGER_TEMPLATE = "{{ value_json.label if value_json.type == 'detection' else '_none_' }}"


def discovery_topic(prefix: str, topic: str) -> str:
    """Where the announcement goes, retained; an empty one there takes it back."""
    return f"{prefix}/device/{identifier(topic)}/config"


def former_topic(prefix: str, topic: str) -> str:
    """Where kws-edge 0.1 announced its event entity, which the device now has."""
    return f"{prefix}/event/{identifier(topic)}/keyword/config"


def discovery_payload(
    topic: str, labels: Sequence[str], model_name: str, name: str = ""
) -> dict[str, Any]:
    """The announcement of the device ``name`` (the topic by default), whose events are on
    ``topic/event``, its last detection on ``topic/keyword`` and the state of its microphone on
    ``topic/microphone``."""
    device = identifier(topic)
    words = [label for label in labels if is_keyword(label)]
    triggers = {f"spotted_{identifier(w)}_{n}": _trigger(topic, w) for n, w in enumerate(words)}
    return {
        "device": {
            "identifiers": [device],
            "name": name or topic,
            "manufacturer": "kws-edge",
            "model": model_name,
            "sw_version": __version__,
        },
        "origin": {"name": "kws-edge", "sw_version": __version__},
        "availability_topic": f"{topic}/status",
        "qos": 1,
        "components": {**_entities(device, topic, words), **triggers},
    }


def _entities(device: str, topic: str, words: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        "keyword": {
            "platform": "event",
            "name": "Keyword",
            "unique_id": f"{device}_keyword",
            "state_topic": f"{topic}/event",
            "event_types": list(words),
            "value_template": EVENT_TEMPLATE,
            "icon": "mdi:account-voice",
        },
        "last_keyword": {
            "platform": "sensor",
            "name": "Last keyword",
            "unique_id": f"{device}_last_keyword",
            "state_topic": f"{topic}/keyword",
            "value_template": "{{ value_json.label }}",
            "json_attributes_topic": f"{topic}/keyword",
            "icon": "mdi:account-voice",
        },
        "microphone": {
            "platform": "binary_sensor",
            "name": "Microphone",
            "unique_id": f"{device}_microphone",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": f"{topic}/microphone",
            "value_template": "{{ 'OFF' if value == 'lost' else 'ON' }}",
        },
    }


def _trigger(topic: str, word: str) -> dict[str, Any]:
    """Unlike an entity, which comes back with its last state, it fires for a detection alone."""
    return {
        "platform": "device_automation",
        "automation_type": "trigger",
        "type": "spotted",
        "subtype": word,
        "topic": f"{topic}/event",
        "value_template": TRIGGER_TEMPLATE,
        "payload": word,
    }


def identifier(topic: str) -> str:
    """What stands for the device in topics and ids: letters, digits, ``_`` and ``-``."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", topic)
