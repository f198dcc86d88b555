"""Converted flatbuffers: the states of a streaming network, and a smaller form of the same file.

A small int8 network's file is half description: names of tensors, and the scales and zero
points of every channel, which are mostly the same zeros.
"""

from typing import Any

import flatbuffers
from tensorflow.lite.tools import flatbuffer_utils

from kws_edge.errors import ModelError
from kws_edge.model.interpreter import make_interpreter
from kws_edge.model.manifest import State, StreamingTensors, tensor_spec

TFLITE_IDENTIFIER = b"TFL3"
# TFLite's schema demands this alignment of weights; its Python object API does not apply it.
WEIGHTS_ALIGNMENT = 16


def compact(flatbuffer: bytes) -> bytes:
    """Remove names and signature, which nothing here reads, and store equal vectors once."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(flatbuffer))
    flatbuffer_utils.strip_strings(model)
    builder = _SharingBuilder(len(flatbuffer))
    builder.Finish(model.Pack(builder), file_identifier=TFLITE_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers has no types
    """Writes a vector of numbers that it has written before as a reference to that one.

    Readers see no difference: a flatbuffer is made of relative offsets, and nothing is changed in
    place. Vectors of offsets are left: equal bytes point elsewhere from elsewhere.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[int, bytes], int] = {}
        # of the vector that is being written; positions are counted from the buffer's end
        self._before = self._end = 0
        self._alignment = 0
        self._of_offsets = False

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803
        self._before, self._of_offsets = self.Offset(), False
        self._alignment = WEIGHTS_ALIGNMENT if elemSize == 1 else alignment
        self._end = int(super().StartVector(elemSize, numElems, self._alignment))
        return self._end

    def PrependUOffsetTRelative(self, off: int) -> None:  # noqa: N802
        self._of_offsets = True
        super().PrependUOffsetTRelative(off)

    def EndVector(self, numElems: Any = None) -> int:  # noqa: N802, N803
        offset: int = super().EndVector(numElems)
        if self._of_offsets or not self._alignment:  # no alignment: a string
            return offset
        content = bytes(self.Bytes[self.head : len(self.Bytes) - self._end])
        known = self._written.setdefault((self._alignment, content), offset)
        self._alignment = 0
        if known != offset:
            self.head: int = len(self.Bytes) - self._before
        return known


def describe_streaming(flatbuffer: bytes, chunk: int) -> StreamingTensors:
    """Read from the names of a flatbuffer's signature, as `streaming_graph` gives them.

    Raises `ModelError` where the converter gave the two ends of a state different scales.
    """
    interpreter: Any = make_interpreter(flatbuffer)
    runner = interpreter.get_signature_runner()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    read = _numbers(runner.get_input_details(), inputs)
    written = _numbers(runner.get_output_details(), outputs)
    features, posteriors = read.pop("features"), written.pop("posteriors")
    states = []
    for name in sorted(read, key=read.__getitem__):
        spec, other = tensor_spec(inputs[read[name]]), tensor_spec(outputs[written[name]])
        if spec != other:
            raise ModelError(f"{name}: read as {spec}, but written as {other}")
        states.append(State(read[name], written[name], spec))
    return StreamingTensors(chunk, features, posteriors, tuple(states))


def _numbers(named: dict[str, Any], details: list[dict[str, Any]]) -> dict[str, int]:
    """The places in ``details`` of the tensors of a signature."""
    places = {detail["index"]: number for number, detail in enumerate(details)}
    return {name: places[detail["index"]] for name, detail in named.items()}
