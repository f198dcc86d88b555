"""Train what a configuration describes, and keep it as a run folder."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.config import TrainingConfig
from training.data.examples import Examples, Report
from training.data.loading import features_of, targets_of
from training.data.material import find_recordings
from training.data.prepare import prepare
from training.train.fit import fit
from training.train.provenance import git_commit
from training.train.run import (
    CALIBRATION,
    WEIGHTS,
    Run,
    new_folder,
    partial_folder,
    write_run_files,
)
from training.train.validation import measure

CALIBRATION_WINDOWS = 600


def train(
    config: TrainingConfig,
    data: Path,
    output: Path,
    *,
    cache: Path,
    split_lists: Path | None = None,
    report: Report = lambda _: None,
    judged_by: TrainingConfig | None = None,
    test: bool = False,
) -> Path:
    """Train as ``config`` says on the recordings below ``data``; the new run below ``output``.

    The folder appears under its name only when it is complete. Features and windows are kept in
    ``cache``. ``judged_by``: see `training.data.prepare.prepare`. Only with ``test`` is the
    testing part read, once, after training; its figures are ``metrics["testing"]``.

    Raises `MissingFileError` and `DataError` for recordings that cannot be used, `ConfigError`
    for a teacher or a run to start from that does not fit.
    """
    commit = git_commit()  # of the code as loaded, not as it is an hour later
    prepared = prepare(
        config, data, cache, split_lists=split_lists, report=report, judged_by=judged_by
    )
    trained = fit(config, prepared, report)
    metrics = {**trained.metrics, "git_commit": commit}
    partial = partial_folder(output, config.name)
    partial.mkdir()
    (partial / WEIGHTS).write_bytes(trained.weights)
    run = Run(partial, config)
    if test:
        metrics["testing"] = _tested(run, data, split_lists)
    write_run_files(partial, config, trained.history, metrics)
    if not config.plain_clips:
        windows = prepared.training.get(0).features[:CALIBRATION_WINDOWS]
        np.save(partial / CALIBRATION, np.asarray(windows, np.float32))
    if keras.backend.backend() == "tensorflow":  # else `export` makes the SavedModel
        run.export_saved_model()
    return new_folder(partial, output, config.name)


def _tested(run: Run, data: Path, split_lists: Path | None) -> dict[str, Any]:
    """The figures of the testing part."""
    config = run.config
    clips = find_recordings(config, data, split_lists).testing.named()
    examples = Examples(features_of(clips, config.features), targets_of(clips, config.labels))
    measures = measure(run.network(), config, examples)
    return {"clips": len(clips), **dataclasses.asdict(measures)}
