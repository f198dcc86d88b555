"""The description of a test stream, read from YAML (training/configs/streams/)."""

from dataclasses import dataclass
from typing import Literal

from kws_edge.errors import ValidationErrors


@dataclass(frozen=True)
class ClipSourceConfig:
    """Clips of ``folder/<label>/``, ``folder`` being below the data folder.

    ``part`` of the official split, or ``held-back``: every fifth take of a label, which `adapt`
    does not train on; ``labels``: only these, or all if empty. The stream takes ``count`` random
    clips of them, none twice; 0 takes each clip once.
    """

    folder: str
    part: Literal["all", "training", "validation", "testing", "held-back"] = "all"
    labels: tuple[str, ...] = ()
    count: int = 0

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValidationErrors([f"count: {self.count} is below 0"])


@dataclass(frozen=True)
class SpeechConfig:
    """``count`` excerpts of ``seconds`` each from the recordings in ``folder`` (below the data
    folder), which contain no keyword. Their label is ``_speech_``. ``part``: the voices of one part
    of the official split."""

    folder: str
    count: int
    seconds: float = 5.0
    part: Literal["all", "training", "validation"] = "all"

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {getattr(self, name)} is not above 0"
            for name in ("count", "seconds")
            if getattr(self, name) <= 0
        ]
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class NoiseConfig:
    """Recordings of noise in ``folder`` (below the data folder) behind the whole stream.

    Every scene has one excerpt, at one of ``snr_db`` below the speech level of that scene; a
    share of ``quiet`` (0 to 1) of the scenes has none.
    """

    folder: str
    snr_db: tuple[float, ...]
    quiet: float = 0.0

    def __post_init__(self) -> None:
        faults = []
        if not self.snr_db:
            faults.append("snr_db: expected at least one ratio")
        if not 0 <= self.quiet <= 1:
            faults.append(f"quiet: {self.quiet} is not within 0 to 1")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class StreamConfig:
    """A stream. With ``clips`` alone, these follow each other as they were recorded.

    - ``margin_ms``: clips are cut to their speech with this margin on either side, and faded
      in and out; without it each clip is a whole second.
    - ``gap_seconds``: least and most between two clips; a share of ``back_to_back`` (0 to 1)
      of the gaps is 0.
    - ``speech_dbfs``: least and most level of the speech, one level per scene; without it the
      level stays as recorded.
    - ``scene_seconds``: how long speech level and noise stay the same.
    - ``rooms``: share (0 to 1) of the scenes whose speech reverberates, each in a room of its own.
    - ``floor_dbfs``: level of white noise in the whole stream; without it digital silence.
    - ``least_seconds``: the least length; the end is without words if needed.
    """

    name: str
    seed: int = 0
    clips: tuple[ClipSourceConfig, ...] = ()
    speech: tuple[SpeechConfig, ...] = ()
    noise: NoiseConfig | None = None
    margin_ms: float | None = None
    gap_seconds: tuple[float, ...] = (0.0, 0.0)
    back_to_back: float = 0.0
    speech_dbfs: tuple[float, ...] | None = None
    scene_seconds: float = 20.0
    rooms: float = 0.0
    floor_dbfs: float | None = None
    least_seconds: float = 0.0

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {list(value)} is not a least and a most"
            for name in ("gap_seconds", "speech_dbfs")
            if (value := getattr(self, name)) is not None
            and not (len(value) == 2 and value[0] <= value[1])
        ]
        if not self.name or "/" in self.name:
            faults.append(f"name: {self.name!r} cannot name a file")
        if self.seed < 0:
            faults.append(f"seed: {self.seed} is below 0")
        if min(self.gap_seconds, default=0.0) < 0:
            faults.append(f"gap_seconds: {min(self.gap_seconds)} is below 0")
        faults += [
            f"{name}: {getattr(self, name)} is not within 0 to 1"
            for name in ("back_to_back", "rooms")
            if not 0 <= getattr(self, name) <= 1
        ]
        if self.margin_ms is not None and not self.margin_ms >= 0:  # nor nan
            faults.append(f"margin_ms: {self.margin_ms} is below 0")
        if not self.scene_seconds > 0:
            faults.append(f"scene_seconds: {self.scene_seconds} is not above 0")
        if not (self.clips or self.speech or self.least_seconds > 0):
            faults.append(
                "clips: expected clips, speech or least_seconds: without them the stream is empty"
            )
        if self.noise and self.speech_dbfs is None:
            faults.append("speech_dbfs: missing, the noise is measured against it")
        if faults:
            raise ValidationErrors(faults)
