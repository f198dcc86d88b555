"""The work of one trial, on whichever machine does it."""

import platform
from collections.abc import Callable

from training.data.prepare import TrainingData, prepare
from training.experiments.executors import Job, Recordings
from training.networks.network import estimated_latency_ms, features_ms
from training.train.fit import fit
from training.train.result import TrainingResult

Report = Callable[[str], None]


def prepared(job: Job, recordings: Recordings, report: Report) -> TrainingData:
    """The examples of a job. Raises `MissingFileError` and `DataError` of the recordings."""
    return prepare(
        job.config,
        recordings.data,
        recordings.cache,
        split_lists=recordings.split_lists,
        report=report,
        judged_by=job.judged_by,
    )


def work(job: Job, examples: TrainingData, report: Report) -> TrainingResult:
    """Train, and estimate what a decision of the result costs."""
    trained = fit(job.config, examples, report)
    features, network = job.config.features, job.config.network
    front_end = features_ms(features)
    trained.metrics.update(
        network=network.architecture + (f"-{network.width}" if network.width else ""),
        epochs=job.config.schedule.epochs,
        batch_size=job.config.schedule.batch_size,
        feature_shape="x".join(map(str, features.shape)),
        estimated_latency_ms=round(
            estimated_latency_ms(front_end, trained.metrics["multiply_accumulates"]), 4
        ),
        host=f"{platform.node()} ({platform.machine()}, Python {platform.python_version()})",
    )
    return trained
