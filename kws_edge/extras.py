"""Modules that come with an extra of the package."""

import importlib
from typing import Any

from kws_edge.errors import ConfigError


def import_extra(module: str, extra: str) -> Any:
    """The module; raises `ConfigError` naming the extra where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{extra}: {error.name} is not installed; pip install 'kws-edge[{extra}]'"
        ) from error
