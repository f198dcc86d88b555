"""``models/NAME/model.yaml``: everything that a released model is built from."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kws_edge.config.yaml_file import load
from kws_edge.errors import ConfigError, MissingFileError, ValidationErrors
from kws_edge.verifier import THRESHOLD
from training.config import Attribution, TrainingConfig
from training.evaluation.streams.evaluate import OperatingPoints
from training.evaluation.streams.stream_config import StreamConfig

MODEL_YAML = "model.yaml"
DEFAULT_TARGET = "default"
PACKAGE = Path(__file__).parents[1]  # `training`, with its configs/


@dataclass(frozen=True)
class DataSetConfig:
    """A folder or file below the data folder, and the command that makes it.

    ``command`` holds the arguments of ``python -m training``, with ``{data}`` for the data folder
    and ``{output}`` for ``output``; file patterns expand. It runs only where ``output`` is not
    there yet.
    """

    output: Path
    command: str


@dataclass(frozen=True)
class ExportConfig:
    """The form of the network in the model file.

    ``streaming``: the network keeps its states and processes only the new frames, ``chunk_ms`` of
    them in each call (null: about 80 ms).
    """

    quantization: Literal["float32", "float16", "dynamic", "int8"] = "int8"
    streaming: bool = False
    chunk_ms: float | None = None

    def __post_init__(self) -> None:
        if self.chunk_ms is not None and not self.streaming:
            raise ValidationErrors(["chunk_ms: is for streaming: true"])


@dataclass(frozen=True)
class TargetConfig:
    """The most false accepts per hour. Where the streams are too short for one false accept at
    this rate, ``spare_recall`` (0 to 1) of the keywords may be given up for a higher threshold."""

    false_accepts_per_hour: float
    spare_recall: float = 0.0

    def __post_init__(self) -> None:
        faults = []
        if not self.false_accepts_per_hour > 0:  # nor nan
            faults.append(f"false_accepts_per_hour: {self.false_accepts_per_hour} is not above 0")
        if not 0 <= self.spare_recall <= 1:
            faults.append(f"spare_recall: {self.spare_recall} is not within 0 to 1")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class TuningConfig:
    """Streams and targets of the detector settings.

    A stream is the name of one in ``streams``, or a file or folder below the data folder.
    ``targets``: the one named ``default`` is the model's own setting, the others are its presets.
    ``beside``: a model of the same words, as the one before, whose curve the picture shows as well.
    """

    positives: tuple[Path, ...]
    negatives: tuple[Path, ...]
    targets: dict[str, TargetConfig]
    beside: str | None = None

    def __post_init__(self) -> None:
        faults = [
            f"{name}: expected at least one stream"
            for name in ("positives", "negatives")
            if not getattr(self, name)
        ]
        if DEFAULT_TARGET not in self.targets:
            faults.append(f"targets.{DEFAULT_TARGET}: missing")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class ClipEvaluation:
    """Clips of ``folder`` (below the data folder), of one ``part`` of the official split.

    ``other``: labels that the model must not detect. ``description``: these clips, on the card.
    """

    name: str
    folder: Path
    description: str
    part: Literal["all", "training", "validation", "testing"] = "all"
    other: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreamEvaluation:
    """Streams, named as in `TuningConfig`; ``presets`` may name ``default``.

    ``verifier`` is a second model, bundled or a file, that confirms each detection from its score
    ``verifier_threshold`` on.
    """

    name: str
    streams: tuple[Path, ...]
    description: str
    presets: tuple[str, ...] = (DEFAULT_TARGET,)
    verifier: str | None = None
    verifier_threshold: float = THRESHOLD


@dataclass(frozen=True)
class EvaluationConfig:
    """The figures of manifest and card; ``repetitions`` of each latency measurement."""

    clips: tuple[ClipEvaluation, ...] = ()
    streams: tuple[StreamEvaluation, ...] = ()
    repetitions: int = 200

    def __post_init__(self) -> None:
        names = [*(one.name for one in self.clips), *(one.name for one in self.streams)]
        faults = [
            f"{name!r} is the name of two" for name in sorted(set(names)) if names.count(name) > 1
        ]
        faults += [f"{name!r} cannot name a file" for name in names if not name or "/" in name]
        if self.repetitions < 10:
            faults.append(f"repetitions: {self.repetitions} is below 10")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class ModelConfig:
    """The content of ``model.yaml``.

    ``description`` and ``limits`` (Markdown) go on the card. ``training`` and ``streams`` hold
    their configurations, or paths of YAML files, relative to ``model.yaml`` or else to the package
    ``training``. ``attribution`` replaces that of the training configuration.
    ``operating_points`` are fixed detector settings, for a model without ``tuning``; without both
    it keeps those of the training configuration.
    """

    description: str
    limits: str
    training: Path | TrainingConfig
    attribution: tuple[Attribution, ...] = ()
    data: tuple[DataSetConfig, ...] = ()
    export: ExportConfig = field(default_factory=ExportConfig)
    streams: tuple[Path | StreamConfig, ...] = ()
    tuning: TuningConfig | None = None
    operating_points: OperatingPoints | None = None
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        faults = [
            f"{name}: is empty, and the card needs it"
            for name in ("description", "limits")
            if not getattr(self, name).strip()
        ]
        if self.tuning and self.operating_points:
            faults.append("operating_points: excludes tuning, which chooses them")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class ModelPlan:
    """``model.yaml`` with the files that it names; ``name`` is that of its folder."""

    name: str
    folder: Path
    config: ModelConfig
    training: TrainingConfig
    streams: dict[str, StreamConfig]

    @property
    def attribution(self) -> tuple[Attribution, ...]:
        """The data sets that the card names."""
        return self.config.attribution or self.training.attribution


def load_model_plan(path: Path) -> ModelPlan:
    """The plan in ``path``, a folder with ``model.yaml`` or that file.

    Raises `MissingFileError`, and `ConfigError` with every fault of a file.
    """
    file = path / MODEL_YAML if path.is_dir() else path
    if not file.is_file():
        raise MissingFileError(f"{file}: no such file; expected a model's description")
    config = load(file, ModelConfig)
    folder = file.resolve().parent
    training = config.training
    if isinstance(training, Path):
        training = load(_find(training, folder), TrainingConfig)
    loaded = [
        load(_find(stream, folder), StreamConfig) if isinstance(stream, Path) else stream
        for stream in config.streams
    ]
    streams = {stream.name: stream for stream in loaded}
    if len(streams) < len(loaded):
        raise ConfigError(f"{file}: streams: two of them have the same name")
    plan = ModelPlan(folder.name, folder, config, training, streams)
    if not plan.attribution:
        raise ConfigError(f"{file}: attribution: missing; name the data sets that it learns from")
    return dataclasses.replace(
        plan, training=dataclasses.replace(training, attribution=plan.attribution)
    )


def _find(path: Path, folder: Path) -> Path:
    packaged = PACKAGE / path
    return packaged if packaged.exists() and not (folder / path).exists() else folder / path
