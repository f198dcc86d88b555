"""A front end as a stranger would add one: loudness of changes, in a few parts of a frame."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.features.config import FeatureConfig, FrameTransform
from kws_edge.types import FloatArray


class Differences(FrameTransform):
    """Mean absolute difference of neighbouring samples in ``num_coefficients`` equal parts."""

    name = "differences"
    settings = ("num_coefficients",)

    def __init__(self, config: FeatureConfig) -> None:
        self._parts = config.num_coefficients

    @staticmethod
    def faults(config: FeatureConfig) -> Sequence[str]:
        if config.frame_length % config.num_coefficients == 0:
            return ()
        return [f"num_coefficients: {config.num_coefficients} do not divide a frame"]

    @staticmethod
    def width(config: FeatureConfig) -> int:
        return config.num_coefficients

    def prepare(self, samples: FloatArray, previous: float) -> npt.NDArray[Any]:
        shifted = np.concatenate([np.array([previous], np.float32), samples[:-1]])
        return np.abs(samples - shifted[: len(samples)])

    def compute(self, frames: npt.NDArray[Any]) -> FloatArray:
        parts = frames.reshape(len(frames), self._parts, -1)  # [n, parts, samples]
        return parts.mean(axis=2, dtype=np.float32)
