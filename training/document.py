"""Configurations (dataclasses) as plain YAML and JSON have them."""

import dataclasses
import json
from typing import Any


def as_document(config: object) -> dict[str, Any]:
    """What `kws_edge.config.schema.parse` makes the same configuration from."""
    document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config), default=str))  # type: ignore[call-overload]
    return document
