"""How much of each effect: a section of a TrainingConfig."""

from dataclasses import dataclass, field
from pathlib import Path

from kws_edge.errors import ValidationErrors
from training.data.augmentation.spectral import Masks


@dataclass(frozen=True)
class Range:
    """Drawn evenly from ``low`` to ``high``."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValidationErrors([f"low: {self.low} is above high ({self.high})"])

    @property
    def pair(self) -> tuple[float, float]:
        return self.low, self.high


@dataclass(frozen=True)
class AugmentationConfig:
    """``..._share``: of the windows to which an effect comes, 0 to 1.

    ``speed`` is the largest change (0.1: 0.9 to 1.1 times as fast); ``gain_db`` is relative to
    the clip as recorded, ``snr_db`` to its active speech; ``rooms`` are made by formula, and
    those of ``room_folder`` come on top.
    """

    speed: float = 0.1
    gain_db: Range = Range(-26, 8)
    noise_share: float = 0.6
    snr_db: Range = Range(0, 35)
    room_share: float = 0.25
    rooms: int = 100
    room_folder: Path | None = None
    tilt_share: float = 0.3
    narrow_share: float = 0.05
    codec_share: float = 0.05
    clip_share: float = 0.04
    masks: Masks = field(default_factory=Masks)
    mixup: float = 0.2

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {value} is not within 0 to 1"
            for name, value in vars(self).items()
            if name.endswith("_share") and not 0 <= value <= 1
        ]
        if not 0 <= self.speed < 0.5:
            faults.append(f"speed: {self.speed} is not within 0 to below 0.5")
        if self.rooms < 0 or self.mixup < 0:
            faults.append("rooms, mixup: below 0")
        if self.room_share and not self.rooms and self.room_folder is None:
            faults.append("room_share: there is no room (rooms, room_folder)")
        if faults:
            raise ValidationErrors(faults)
