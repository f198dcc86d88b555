"""Which inputs and outputs of a converted streaming network are one state."""

from typing import Any

from kws_edge.errors import ModelError
from kws_edge.model.interpreter import make_interpreter
from kws_edge.model.manifest import State, StreamingTensors, tensor_spec


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
