"""What a training gives, before it is a run folder."""

from dataclasses import dataclass
from typing import Any

History = dict[str, list[float]]


@dataclass(frozen=True)
class TrainingResult:
    """``metrics`` (ready for JSON), ``history`` by epoch, and ``weights``: the content of a Keras
    ``.weights.h5`` file, which every backend reads."""

    metrics: dict[str, Any]
    history: History
    weights: bytes
