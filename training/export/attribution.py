"""The data sets of a training, in the words of a model's manifest."""

from collections.abc import Sequence

from training.config import Attribution


def attribution_text(data_sets: Sequence[Attribution]) -> str:
    """One sentence that names each data set with its creator, address and licence."""
    if not data_sets:
        return "The maker of this model names no data set."
    return f"Trained on {'; '.join(map(str, data_sets))}."
