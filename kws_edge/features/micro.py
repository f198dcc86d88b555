"""The front end of microWakeWord, as ESPHome and pymicro-wakeword compute it, by pymicro-features.

TFLite Micro's audio front end: 40 bands of 125 to 7500 Hz, the noise that lasts subtracted, the
gain of each band adapted to the room (PCAN), a logarithm; in integers. Its features depend on the
sound before a frame: for each band it keeps an estimate of the noise, with a memory of 160 and
400 ms.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.audio.files import to_pcm16
from kws_edge.extras import import_extra
from kws_edge.features.config import FeatureConfig, FrameTransform
from kws_edge.types import FloatArray

FRAMING = {"sample_rate": 16_000, "frame_length_ms": 30, "frame_step_ms": 10}  # Hz, ms, ms
BANDS = 40
LARGEST = 26.0  # of a feature; digital silence is 0


class Micro(FrameTransform):
    """40 bands, 0 to about 26, which follow each other: the noise is known from frames before."""

    name = "micro"
    settling_samples = 16_000  # two and a half times the longer memory

    def __init__(self, config: FeatureConfig) -> None:
        self._step = config.frame_step
        self._features = import_extra("pymicro_features", "microwakeword").MicroFrontend()
        self._began = False

    @staticmethod
    def faults(config: FeatureConfig) -> Sequence[str]:
        faulty = [name for name, value in FRAMING.items() if getattr(config, name) != value]
        if not faulty:
            return ()
        return [
            f"{', '.join(faulty)}: microWakeWord has {FRAMING['sample_rate']} Hz and frames of"
            f" {FRAMING['frame_length_ms']} ms every {FRAMING['frame_step_ms']} ms"
        ]

    @staticmethod
    def width(config: FeatureConfig) -> int:
        return BANDS

    def reset(self) -> None:
        self._features.reset()
        self._began = False

    def compute(self, frames: npt.NDArray[Any]) -> FloatArray:
        rows = np.empty((len(frames), BANDS), np.float32)
        for row, frame in enumerate(to_pcm16(frames)):
            # it keeps what frames share; it takes a step at a time
            new = frame[-self._step :] if self._began else frame
            for start in range(0, len(new), self._step):
                found = self._features.process_samples(new[start : start + self._step].tobytes())
            self._began = True
            rows[row] = found.features
        return rows
