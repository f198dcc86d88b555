"""A keyword model that is ready to run: features in, posteriors out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.errors import ModelError, ValidationErrors
from kws_edge.model.file import ModelFile, read_model
from kws_edge.model.first_load import check_first_load
from kws_edge.model.interpreter import make_interpreter
from kws_edge.model.manifest import Manifest, StreamingTensors, TensorSpec, tensor_spec
from kws_edge.types import FloatArray

# What a streaming network keeps between two chunks, as its tensors hold it.
States = tuple[npt.NDArray[Any], ...]

ROUNDING = 1e-3  # how far from 0 to 1 the rounding of a softmax may put a posterior


class Classifier:
    """Runs the network of a verified model file; not thread-safe.

    It keeps nothing from call to call, so that many streams can share it: each caller keeps
    the states of a streaming network (`StreamingClassifier` does that for one stream).
    Raises `ModelError` where the network is not what its manifest says, and from any call
    whose posteriors are not numbers from 0 to 1.
    """

    def __init__(self, model: ModelFile, num_threads: int = 1) -> None:
        self.manifest: Manifest = model.manifest
        self._shape = model.manifest.features.shape
        self._path = model.path
        check_first_load(model, num_threads)
        try:
            self._interpreter = make_interpreter(model.flatbuffer, num_threads)
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"{model.path}: refused by the interpreter: {reason}") from error
        manifest = self.manifest
        # a windowed network is one that has a single chunk and no states
        self._streaming = manifest.streaming or StreamingTensors(self._shape[0], 0, 0, ())
        streaming = self._streaming
        inputs = {streaming.input: manifest.input} | {s.input: s.spec for s in streaming.states}
        outputs = {streaming.output: manifest.output} | {s.output: s.spec for s in streaming.states}
        lowest, highest = manifest.output.real(np.array([-128, 127], np.int8))
        # no int8 stands for a value outside of 0 to 1
        self._bounded = (
            manifest.output.dtype == "int8" and lowest >= -ROUNDING and highest <= 1 + ROUNDING
        )
        self._inputs = self._indices("input", self._interpreter.get_input_details(), inputs)
        self._outputs = self._indices("output", self._interpreter.get_output_details(), outputs)

    @classmethod
    def load(cls, path: Path, num_threads: int = 1) -> "Classifier":
        """Read, verify and load. Raises `MissingFileError`, `ModelError`, `InterpreterError`."""
        return cls(read_model(path), num_threads)

    def __call__(self, features: FloatArray) -> FloatArray:
        """Posteriors ``[labels]`` (float32, 0 to 1) of ``features [frames, width]``."""
        window = features.reshape(self._shape)
        return self.advance(window, self.silent_states())[0]

    def silent_states(self) -> States:
        """The states at the start of a stream; none of a windowed network."""
        return tuple(
            state.spec.store(np.zeros(state.spec.shape, np.float32))
            for state in self._streaming.states
        )

    def advance(self, frames: FloatArray, states: States) -> tuple[FloatArray, States]:
        """Posteriors ``[labels]`` after ``frames [n, width]``, n above 0, and the states then.

        Zeros stand before the frames where these do not fill whole chunks: a window of them,
        processed from `silent_states`, reaches no further back.
        """
        chunk, (_, width) = self._streaming.chunk_frames, frames.shape
        if missing := -len(frames) % chunk:
            frames = np.concatenate([np.zeros((missing, width), np.float32), frames])
        try:
            for start in range(0, len(frames), chunk):
                states = self._invoke(frames[start : start + chunk], states)
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"{self._path}: the interpreter failed: {reason}") from error
        return self._posteriors(), states

    def _indices(
        self, what: str, found: list[dict[str, Any]], specs: Mapping[int, TensorSpec]
    ) -> list[int]:
        """The interpreter's index of each tensor, by number, checked against the manifest."""
        expected = [specs[number] for number in range(len(specs))]
        try:
            actual = [tensor_spec(detail) for detail in found]
        except ValidationErrors as error:
            raise ModelError(f"{self._path}: {what} of the network: {error}") from error
        if actual != expected:
            raise ModelError(
                f"{self._path}: {what}: the network has {actual}, the manifest says {expected}"
            )
        return [detail["index"] for detail in found]

    def _posteriors(self) -> FloatArray:
        spec, index = self.manifest.output, self._outputs[self._streaming.output]
        stored = self._interpreter.get_tensor(index)
        if stored.shape != spec.shape:  # a network may resize its tensors as it runs
            raise ModelError(
                f"{self._path}: the network returned shape {list(stored.shape)}, the manifest says"
                f" {list(spec.shape)}"
            )
        posteriors = spec.real(stored[0])
        if self._bounded:
            return posteriors
        if not (posteriors.min() >= -ROUNDING and posteriors.max() <= 1 + ROUNDING):  # nor nan
            listed = ", ".join(f"{value:g}" for value in posteriors[:8])
            raise ModelError(f"{self._path}: the network returned values outside 0 to 1: {listed}")
        return posteriors

    def _invoke(self, chunk: FloatArray, states: States) -> States:
        spec, streaming = self.manifest.input, self._streaming
        self._interpreter.set_tensor(
            self._inputs[streaming.input], spec.store(chunk.reshape(spec.shape))
        )
        for state, value in zip(streaming.states, states, strict=True):
            self._interpreter.set_tensor(self._inputs[state.input], value)
        self._interpreter.invoke()
        return tuple(
            self._interpreter.get_tensor(self._outputs[state.output]) for state in streaming.states
        )


class StreamingClassifier:
    """Posteriors of a window that rolls over a stream, at the cost of its new frames.

    It keeps the states of one stream for a streaming model; any other gets whole windows.
    Where frames are missing, or do not fill whole chunks, it processes the window from its
    beginning.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._streaming = classifier.manifest.streaming
        self.reset()

    @property
    def chunk_frames(self) -> int:
        """Frames in the smallest step that costs only itself."""
        return self._streaming.chunk_frames if self._streaming else 1

    def reset(self) -> None:
        """The next window begins a new stream."""
        self._states: States | None = None
        self._frames_seen = 0

    def __call__(self, window: FloatArray, frames_seen: int) -> FloatArray:
        """Posteriors ``[labels]`` of ``window [frames, width]``, the last frames of a stream
        of ``frames_seen``.
        """
        if self._streaming is None:
            return self._classifier(window)
        new = frames_seen - self._frames_seen
        if self._states is None or not 0 < new < len(window) or new % self.chunk_frames:
            self._states, new = self._classifier.silent_states(), len(window)
        self._frames_seen = frames_seen
        posteriors, self._states = self._classifier.advance(window[-new:], self._states)
        return posteriors
