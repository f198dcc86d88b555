"""The tensors of a network as a manifest describes them: values, and states of a stream."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray

MAX_TENSOR_VALUES = 2**24  # 64 MB of float32
SMALLEST_SCALE, LARGEST_SCALE = 1e-20, 1e20  # far within float32


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of the network; real value = scale * (stored - zero_point) where quantised.

    Raises `ValidationErrors` for sizes and scales that no keyword model has.
    """

    shape: tuple[int, ...]
    dtype: Literal["float32", "int8"]
    scale: float = 0.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        faults = []
        if not self.shape or min(self.shape) < 1:
            faults.append(f"shape: {list(self.shape[:8])} is not a list of positive sizes")
        elif len(self.shape) > 8 or math.prod(self.shape) > MAX_TENSOR_VALUES:
            faults.append(f"shape: more than 8 dimensions or {MAX_TENSOR_VALUES} values")
        if self.dtype not in ("float32", "int8"):
            faults.append(f"dtype: {self.dtype} is neither float32 nor int8")
        if self.dtype == "int8" and not self.scale > 0:
            faults.append(f"scale: {self.scale} is not above 0, as int8 needs")
        elif self.dtype == "int8" and not SMALLEST_SCALE <= self.scale <= LARGEST_SCALE:
            faults.append(
                f"scale: {self.scale:g} is not within {SMALLEST_SCALE:g} to {LARGEST_SCALE:g}"
            )
        if not -128 <= self.zero_point <= 127:
            faults.append(f"zero_point: {self.zero_point} is not an int8")
        if faults:
            raise ValidationErrors(faults)

    def store(self, values: FloatArray) -> npt.NDArray[Any]:
        """``values`` as the tensor holds them, rounded and clipped where it is quantised."""
        if self.dtype == "float32":
            return values
        stored = np.rint(values / np.float32(self.scale)) + np.float32(self.zero_point)
        return np.clip(stored, -128, 127).astype(np.int8)

    def real(self, stored: npt.NDArray[Any]) -> FloatArray:
        """The values that ``stored`` stands for: float32."""
        if self.dtype == "float32":
            return np.array(stored, np.float32)
        return (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


@dataclass(frozen=True)
class State:
    """What the network's output number ``output`` gives, its input number ``input`` takes next.

    Numbers count from 0 in the order in which an interpreter lists them; both tensors are as
    ``spec`` says, so that nothing is quantised anew between calls.
    """

    input: int
    output: int
    spec: TensorSpec


@dataclass(frozen=True)
class Streaming:
    """A network that takes ``chunk_frames`` new frames in each call and keeps states.

    ``input`` and ``output`` are the numbers of the features and of the posteriors.
    """

    chunk_frames: int
    input: int
    output: int
    states: tuple[State, ...]

    def __post_init__(self) -> None:
        faults = []
        if self.chunk_frames < 1:
            faults.append(f"chunk_frames: {self.chunk_frames} is not above 0")
        for name in ("input", "output"):
            numbers = [getattr(self, name), *(getattr(state, name) for state in self.states)]
            if sorted(numbers) != list(range(len(numbers))):
                faults.append(
                    f"{name}: the numbers {numbers} with those of the states are not"
                    f" 0 to {len(numbers) - 1}, each once"
                )
        if faults:
            raise ValidationErrors(faults)


def tensor_spec(detail: dict[str, Any]) -> TensorSpec:
    """The specification of a tensor as an interpreter describes it.

    Raises `ValidationErrors` for a tensor that no `TensorSpec` can describe.
    """
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    dtype = np.dtype(detail["dtype"]).name
    return TensorSpec(shape, dtype, float(scale), int(zero_point))  # type: ignore[arg-type]
