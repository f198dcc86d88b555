"""A keyword model that is ready to run: features in, posteriors out."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.errors import ModelError
from kws_edge.interpreter import make_interpreter
from kws_edge.manifest import Manifest, TensorSpec
from kws_edge.model_file import ModelFile, read_model
from kws_edge.tables import FloatArray


class Classifier:
    """Runs the network of a verified model file; not thread-safe."""

    def __init__(self, model: ModelFile, num_threads: int = 1) -> None:
        self.manifest: Manifest = model.manifest
        try:
            self._interpreter = make_interpreter(model.flatbuffer, num_threads)
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"{model.path}: refused by the interpreter: {reason}") from error
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        for what, details, spec in (
            ("input", inputs, self.manifest.input),
            ("output", outputs, self.manifest.output),
        ):
            found = [tensor_spec(detail) for detail in details]
            if found != [spec]:
                raise ModelError(f"{model.path}: {what}: the network has {found}, the manifest "
                                 f"says {spec}")  # fmt: skip
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]

    @classmethod
    def load(cls, path: Path, num_threads: int = 1) -> "Classifier":
        """Read, verify and load. Raises `MissingFileError`, `ModelError`, `InterpreterError`."""
        return cls(read_model(path), num_threads)

    def __call__(self, features: FloatArray) -> FloatArray:
        """Posteriors ``[labels]`` (float32, sum about 1) of ``features [frames, width]``."""
        spec = self.manifest.input
        self._interpreter.set_tensor(self._input, _quantize(features.reshape(spec.shape), spec))
        self._interpreter.invoke()
        return _dequantize(self._interpreter.get_tensor(self._output)[0], self.manifest.output)


def tensor_spec(detail: dict[str, Any]) -> TensorSpec:
    """The specification of a tensor as an interpreter describes it."""
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    dtype = np.dtype(detail["dtype"]).name
    return TensorSpec(shape, dtype, float(scale), int(zero_point))  # type: ignore[arg-type]


def _quantize(values: FloatArray, spec: TensorSpec) -> npt.NDArray[Any]:
    if spec.dtype == "float32":
        return values
    stored = np.rint(values / np.float32(spec.scale)) + np.float32(spec.zero_point)
    return np.clip(stored, -128, 127).astype(np.int8)


def _dequantize(stored: npt.NDArray[Any], spec: TensorSpec) -> FloatArray:
    if spec.dtype == "float32":
        return np.array(stored, np.float32)
    return (stored.astype(np.float32) - np.float32(spec.zero_point)) * np.float32(spec.scale)
