"""A compact flatbuffer is smaller and computes the same."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra 'training'")

import tensorflow as tf

from kws_edge.model.interpreter import make_interpreter
from kws_edge.types import FloatArray
from training.export.convert import compact


def computed(flatbuffer: bytes, values: FloatArray) -> FloatArray:
    interpreter = make_interpreter(flatbuffer)
    (input_,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(input_["index"], values)
    interpreter.invoke()
    result: FloatArray = interpreter.get_tensor(output["index"])
    return result


@pytest.mark.parametrize("int8", [False, True])
def test_it_computes_the_same(int8: bool) -> None:
    random = np.random.default_rng(2)
    kernels = [tf.constant(random.normal(0, 0.3, (3, 3, 16, 16)), tf.float32) for _ in range(4)]

    def network(x: tf.Tensor) -> tf.Tensor:
        for kernel in kernels:
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME"))
        return x

    values = random.normal(0, 1, (1, 5, 7, 16)).astype(np.float32)
    function = tf.function(network).get_concrete_function(tf.TensorSpec(values.shape, tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: iter([[values]])
    converted: bytes = converter.convert()
    smaller = compact(converted)
    assert len(smaller) < len(converted) * (0.9 if int8 else 0.995)
    assert compact(smaller) == smaller
    np.testing.assert_array_equal(computed(smaller, values), computed(converted, values))
