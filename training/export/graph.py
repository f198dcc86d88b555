"""A trained network as a TensorFlow graph of fixed shape, and what it is fed to learn ranges."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kws_edge.features.front_end import FrontEnd
from kws_edge.types import FloatArray
from training.data.clips import Clip
from training.data.loading import window_features
from training.networks.streaming_form import first_states, streaming_form
from training.train.run import CALIBRATION, Run

CALIBRATION_CLIPS = 400


@dataclass(frozen=True)
class Graph:
    """``function`` maps tensors by name; ``owner`` holds its variables. ``examples`` gives
    values of all inputs by name, again and again the same.
    """

    function: Any
    owner: Any
    examples: Callable[[], Iterator[dict[str, FloatArray]]]


def windowed_graph(run: Run, clips: Sequence[Clip]) -> Graph:
    """``features`` of a window to ``posteriors``, from the run's SavedModel."""
    loaded = tf.saved_model.load(str(run.folder))
    # batch 1 throughout: a fixed shape is what the interpreters' fast kernels want
    spec = tf.TensorSpec((1, *run.config.features.shape, 1), tf.float32, name="features")

    def call(features: Any) -> dict[str, Any]:
        return {"posteriors": loaded.serve(features)}

    def examples() -> Iterator[dict[str, FloatArray]]:
        for window in _windows(run, clips):
            yield {"features": window[np.newaxis, ..., np.newaxis]}

    return Graph(tf.function(call).get_concrete_function(spec), loaded, examples)


def streaming_graph(run: Run, clips: Sequence[Clip], chunk: int) -> Graph:
    """``features`` of a chunk and ``state_0``... to ``posteriors`` and the states after it.

    The examples are the clips as in a stream, each preceded by silence, so that the states
    have the ranges that they take.
    """
    model = streaming_form(run.config, run.network(), chunk)
    owner = tf.Module()
    owner.kept = [variable.value for variable in model.variables]
    specs = [tf.TensorSpec(x.shape, tf.float32, name=x.name) for x in model.inputs]
    states = [spec.name for spec in specs[1:]]

    def call(*inputs: Any) -> dict[str, Any]:
        return dict(zip(["posteriors", *states], model(list(inputs), training=False), strict=True))

    function = tf.function(call).get_concrete_function(*specs)

    def examples() -> Iterator[dict[str, FloatArray]]:
        for window in _windows(run, clips):
            states_now = dict(zip(states, first_states(model), strict=True))
            for start in range(len(window) % chunk, len(window), chunk):
                part = window[np.newaxis, start : start + chunk, :, np.newaxis]
                yield {"features": part, **states_now}
                found = function(tf.constant(part), *map(tf.constant, states_now.values()))
                states_now = {name: found[name].numpy() for name in states}

    return Graph(function, owner, examples)


def _windows(run: Run, clips: Sequence[Clip]) -> Iterator[FloatArray]:
    """``[frames, width]`` each: windows that the run kept for this, or some of ``clips``."""
    if (run.folder / CALIBRATION).exists():
        yield from np.load(run.folder / CALIBRATION)
        return
    chosen = random.Random(run.config.seed).sample(clips, min(CALIBRATION_CLIPS, len(clips)))
    front_end = FrontEnd(run.config.features)
    for clip in chosen:
        yield window_features(clip, front_end)
