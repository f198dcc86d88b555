"""One run of a sweep, known by what it is made of."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import ValidationErrors
from training.config import RunConfig
from training.sweep.config import SweepConfig
from training.sweep.point import Point


@dataclass(frozen=True)
class Trial:
    """``point`` trained with ``seed``; ``key`` is the same for the same run in any sweep."""

    key: str
    point: Point
    seed: int

    def __str__(self) -> str:
        p = self.point
        words = [f"{p.kind} {p.frame_length_ms:g} ms, overlap {p.overlap:.0%}"]
        if p.kind != "spectrogram":
            words.append(f"{p.num_mel_bins} bands {p.lower_edge_hertz:g}-{p.upper_edge_hertz:g} Hz")
        if p.kind in ("mfcc", "psf_mfcc"):
            words.append(f"{p.num_coefficients} coefficients")
        return ", ".join([*words, f"seed {self.seed}"])

    @property
    def work(self) -> float:
        """The size of the features, to which the time of a training is about proportional;
        0 where there is no such front end.
        """
        try:
            frames, width = self.point.features().shape
        except ValidationErrors:
            return 0.0
        return float(frames * width)


def make_trial(config: SweepConfig, point: Point, seed: int) -> Trial:
    """The trial of ``point``, its key made of all that the result depends on but the data."""
    content = json.dumps([point.relevant(), config.identity(), seed], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return Trial(f"{point.kind}-{digest[:12]}", point, seed)


def run_config(config: SweepConfig, trial: Trial) -> RunConfig:
    """The run, never to see the testing part. Raises `ValidationErrors`."""
    return RunConfig(
        name=trial.key,
        features=trial.point.features(),
        seed=trial.seed,
        test=False,
        **config.training(),
    )


def network_folder(models: Path, key: str) -> Path:
    """Where the trained network of a trial lies."""
    return models / key
