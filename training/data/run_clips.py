"""The clips by which a converted model is calibrated and checked."""

from pathlib import Path

from training.config import TrainingConfig
from training.data.material import find_recordings
from training.data.splits import Split


def clips_of_run(config: TrainingConfig, data: Path, split_lists: Path | None = None) -> Split:
    """Training and validation clips below ``data``; other words have the label ``_unknown_``.

    The testing part is left out.
    """
    found = find_recordings(config, data, split_lists)
    return Split(found.training.named(), found.validation.named(), ())
