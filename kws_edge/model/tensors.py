"""The tensors of a network as a manifest tells them: values, and states of a stream."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of the network; real value = scale * (stored - zero_point) where quantised."""

    shape: tuple[int, ...]
    dtype: Literal["float32", "int8"]
    scale: float = 0.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        faults = []
        if not self.shape or min(self.shape) < 1:
            faults.append(f"shape: {list(self.shape)} is not a list of positive sizes")
        if self.dtype == "int8" and self.scale <= 0:
            faults.append(f"scale: {self.scale} is not above 0, as int8 needs")
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

    Numbers count from 0 in the order in which an interpreter tells them; both tensors are as
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
    """The specification of a tensor as an interpreter describes it."""
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    dtype = np.dtype(detail["dtype"]).name
    return TensorSpec(shape, dtype, float(scale), int(zero_point))  # type: ignore[arg-type]
