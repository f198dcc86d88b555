"""Announcing the keywords to Home Assistant over MQTT discovery.

One event entity for all keywords, which Home Assistant has accepted since 2023.8; its event
types are the words. See https://www.home-assistant.io/integrations/event.mqtt/ and
https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery.
"""

import re
from collections.abc import Sequence
from typing import Any

from kws_edge import __version__
from kws_edge.detection.detector import is_keyword

# Home Assistant wants an event_type; what is no detection becomes empty, which it ignores.
VALUE_TEMPLATE = (
    "{% if value_json.type == 'detection' %}"
    "{{ {'event_type': value_json.label, 'score': value_json.score, 'id': value_json.id,"
    " 'utc': value_json.utc, 'time_s': value_json.time_s} | tojson }}"
    "{% endif %}"
)


def discovery_topic(prefix: str, topic: str) -> str:
    """Where the announcement goes, retained; an empty one there takes it back."""
    return f"{prefix}/event/{identifier(topic)}/keyword/config"


def discovery_payload(topic: str, labels: Sequence[str], model_name: str) -> dict[str, Any]:
    """The announcement of a device whose events are on ``topic/event``."""
    device = identifier(topic)
    return {
        "name": "Keyword",
        "unique_id": f"{device}_keyword",
        "state_topic": f"{topic}/event",
        "availability_topic": f"{topic}/status",
        "event_types": [label for label in labels if is_keyword(label)],
        "value_template": VALUE_TEMPLATE,
        "qos": 1,
        "icon": "mdi:account-voice",
        "device": {
            "identifiers": [device],
            "name": topic,
            "manufacturer": "kws-edge",
            "model": model_name,
            "sw_version": __version__,
        },
        "origin": {"name": "kws-edge", "sw_version": __version__},
    }


def identifier(topic: str) -> str:
    """What stands for the device in topics and ids: letters, digits, ``_`` and ``-``."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", topic)
