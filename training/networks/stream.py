"""The streaming form of an architecture: new frames in, its past kept as states."""

import keras

from training.networks.context import Tensor


class Streaming:
    """``chunk`` frames in each call; the past of every layer is an input and an output.

    The mean goes over the last ``pooled`` frames, as many as in the windowed form.
    """

    def __init__(self, chunk: int, pooled: int) -> None:
        self._chunk, self._pooled = chunk, pooled
        self._states: list[Tensor] = []
        self._new_states: list[Tensor] = []

    def features(self, shape: tuple[int, int, int]) -> Tensor:
        return keras.Input((self._chunk, *shape[1:]), batch_size=1, name="features")

    def join(self, x: Tensor, frames: int) -> Tensor:
        if frames <= 0:
            return x
        name = f"state_{len(self._states)}"
        state = keras.Input((frames, *x.shape[2:]), batch_size=1, name=name)
        joined = keras.layers.Concatenate(axis=1)([state, x])
        self._states.append(state)
        self._new_states.append(joined[:, -frames:])
        return joined

    def mean(self, x: Tensor) -> Tensor:
        joined = self.join(x, self._pooled - x.shape[1])
        return keras.layers.GlobalAveragePooling2D()(joined[:, -self._pooled :])

    def model(self, features: Tensor, posteriors: Tensor) -> keras.Model:
        """``[features, *states]`` to ``[posteriors, *new states]``, states in one order."""
        return keras.Model([features, *self._states], [posteriors, *self._new_states])
