"""Train one run from cached features, where Keras runs on JAX or PyTorch."""

from pathlib import Path

from training.config import RunConfig
from training.data.cache import cached_arrays
from training.data.loading import load_split
from training.train.fit import Report, fit
from training.train.provenance import git_commit
from training.train.run import new_folder, partial_folder, write_run_files
from training.train.trained import WEIGHTS


def train_features(
    config: RunConfig,
    data: Path,
    output: Path,
    cache: Path,
    *,
    split_lists: Path | None = None,
    report: Report | None = None,
) -> Path:
    """As `training.train.train.train`, but without TensorFlow: the new folder below ``output``.

    It holds the weights in place of the SavedModel, which ``convert`` makes from them where
    TensorFlow is. The testing part is not read.
    """
    commit = git_commit()
    split = load_split(config, data, split_lists)
    arrays = cached_arrays(split, config.labels, config.features, cache)
    trained = fit(config, arrays, report)
    partial = partial_folder(output, config.name)
    partial.mkdir(parents=True)
    write_run_files(partial, config, trained.history, {**trained.metrics, "git_commit": commit})
    (partial / WEIGHTS).write_bytes(trained.weights)
    return new_folder(partial, output, config.name)
