"""The work of one trial, wherever it is done."""

import platform

from training.config import RunConfig
from training.data.cache import Arrays
from training.networks.cost import estimated_latency_ms, features_ms, size_kb
from training.train.fit import Report, fit
from training.train.trained import TrainingResult


def work(config: RunConfig, arrays: Arrays, report: Report | None = None) -> TrainingResult:
    """Train, and measure or estimate what the result costs on the machine that did it."""
    trained = fit(config, arrays, report)
    front_end = features_ms(config.features)
    trained.metrics.update(
        feature_shape=list(config.features.shape),
        features_ms=round(front_end, 4),
        estimated_latency_ms=round(
            estimated_latency_ms(front_end, trained.metrics["multiply_accumulates"]), 4
        ),
        size_kb=round(size_kb(trained.metrics["parameters"]), 1),
        host=f"{platform.node()} ({platform.machine()}, Python {platform.python_version()})",
    )
    return trained
