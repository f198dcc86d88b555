"""A recipe: all that makes a model, read from YAML (training/recipes/)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ValidationErrors
from kws_edge.features.front_end import FeatureConfig
from training.config import MINI_SPEECH_COMMANDS, ArchitectureName, RunConfig
from training.data.augmentation.config import AugmentationConfig
from training.data.windows import SILENCE, UNKNOWN
from training.data.windows.maker import WindowConfig


@dataclass(frozen=True)
class Source:
    """A folder of labels, each a folder of clips; those that are no keyword are unknown words.

    ``split``: ``official`` (speaker hash), ``lists`` (a folder given with the command),
    ``takes`` (every fifth take of a label is for validation: for the recordings of one
    person), or ``training`` (all of it). Its clips count ``repeat`` times in an epoch.
    """

    folder: Path
    split: Literal["official", "lists", "takes", "training"] = "official"
    repeat: int = 1

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise ValidationErrors([f"repeat: {self.repeat} is not above 0"])


@dataclass(frozen=True)
class NetworkConfig:
    """An architecture and its width (none: the architecture's own)."""

    architecture: ArchitectureName = "tc_resnet"
    width: int | None = None


@dataclass(frozen=True)
class Schedule:
    """AdamW whose rate rises over ``warmup_epochs`` and falls as a cosine to 0.

    ``averaging``: momentum of the running mean of the weights, which is what is kept; 0 for
    none. ``passes`` different windows are drawn of each clip and used in turn. ``seed`` is for
    weights and order (none: the recipe's): with another one a network learns from the same
    windows.
    """

    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 2e-3
    warmup_epochs: float = 3
    weight_decay: float = 1e-4
    label_smoothing: float = 0.05
    averaging: float = 0.995
    passes: int = 20
    seed: int | None = None

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {getattr(self, name)} is not above 0"
            for name in ("epochs", "batch_size", "learning_rate", "passes")
            if getattr(self, name) <= 0
        ]
        faults += [
            f"{name}: {getattr(self, name)} is not within 0 to below 1"
            for name in ("label_smoothing", "averaging")
            if not 0 <= getattr(self, name) < 1
        ]
        if not 0 <= self.warmup_epochs < self.epochs:
            faults.append(f"warmup_epochs: {self.warmup_epochs} is not within 0 to below epochs")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class TeacherConfig:
    """Networks whose posteriors (their mean) are ``share`` of what the model learns from
    (Hinton et al. 2015, arXiv:1503.02531, at temperature 1).

    Either ``runs``, folders of recipes' runs with the same features and labels, relative to
    where the command is given, or a larger ``network``, trained first on the same windows.
    """

    network: NetworkConfig | None = None
    epochs: int = 60
    runs: tuple[Path, ...] = ()
    share: float = 0.7

    def __post_init__(self) -> None:
        faults = []
        if (self.network is None) == (not self.runs):
            faults.append("network, runs: expected one of them")
        if not 0 < self.share <= 1:
            faults.append(f"share: {self.share} is not within 0 to 1")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class Recipe:
    """Folders are relative to the command's ``--data``."""

    name: str
    features: FeatureConfig
    sources: tuple[Source, ...]
    noise: tuple[Path, ...] = ()
    speech: tuple[Path, ...] = ()
    words: tuple[str, ...] = MINI_SPEECH_COMMANDS
    network: NetworkConfig = field(default_factory=NetworkConfig)
    teacher: TeacherConfig | None = None
    windows: WindowConfig = field(default_factory=WindowConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    schedule: Schedule = field(default_factory=Schedule)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        faults = []
        if not self.words or len(set(self.words)) != len(self.words):
            faults.append("words: expected at least one, each once")
        faults += [
            f"words: {word!r} starts with _, as labels that are no words do"
            for word in self.words
            if word.startswith("_")
        ]
        if not self.sources:
            faults.append("sources: expected at least one folder of labels")
        if not self.name or "/" in self.name:
            faults.append(f"name: {self.name!r} cannot name a file")
        if faults:
            raise ValidationErrors(faults)

    @property
    def labels(self) -> tuple[str, ...]:
        """The words, then ``_unknown_`` and ``_silence_``."""
        return (*self.words, UNKNOWN, SILENCE)

    def run(self, network: NetworkConfig | None = None) -> RunConfig:
        """What ``convert`` and the others need to know of the network, or of another one."""
        network = network or self.network
        return RunConfig(
            name=self.name,
            features=self.features,
            labels=self.labels,
            architecture=network.architecture,
            width=network.width,
            detector=self.detector,
            seed=self.seed,
        )
