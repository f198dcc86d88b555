"""What a training run is made of, read from YAML (training/configs/)."""

from dataclasses import dataclass, field
from typing import Literal

from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ValidationErrors
from kws_edge.features.front_end import FeatureConfig

ArchitectureName = Literal["lab_cnn", "ds_cnn", "bc_resnet", "tc_resnet", "ts_resnet"]
MINI_SPEECH_COMMANDS = ("down", "go", "left", "no", "right", "stop", "up", "yes")


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam whose learning rate falls linearly from the first step to the last."""

    initial_learning_rate: float = 0.01
    end_learning_rate: float = 1e-5
    batch_size: int = 20
    epochs: int = 10

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {getattr(self, name)} is not above 0"
            for name in ("initial_learning_rate", "end_learning_rate", "batch_size", "epochs")
            if getattr(self, name) <= 0
        ]
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class RunConfig:
    """One training run.

    ``split``: ``official`` (speaker hash), ``lists`` (a folder given with the command) or
    ``random``. A split in which a speaker or a recording is in two parts is refused unless
    ``allow_leaks`` says that this is known. ``test`` reads the testing part at the end.
    ``width`` sizes the architecture; None is its own default.
    """

    name: str
    features: FeatureConfig
    labels: tuple[str, ...] = MINI_SPEECH_COMMANDS
    split: Literal["official", "lists", "random"] = "official"
    allow_leaks: bool = False
    architecture: ArchitectureName = "lab_cnn"
    width: int | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    seed: int = 0
    test: bool = True

    def __post_init__(self) -> None:
        faults = []
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            faults.append("labels: expected at least two, each once")
        if not self.name or "/" in self.name:
            faults.append(f"name: {self.name!r} cannot name a file")
        if self.width is not None and self.width < 1:
            faults.append(f"width: {self.width} is not above 0")
        if faults:
            raise ValidationErrors(faults)
