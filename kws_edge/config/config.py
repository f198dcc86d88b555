"""The configuration of the daemon: YAML into nested frozen dataclasses."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ValidationErrors


@dataclass(frozen=True)
class MicrophoneConfig:
    """``device``: index, name or part of a name; none is the system's default.

    ``channel`` counts from 0, ``mix`` averages all. A stream of nothing but zeros or one
    constant for ``silence_seconds`` is reported.
    """

    device: int | str | None = None
    channel: int | Literal["mix"] = "mix"
    queue_seconds: float = 5.0
    silence_seconds: float = 10.0

    def __post_init__(self) -> None:
        _positive(self, "queue_seconds", "silence_seconds")


@dataclass(frozen=True)
class DetectorOverrides:
    """What replaces the model's own detector settings; see `DetectorConfig`.

    ``preset`` is the name of other settings that the model has; the rest is applied on top.
    """

    preset: str | None = None
    threshold: float | None = None
    thresholds: dict[str, float] | None = None
    smoothing_ms: float | None = None
    refractory_ms: float | None = None
    hop_ms: float | None = None
    gate_dbfs: float | Literal["off"] | None = None
    repeat_ms: float | Literal["off"] | None = None

    def applied_to(
        self, base: DetectorConfig, presets: Mapping[str, DetectorConfig]
    ) -> DetectorConfig:
        """Raises `ValidationErrors`. One threshold replaces all thresholds by word."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if (preset := given.pop("preset", None)) is not None:
            if preset not in presets:
                raise ValidationErrors(
                    [
                        f"preset: the model has no {preset!r}"
                        f" ({', '.join(presets) or 'it has no presets'})"
                    ]
                )
            base = presets[preset]
        if "threshold" in given:
            given.setdefault("thresholds", {})
        return dataclasses.replace(base, **given)


@dataclass(frozen=True)
class CommandConfig:
    """A program run for each detection, by its argument list, never through a shell.

    ``keywords``: for these alone; none means all. ``concurrency`` runs at a time, each
    ended with its process group after ``timeout_seconds``.
    """

    run: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    timeout_seconds: float = 10.0
    concurrency: int = 1
    queue: int = 100

    def __post_init__(self) -> None:
        _positive(self, "timeout_seconds", "concurrency", "queue")
        if not self.run or not self.run[0]:
            raise ValidationErrors(["run: names no program"])


@dataclass(frozen=True)
class MqttConfig:
    """An MQTT broker. ``password_file`` holds ``user:password`` in one line and must be
    closed to others; ``tls`` uses the system's authorities, or ``ca_file`` alone.

    ``discovery`` announces the keywords to Home Assistant below that prefix; empty: not at
    all. ``keep`` events wait while the broker is away, the newest ones.
    """

    host: str
    port: int = 0  # 1883, or 8883 with TLS
    topic: str = "kws-edge"
    client_id: str = ""
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    discovery: str = "homeassistant"
    keep: int = 100
    queue: int = 100

    def __post_init__(self) -> None:
        _positive(self, "keep", "queue")
        faults = []
        if not 0 <= self.port <= 65535:
            faults.append(f"port: {self.port} is no port")
        if not self.topic or set(self.topic) & set("#+\0"):
            faults.append(f"topic: {self.topic!r} cannot be published to")
        if self.ca_file and not self.tls:
            faults.append("ca_file: has no meaning without tls: true")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class MetricsConfig:
    """Where Prometheus may fetch figures; loopback unless told otherwise."""

    host: str = "127.0.0.1"
    port: int = 9754

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValidationErrors([f"port: {self.port} is no port"])


@dataclass(frozen=True)
class ClipsConfig:
    """WAV files of what was heard around detections, and around near misses: smoothed
    posteriors of at least ``near_miss`` of the threshold (0: none are kept).

    The oldest go when there are more than ``max_files`` or ``max_megabytes``.
    """

    folder: Path
    seconds: float = 2.0
    near_miss: float = 0.0
    max_files: int = 1000
    max_megabytes: float = 100.0
    queue: int = 20

    def __post_init__(self) -> None:
        _positive(self, "seconds", "max_files", "max_megabytes", "queue")
        if not 0 <= self.near_miss < 1:
            raise ValidationErrors([f"near_miss: {self.near_miss} is not within 0 to below 1"])


@dataclass(frozen=True)
class Config:
    """All of it; what is left out has the value shown by ``kws-edge config show``."""

    model: str = "default"
    threads: int = 1
    microphone: MicrophoneConfig = field(default_factory=MicrophoneConfig)
    detector: DetectorOverrides = field(default_factory=DetectorOverrides)
    commands: tuple[CommandConfig, ...] = ()
    mqtt: MqttConfig | None = None
    metrics: MetricsConfig | None = None
    triggers: ClipsConfig | None = None

    def __post_init__(self) -> None:
        _positive(self, "threads")


def needs_restart(started: Config, config: Config) -> list[str]:
    """What of ``config`` a reload cannot bring to a daemon that was ``started`` otherwise."""
    names = [
        name
        for name in ("model", "threads", "microphone")
        if getattr(config, name) != getattr(started, name)
    ]
    # how much audio is kept for triggers, and whether near misses are looked for
    if config.triggers and (
        started.triggers is None
        or config.triggers.seconds != started.triggers.seconds
        or config.triggers.near_miss != started.triggers.near_miss
    ):
        names.append("triggers")
    return names


def _positive(settings: object, *names: str) -> None:
    faults = [
        f"{name}: {value} is not above 0"
        for name in names
        if (value := getattr(settings, name)) <= 0
    ]
    if faults:
        raise ValidationErrors(faults)
