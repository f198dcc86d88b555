"""The speech embedding of Google: 96 numbers about 0.78 s of audio, learnt from much speech.

Lin et al. 2020, "Training Keyword Spotters with Limited and Synthesized Speech Data",
arXiv:2002.01322, Apache-2.0. Its two networks, mel bands and the embedding of 76 frames of them,
come with the package pyopen-wakeword, which the extra ``verifier`` installs.
"""

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.audio.files import PCM16_SCALE
from kws_edge.extras import not_installed
from kws_edge.features.config import FeatureConfig, FrameTransform
from kws_edge.model.interpreter import Interpreter, make_interpreter
from kws_edge.types import FloatArray

RATE = 16_000  # Hz
BLOCK = 640  # samples: four mel frames, one every 160
MEL_WINDOW = 512  # samples
BLOCKS = 19  # in a frame
FRAME = BLOCKS * BLOCK - 160 + MEL_WINDOW  # samples: what the 76 mel frames of an embedding see
EMBEDDING = 96


class SpeechEmbedding(FrameTransform):
    """96 numbers for each frame of 782 ms; the networks were trained for steps of 80 ms."""

    name = "speech_embedding"

    def __init__(self, config: FeatureConfig) -> None:
        """Raises `ConfigError` where the extra ``verifier`` is not installed."""
        folder = _folder()
        self._mel = _Network(folder / "melspectrogram.tflite", (1, BLOCK - 160 + MEL_WINDOW))
        self._embedding = _Network(folder / "embedding_model.tflite", (1, 4 * BLOCKS, 32, 1))
        self._new = config.frame_step // BLOCK  # blocks of a frame that the one before has not

    @staticmethod
    def faults(config: FeatureConfig) -> Sequence[str]:
        faults = []
        if config.sample_rate != RATE:
            faults.append(f"sample_rate: the speech embedding is of {RATE} Hz")
        elif config.frame_length != FRAME or config.frame_step % BLOCK:
            faults.append(
                f"frame_length_ms, frame_step_ms: the speech embedding sees"
                f" {FRAME * 1000 / RATE:g} ms, in steps of {BLOCK * 1000 / RATE:g} ms"
            )
        return faults

    @staticmethod
    def width(config: FeatureConfig) -> int:
        return EMBEDDING

    def compute(self, frames: npt.NDArray[Any]) -> FloatArray:
        features = np.empty((len(frames), EMBEDDING), np.float32)
        mel: list[FloatArray] = []  # the blocks of a frame, [4, 32] each
        for row, frame in enumerate(frames):
            # what the frame before has in common with this one stays
            mel = mel[self._new :]
            mel += [self._block(frame[BLOCK * number :]) for number in range(len(mel), BLOCKS)]
            features[row] = self._embedding(np.concatenate(mel)).reshape(EMBEDDING)
        return features

    def _block(self, samples: FloatArray) -> FloatArray:
        """Mel bands as the embedding was trained on them, of the first block of ``samples``.

        Block by block, since the network clips at 80 dB below the loudest of its input: of more
        than a block, frames would depend on their neighbours.
        """
        decibels = self._mel(samples[: BLOCK - 160 + MEL_WINDOW] * np.float32(PCM16_SCALE))
        return decibels.reshape(-1, 32) / 10 + 2


class _Network:
    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._interpreter: Interpreter = make_interpreter(path.read_bytes(), input_shape=shape)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, values: FloatArray) -> FloatArray:
        self._interpreter.set_tensor(self._input, values.reshape(self._shape))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)


@functools.cache
def _folder() -> Path:
    package = importlib.util.find_spec("pyopen_wakeword")
    if package is None or package.origin is None:
        raise not_installed("pyopen-wakeword, whose speech embedding this model needs,", "verifier")
    return Path(package.origin).parent / "models"
