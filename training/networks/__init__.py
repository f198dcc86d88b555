"""Networks by name; each takes (input shape, number of labels, width) and ends in a softmax."""

from typing import Protocol

import keras

from training.networks.bc_resnet import bc_resnet
from training.networks.context import Context
from training.networks.ds_cnn import ds_cnn
from training.networks.lab_cnn import lab_cnn
from training.networks.tc_resnet import tc_resnet
from training.networks.ts_resnet import ts_resnet


class Architecture(Protocol):
    """Features of ``input_shape`` (frames, bands, 1) to posteriors ``[n, num_labels]``.

    ``width`` sizes the network; without it, as the architecture has it by default.
    """

    def __call__(
        self, input_shape: tuple[int, int, int], num_labels: int, width: int = ...
    ) -> keras.Model: ...


class StreamingArchitecture(Protocol):
    """An `Architecture` that `context` gives its time: a window at once, or a stream."""

    def __call__(
        self,
        input_shape: tuple[int, int, int],
        num_labels: int,
        width: int = ...,
        context: Context | None = None,
    ) -> keras.Model: ...


STREAMING_ARCHITECTURES: dict[str, StreamingArchitecture] = {
    "ds_cnn": ds_cnn,
    "bc_resnet": bc_resnet,
    "tc_resnet": tc_resnet,
    "ts_resnet": ts_resnet,
}
ARCHITECTURES: dict[str, Architecture] = {"lab_cnn": lab_cnn, **STREAMING_ARCHITECTURES}
