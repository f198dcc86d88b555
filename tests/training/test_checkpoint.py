"""A training that is stopped goes on after its last whole epoch, and ends as if it had not been."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra 'training'")

from kws_edge.config.schema import parse
from training.config import TrainingConfig
from training.data.loading import Examples, RepeatedEpochs
from training.data.prepare import TrainingData
from training.train.run import TrainingResult
from training.train.train import fit


class StopError(Exception):
    pass


def training_data(config: TrainingConfig) -> TrainingData:
    random = np.random.default_rng(0)
    passes = [
        Examples(
            random.normal(-4, 3, (24, *config.features.shape)).astype(np.float32),
            np.arange(24) % len(config.labels),
        )
        for _ in range(3)
    ]
    return TrainingData(RepeatedEpochs(passes), passes[0], passes[0], {})


def taught() -> TrainingConfig:
    document = {
        "name": "stopped",
        "features": {"kind": "log_mel"},
        "data": {"sources": [{"folder": "clips"}]},
        "network": {"architecture": "lab_cnn", "width": 4},
        "schedule": {"epochs": 5, "batch_size": 8, "warmup_epochs": 1, "averaging": 0.9},
        "teacher": {"network": {"architecture": "lab_cnn", "width": 8}, "epochs": 2},
    }
    return parse(TrainingConfig, document)


@pytest.mark.parametrize("stop_at", [3, 5])
def test_it_ends_as_if_it_had_not_been_stopped(stop_at: int, tmp_path: Path) -> None:
    config = taught()
    data = training_data(config)
    whole = fit(config, data)

    def stop(line: str) -> None:
        if line.startswith(f"epoch {stop_at}/5"):
            raise StopError

    with pytest.raises(StopError):
        fit(config, data, stop, tmp_path)
    lines: list[str] = []
    again = fit(config, data, lines.append, tmp_path)
    assert "going on after epoch 2" in lines  # the teacher's last
    assert f"going on after epoch {stop_at}" in lines
    assert not any(line.startswith(f"epoch {stop_at}/5") for line in lines)
    assert_same(whole, again)


def assert_same(whole: TrainingResult, again: TrainingResult) -> None:
    assert len(again.history["loss"]) == len(whole.history["loss"]) == 5
    for name, values in whole.history.items():
        np.testing.assert_allclose(again.history[name], values, rtol=1e-4, atol=1e-5)
    assert again.metrics["validation"] == whole.metrics["validation"]
