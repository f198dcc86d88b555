"""A front end that the package does not have: a class and its registration are all it takes."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from toy_front_end import Differences

from kws_edge.config.schema import parse
from kws_edge.errors import ValidationErrors
from kws_edge.features import BUILT_IN
from kws_edge.features.config import (
    FeatureConfig,
    front_end_names,
    register_front_end,
    unregister_front_end,
)
from kws_edge.features.front_end import FeatureStream, FrontEnd
from kws_edge.features.mfcc import Mfcc


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register_front_end(Differences)
    yield
    unregister_front_end("differences")


def test_its_settings_decide_what_is_checked_and_what_counts() -> None:
    config = FeatureConfig("differences", num_coefficients=8, num_mel_bins=-1)
    assert config.shape == (49, 8)
    assert config.relevant() == {
        "kind": "differences",
        "sample_rate": 16000,
        "frame_length": 640,
        "frame_step": 320,
        "fft_samples": 640,
        "window_samples": 16000,
        "num_coefficients": 8,
    }
    with pytest.raises(ValidationErrors, match="num_coefficients: 7 do not divide a frame"):
        FeatureConfig("differences", num_coefficients=7)


def test_configurations_name_it() -> None:
    config = FeatureConfig("differences", num_coefficients=8)
    assert parse(FeatureConfig, dataclasses.asdict(config)) == config
    with pytest.raises(ValidationErrors, match=r"did you mean differences\?"):
        parse(FeatureConfig, {"kind": "difference"})


def test_a_stream_in_blocks_gives_the_frames_of_the_whole_signal() -> None:
    config = FeatureConfig("differences", num_coefficients=8)
    signal = np.random.default_rng(0).uniform(-1, 1, 20_000).astype(np.float32)
    stream = FeatureStream(config)
    blocks = np.split(signal, [1, 700, 701, 9000])
    frames = np.concatenate([stream.push(block) for block in blocks])
    np.testing.assert_array_equal(frames, FrontEnd(config)(signal))
    np.testing.assert_array_equal(stream.window, frames[-49:])
    # by hand: the first value of frame 1 is the mean of |x[n] - x[n - 1]| over 80 samples
    steps = np.abs(np.diff(signal[319:400]))
    assert frames[1, 0] == pytest.approx(steps.mean(), rel=1e-5)


def test_a_name_belongs_to_one_front_end() -> None:
    register_front_end(Differences)  # again: the same
    imitation = type("Imitation", (Differences,), {"name": "mfcc"})
    with pytest.raises(ValueError, match="mfcc: Mfcc has this name already"):
        register_front_end(imitation)
    assert FeatureConfig("mfcc").front_end is Mfcc
    assert front_end_names() == (*(front_end.name for front_end in BUILT_IN), "differences")
