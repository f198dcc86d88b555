"""Modules that come with an extra of the package."""

import importlib
from typing import Any

from kws_edge.errors import ConfigError


def import_extra(module: str, extra: str) -> Any:
    """The module; raises `ConfigError` naming the extra where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{extra}: {error.name} {not_installed(extra)}") from error


def not_installed(extra: str) -> str:
    """The end of a message about a package that comes with ``extra``.

    It gives a command for the checkout: the package is on no registry, so pip cannot find it by
    its name.
    """
    return (
        f"is not installed: install kws-edge with its extra '{extra}'"
        f" (pip install '.[{extra}]' in the checkout)"
    )
