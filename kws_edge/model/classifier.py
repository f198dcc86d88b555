"""A keyword model that is ready to run: features in, posteriors out."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.errors import ModelError
from kws_edge.model.file import ModelFile, read_model
from kws_edge.model.interpreter import make_interpreter
from kws_edge.model.manifest import Manifest
from kws_edge.model.tensors import Streaming, tensor_spec
from kws_edge.types import FloatArray

# What a streaming network keeps between two chunks, as its tensors hold it.
States = tuple[npt.NDArray[Any], ...]


class Classifier:
    """Runs the network of a verified model file; not thread-safe.

    It keeps nothing from call to call, so that many streams can share it: the states of a
    streaming network are its callers' (`StreamingClassifier` does that for one stream).
    """

    def __init__(self, model: ModelFile, num_threads: int = 1) -> None:
        self.manifest: Manifest = model.manifest
        try:
            self._interpreter = make_interpreter(model.flatbuffer, num_threads)
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"{model.path}: refused by the interpreter: {reason}") from error
        manifest = self.manifest
        # a windowed network is one that has a single chunk and no states
        self._streaming = manifest.streaming or Streaming(manifest.features.shape[0], 0, 0, ())
        streaming = self._streaming
        inputs = {streaming.input: manifest.input} | {s.input: s.spec for s in streaming.states}
        outputs = {streaming.output: manifest.output} | {s.output: s.spec for s in streaming.states}
        details = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        for what, found, specs in zip(("input", "output"), details, (inputs, outputs), strict=True):
            expected = [specs[number] for number in range(len(specs))]
            if (specs_found := [tensor_spec(detail) for detail in found]) != expected:
                raise ModelError(
                    f"{model.path}: {what}: the network has {specs_found}, the"
                    f" manifest says {expected}"
                )
        self._inputs, self._outputs = ([d["index"] for d in found] for found in details)

    @classmethod
    def load(cls, path: Path, num_threads: int = 1) -> "Classifier":
        """Read, verify and load. Raises `MissingFileError`, `ModelError`, `InterpreterError`."""
        return cls(read_model(path), num_threads)

    def __call__(self, features: FloatArray) -> FloatArray:
        """Posteriors ``[labels]`` (float32, sum about 1) of ``features [frames, width]``."""
        window = features.reshape(self.manifest.features.shape)
        return self.advance(window, self.silent_states())[0]

    def silent_states(self) -> States:
        """The states of a stream of which nothing has been heard; none of a windowed network."""
        return tuple(
            state.spec.store(np.zeros(state.spec.shape, np.float32))
            for state in self._streaming.states
        )

    def advance(self, frames: FloatArray, states: States) -> tuple[FloatArray, States]:
        """Posteriors ``[labels]`` after ``frames [n, width]``, n above 0, and the states then.

        Zeros stand before the frames where these do not fill whole chunks: a window of them,
        heard from `silent_states`, reaches no further back.
        """
        chunk, (_, width) = self._streaming.chunk_frames, frames.shape
        if missing := -len(frames) % chunk:
            frames = np.concatenate([np.zeros((missing, width), np.float32), frames])
        for start in range(0, len(frames), chunk):
            states = self._invoke(frames[start : start + chunk], states)
        spec, index = self.manifest.output, self._outputs[self._streaming.output]
        return spec.real(self._interpreter.get_tensor(index)[0]), states

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
