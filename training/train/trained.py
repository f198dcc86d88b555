"""What a training from features in memory leaves."""

from dataclasses import dataclass
from typing import Any

from training.train.run import History

# In the folder of a run whose SavedModel has not been made yet.
WEIGHTS = "network.weights.h5"


@dataclass(frozen=True)
class TrainingResult:
    """``metrics`` of a run, its ``history`` by epoch and the ``weights`` as a Keras h5 file."""

    metrics: dict[str, Any]
    history: History
    weights: bytes
