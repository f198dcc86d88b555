"""Destinations of events, each behind a bounded queue and a worker of its own.

To add a sink, write a module that holds a `SinkKind` as ``SINK`` and add its line to `SINKS`:
configuration, flags, variables, ``--help`` and ``config check`` follow;
``kws-edge config reference > docs/configuration.md`` writes the reference page.
"""

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws_edge.sinks.base import SinkKind

# Key of the configuration -> module. The module is imported when a configuration is read; it
# imports libraries of extras (paho, prometheus_client) only when its sink is made.
SINKS = {
    "commands": "kws_edge.sinks.command",
    "mqtt": "kws_edge.sinks.mqtt",
    "metrics": "kws_edge.sinks.prometheus",
    "clips": "kws_edge.sinks.wav_clips",
    "page": "kws_edge.sinks.page",
    "wyoming": "kws_edge.wyoming.sink",
}


def sink_kind(key: str) -> "SinkKind":
    """The sink below ``key`` of the configuration. Raises `KeyError`."""
    kind: SinkKind = importlib.import_module(SINKS[key]).SINK
    return kind


def sink_kinds() -> "Iterator[tuple[str, SinkKind]]":
    """All keys and kinds, in the order in which their sinks get an event."""
    return ((key, sink_kind(key)) for key in SINKS)
