"""LiteRT, tflite-runtime or TensorFlow behind one function."""

import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kws_edge.errors import InterpreterError

# In the order of preference: LiteRT runs int8 about three times faster than tflite-runtime.
MODULES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}
CHOICE_VARIABLE = "KWS_EDGE_INTERPRETER"


class Interpreter(Protocol):
    """The part of ``tf.lite.Interpreter`` that is used here."""

    def allocate_tensors(self) -> None: ...
    def resize_tensor_input(self, input_index: int, tensor_size: Sequence[int]) -> None: ...
    def invoke(self) -> None: ...
    def get_input_details(self) -> list[dict[str, Any]]: ...
    def get_output_details(self) -> list[dict[str, Any]]: ...
    def get_tensor_details(self) -> list[dict[str, Any]]: ...
    def set_tensor(self, tensor_index: int, value: npt.NDArray[Any]) -> None: ...
    def get_tensor(self, tensor_index: int) -> npt.NDArray[Any]: ...


def make_interpreter(
    content: bytes, num_threads: int = 1, input_shape: Sequence[int] | None = None
) -> Interpreter:
    """An interpreter for a verified flatbuffer, its tensors allocated; ``input_shape`` is for a
    network whose one input may have several shapes.

    Raises `InterpreterError` where none is installed, and `ValueError` or `RuntimeError`
    where the interpreter refuses the network.
    """
    _, factory = _factory()
    interpreter: Interpreter = factory(model_content=content, num_threads=num_threads)
    if input_shape is not None:
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], input_shape)
    interpreter.allocate_tensors()
    return interpreter


def interpreter_module() -> str:
    """The name of the module of the interpreter in use. Raises `InterpreterError`."""
    return MODULES[_factory()[0]]


def interpreter_name() -> str:
    """Which interpreter is in use, with its version."""
    name, _ = _factory()
    return f"{name} {_version({'litert': 'ai-edge-litert'}.get(name, name))}".strip()


@functools.cache
def _version(package: str) -> str:
    """Empty where it is no package."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _factory() -> tuple[str, Callable[..., Interpreter]]:
    choice = os.environ.get(CHOICE_VARIABLE, "")
    if choice and choice not in MODULES:
        raise InterpreterError(
            f"{CHOICE_VARIABLE}: found {choice!r}, expected one of {', '.join(MODULES)}"
        )
    reasons = []
    for name in [choice] if choice else MODULES:
        if reason := _unusable(name):
            reasons.append(f"{name}: {reason}")
            continue
        return name, importlib.import_module(MODULES[name]).Interpreter
    raise InterpreterError(
        "no TFLite interpreter; pip install ai-edge-litert, or tflite-runtime 'numpy<2'"
        f" ({'; '.join(reasons)})"
    )


def _unusable(name: str) -> str | None:
    package = MODULES[name].split(".")[0]
    if importlib.util.find_spec(package) is None:
        return "not installed"
    if name == "tflite-runtime":
        # both would end the process or raise an unrelated error
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0b1":
            return f"needs numpy<2, found {np.__version__}"
        if "tensorflow" in sys.modules:
            return "cannot be loaded beside TensorFlow"
    return None
