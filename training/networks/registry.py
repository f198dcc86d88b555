"""Architectures by name.

To add one, write ``training/networks/<name>.py`` with a function ``<name>`` that is an
`Architecture`, and add a line to `ARCHITECTURES`. A function that takes ``context`` has a
streaming form, too. Nothing here imports Keras, so that configurations are checked fast.
"""

import importlib
import inspect
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from kws_edge.errors import ConfigError

if TYPE_CHECKING:
    import keras

# Name to module; a function stands for itself.
ARCHITECTURES: dict[str, "str | Architecture"] = {
    "lab_cnn": "training.networks.lab_cnn",
    "ds_cnn": "training.networks.ds_cnn",
    "bc_resnet": "training.networks.bc_resnet",
    "tc_resnet": "training.networks.tc_resnet",
    "ts_resnet": "training.networks.ts_resnet",
    "wake_word": "training.networks.ts_resnet",
    "speech_embedding": "training.networks.speech_embedding",
}


class Architecture(Protocol):
    """Features of ``input_shape`` (frames, bands, 1) to posteriors ``[n, num_labels]``.

    ``width`` sizes the network, with a default of the architecture's own. One with a streaming
    form also takes ``context``, a `training.networks.layers.Context`: a window at once, or a
    stream.
    """

    def __call__(
        self, input_shape: tuple[int, int, int], num_labels: int, width: int = ..., **options: Any
    ) -> "keras.Model": ...


def architecture(name: str) -> Any:
    """The `Architecture` of a registered name."""
    entry = ARCHITECTURES[name]
    return getattr(importlib.import_module(entry), name) if isinstance(entry, str) else entry


def begin_pretrained(name: str, model: "keras.Model", frozen: int = 0) -> None:
    """Give ``model`` the weights with which its architecture begins, where it has some: its module
    then has a function of this name. The first ``frozen`` convolutions keep them.

    Raises `ConfigError` where there is nothing to freeze.
    """
    if begin := getattr(_module(name), "begin_pretrained", None):
        begin(model, frozen)
    elif frozen:
        raise ConfigError(f"network.frozen: {frozen}, and {name} does not begin pretrained")


def pretrained_layers(name: str) -> int:
    """How many of an architecture's first convolutions begin pretrained: its module's
    ``PRETRAINED``. What they extract serves any word."""
    layers: int = getattr(_module(name), "PRETRAINED", 0)
    return layers


def _module(name: str) -> ModuleType | None:
    """Where an architecture stands; None for a function that stands for itself."""
    entry = ARCHITECTURES[name]
    return importlib.import_module(entry) if isinstance(entry, str) else None


def has_streaming_form(name: str) -> bool:
    """Whether the architecture takes a ``context``."""
    return "context" in inspect.signature(architecture(name)).parameters


def streaming_architectures() -> list[str]:
    """The names of those with a streaming form."""
    return [name for name in ARCHITECTURES if has_streaming_form(name)]
