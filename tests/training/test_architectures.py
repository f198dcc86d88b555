"""Networks by name: sized by one number, posteriors for any front end of the study."""

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra 'training'")

from kws_edge.config.schema import parse
from kws_edge.errors import ConfigError
from kws_edge.features.config import FeatureConfig
from training.config import RunConfig
from training.networks import ARCHITECTURES
from training.networks.build import network
from training.sweep.config import SweepConfig
from training.sweep.trial import make_trial

FRONT_ENDS = (
    FeatureConfig("log_mel", frame_length_ms=30, frame_step_ms=10),
    FeatureConfig("log_mel", frame_length_ms=30),
    FeatureConfig("mfcc"),
)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_posteriors_of_every_front_end(name: str) -> None:
    for features in FRONT_ENDS:
        model = ARCHITECTURES[name]((*features.shape, 1), 3, 8)
        window = np.random.default_rng(0).normal(-4, 3, (2, *features.shape, 1))
        posteriors = np.asarray(model(window.astype(np.float32)))
        assert posteriors.shape == (2, 3)
        assert posteriors.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_width_sizes_the_network_and_has_a_default(name: str) -> None:
    features = FRONT_ENDS[1]
    run = {"name": "a", "features": {"kind": "log_mel"}, "architecture": name}
    sizes = [
        network(parse(RunConfig, {**run, "width": width})).count_params() for width in (8, 12, 16)
    ]
    assert sizes == sorted(set(sizes))
    default = ARCHITECTURES[name]((*features.shape, 1), 8).count_params()
    assert network(parse(RunConfig, run)).count_params() == default


def test_a_window_too_short_for_the_kernels_is_told() -> None:
    with pytest.raises(ConfigError, match="too few frames for this architecture"):
        ARCHITECTURES["tc_resnet"]((30, 40, 1), 3, 8)


def test_runs_of_the_sweep_keep_their_keys() -> None:
    """Finished trials are found by them."""
    sweep = parse(SweepConfig, {"name": "a", "base": {"kind": "mfcc"}, "factors": {}})
    assert make_trial(sweep, sweep.base, 0).key == "mfcc-e44ae548f707"
