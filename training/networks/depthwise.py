"""Depthwise convolution that trains fast on every Keras backend."""

from typing import Any

import keras


class DepthwiseConv(keras.layers.DepthwiseConv2D):  # type: ignore[misc]  # Keras has no types
    """`keras.layers.DepthwiseConv2D` without padding and bias, one filter a channel.

    XLA's gradient of a depthwise convolution on a CPU takes 10 to 100 times as long as the
    same as a sum of shifted products, which it fuses into one loop. TensorFlow keeps the
    layer's own operator, which is what TFLite has.
    """

    def call(self, inputs: Any) -> Any:
        if keras.backend.backend() == "tensorflow":
            return super().call(inputs)
        (rows, columns), (row_step, column_step) = self.kernel_size, self.strides
        row_gap, column_gap = self.dilation_rate
        high = (inputs.shape[1] - (rows - 1) * row_gap - 1) // row_step + 1
        wide = (inputs.shape[2] - (columns - 1) * column_gap - 1) // column_step + 1
        total = 0
        for row in range(rows):
            for column in range(columns):
                top, left = row * row_gap, column * column_gap
                shifted = inputs[
                    :,
                    top : top + (high - 1) * row_step + 1 : row_step,
                    left : left + (wide - 1) * column_step + 1 : column_step,
                ]
                total = total + shifted * self.kernel[row, column, :, 0]
        return total
