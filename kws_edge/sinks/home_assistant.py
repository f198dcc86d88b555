"""Announcing the device to Home Assistant over MQTT discovery.

One message for the device and all that belongs to it, as Home Assistant takes it since 2024.12: a
trigger for each keyword, an event entity for all of them, the last keyword and the microphone; on
request a switch for mute, the preset and the thresholds. See
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload,
https://www.home-assistant.io/integrations/device_trigger.mqtt/ and
https://www.home-assistant.io/integrations/event.mqtt/.
"""

import json
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
    topic: str,
    labels: Sequence[str],
    model_name: str,
    name: str = "",
    presets: Sequence[str] | None = None,
    keywords: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The announcement of the device ``name`` (the topic by default), whose events are on
    ``topic/event``, its last detection on ``topic/keyword``, the state of its microphone on
    ``topic/microphone`` and its settings on ``topic/settings``. Changes of them go to
    ``topic/set``; ``presets`` None: none are taken. ``keywords`` are those with a threshold, by
    default all labels of detections."""
    device = identifier(topic)
    words = [label for label in labels if is_keyword(label)]
    controls = _controls(device, topic, words if keywords is None else keywords, presets or ())
    if presets is None:  # Home Assistant removes a component of which nothing but this is left
        controls = {key: {"platform": one["platform"]} for key, one in controls.items()}
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
        "components": {**_entities(device, topic, words), **controls, **triggers},
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


def _controls(
    device: str, topic: str, words: Sequence[str], presets: Sequence[str]
) -> dict[str, dict[str, Any]]:
    both = {"state_topic": f"{topic}/settings", "command_topic": f"{topic}/set"}
    mute = {
        "platform": "switch",
        "name": "Mute",
        "unique_id": f"{device}_mute",
        **both,
        "value_template": "{{ 'ON' if value_json.mute else 'OFF' }}",
        "state_on": "ON",
        "state_off": "OFF",
        "payload_on": json.dumps({"mute": True}),
        "payload_off": json.dumps({"mute": False}),
        "icon": "mdi:microphone-off",
    }
    preset = {
        "platform": "select",
        "name": "Preset",
        "unique_id": f"{device}_preset",
        "entity_category": "config",
        **both,
        "value_template": "{{ value_json.preset }}",  # None: unknown
        "command_template": "{{ {'preset': value} | tojson }}",
        "options": list(presets),
        "icon": "mdi:tune",
    }
    thresholds = {
        f"threshold_{identifier(word)}_{n}": {
            **_threshold(word),
            "unique_id": f"{device}_threshold_{identifier(word)}_{n}",
            **both,
        }
        for n, word in enumerate(words)
    }
    # several models: each has its own, and a list of none is a fault
    select = preset if presets else {"platform": "select"}
    return {"mute": mute, "preset": select, **thresholds}


def _threshold(word: str) -> dict[str, Any]:
    return {
        "platform": "number",
        "name": f"Threshold {word}",
        "entity_category": "config",
        "value_template": f"{{{{ value_json.thresholds[{_quoted(word)}] }}}}",
        "command_template": f"{{{{ {{'thresholds': {{{_quoted(word)}: value}}}} | tojson }}}}",
        "min": 0.001,
        "max": 1,
        "step": 0.001,
        "mode": "box",
        "icon": "mdi:gauge",
    }


def _quoted(word: str) -> str:
    """A literal of Jinja, which knows JSON's escapes."""
    return json.dumps(word, ensure_ascii=False)


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
