"""Augmentation of features in a batch: SpecAugment and mixup."""

from dataclasses import dataclass

import numpy as np

from kws_edge.types import FloatArray


@dataclass(frozen=True)
class Masks:
    """SpecAugment's (Park et al. 2019, arXiv:1904.08779): at most so many, so wide each."""

    time_masks: int = 2
    time_frames: int = 6
    band_masks: int = 2
    bands: int = 6


def mask(features: FloatArray, masks: Masks, random: np.random.Generator) -> FloatArray:
    """``features [n, frames, bands]`` with random stretches and bands at their own mean."""
    count, frames, bands = features.shape
    hidden = _stripes(count, frames, masks.time_masks, masks.time_frames, random)[:, :, None]
    hidden = hidden | _stripes(count, bands, masks.band_masks, masks.bands, random)[:, None, :]
    means = features.mean(axis=(1, 2), keepdims=True)
    return np.where(hidden, means, features)


def _stripes(
    count: int, length: int, number: int, widest: int, random: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """``[count, length]``: True within ``number`` stripes of 0 to ``widest`` places each."""
    places = np.arange(length)
    hidden = np.zeros((count, length), bool)
    for _ in range(number):
        width = random.integers(0, widest + 1, (count, 1))
        start = (random.random((count, 1)) * (length - width + 1)).astype(np.int64)
        hidden |= (places >= start) & (places < start + width)
    return hidden


def mixup(
    features: FloatArray, targets: FloatArray, alpha: float, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Each example blended with another of the batch (Zhang et al. 2018, arXiv:1710.09412).

    ``features [n, frames, bands]`` and ``targets [n, labels]`` by the same share, from a beta
    distribution of ``alpha``; 0 leaves both alone.
    """
    if alpha <= 0:
        return features, targets
    share = random.beta(alpha, alpha, len(features)).astype(np.float32)
    share = np.maximum(share, 1 - share)  # mostly itself: the label of a tie says nothing
    other = random.permutation(len(features))
    blend = share[:, None, None]
    return (
        blend * features + (1 - blend) * features[other],
        share[:, None] * targets + (1 - share[:, None]) * targets[other],
    )
