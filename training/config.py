"""TrainingConfig: everything that makes a trained network, read from YAML (training/configs/)."""

import copy
import dataclasses
import json
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kws_edge.config.schema import did_you_mean
from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ValidationErrors
from kws_edge.features.config import FeatureConfig
from training.data.augmentation.effects import AugmentationConfig, Range
from training.data.augmentation.spectral import Masks
from training.data.catalogue import SetConfig
from training.data.splits import Method
from training.data.windows import SILENCE, UNKNOWN
from training.data.windows.maker import WindowConfig
from training.networks.registry import ARCHITECTURES

NO_AUGMENTATION = AugmentationConfig(
    speed=0,
    gain_db=Range(0, 0),
    noise_share=0,
    room_share=0,
    rooms=0,
    tilt_share=0,
    narrow_share=0,
    codec_share=0,
    clip_share=0,
    masks=Masks(0, 0, 0, 0),
    mixup=0,
)
CONFIG = "config.yaml"  # in the folder of a run
MINI_SPEECH_COMMANDS = ("down", "go", "left", "no", "right", "stop", "up", "yes")


@dataclass(frozen=True)
class SourceConfig:
    """A folder of labels, each a folder of clips, relative to the command's ``--data``.

    ``split`` divides its clips into parts: ``official`` (speaker hash), ``lists`` (a folder of
    lists given with the command), ``random`` (80/10/10 by the seed), ``takes`` (every fifth take
    of a label is for validation: for the recordings of one person) or ``training`` (all of it).
    Training refuses a split with a speaker or a recording in two parts, unless ``allow_leaks``
    accepts that. The training clips count ``repeat`` times in an epoch.
    """

    folder: Path
    split: Method | Literal["takes", "training"] = "official"
    allow_leaks: bool = False
    repeat: int = 1

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise ValidationErrors([f"repeat: {self.repeat} is not above 0"])


@dataclass(frozen=True)
class DataConfig:
    """The recordings, all relative to the command's ``--data``.

    ``words`` are the labels that the network learns, in the order of its outputs. With windows,
    clips of all other labels in ``sources`` are unknown words; without, they are ignored.
    ``noise`` and ``speech`` are folders of background noise and of running speech without
    keywords, which only windows and augmentation use. ``mined`` are folders of stretches of such
    speech that a model took for a keyword (``python -m training mine``). ``sets`` come on top of
    ``sources``: of these no recording is taken twice, and none that is withheld.
    """

    sources: tuple[SourceConfig, ...]
    words: tuple[str, ...] = MINI_SPEECH_COMMANDS
    noise: tuple[Path, ...] = ()
    speech: tuple[Path, ...] = ()
    mined: tuple[Path, ...] = ()
    sets: tuple[SetConfig, ...] = ()

    def __post_init__(self) -> None:
        faults = []
        if not self.words or len(set(self.words)) != len(self.words):
            faults.append("words: expected at least one, each once")
        if not self.sources:
            faults.append("sources: expected at least one folder of labels")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class NetworkConfig:
    """An architecture of ``training/networks/registry.py`` and its width, in the unit that the
    architecture documents (null: the architecture's own default).

    ``frozen``: this many of the first convolutions of an architecture that begins pretrained stay
    as they came. They cost the most to train, and what they extract serves any word.
    """

    architecture: str = "tc_resnet"
    width: int | None = None
    frozen: int = 0

    def __post_init__(self) -> None:
        faults = []
        if self.architecture not in ARCHITECTURES:
            listed, hint = ", ".join(ARCHITECTURES), did_you_mean(self.architecture, ARCHITECTURES)
            faults.append(f"architecture: found {self.architecture!r}, expected {listed}{hint}")
        if self.width is not None and self.width < 1:
            faults.append(f"width: {self.width} is not above 0")
        if self.frozen < 0:
            faults.append(f"frozen: {self.frozen} is below 0")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam or AdamW, with a learning rate that decays from ``learning_rate`` at the end of the
    warm-up to ``end_learning_rate`` at the last step, linearly or as a cosine."""

    kind: Literal["adam", "adamw"] = "adamw"
    decay: Literal["linear", "cosine"] = "cosine"
    learning_rate: float = 2e-3
    end_learning_rate: float = 0.0
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        faults = []
        if not self.learning_rate > 0:  # nor nan, here and below
            faults.append(f"learning_rate: {self.learning_rate} is not above 0")
        if not 0 <= self.end_learning_rate <= self.learning_rate:
            faults.append(
                f"end_learning_rate: {self.end_learning_rate} is not within 0 to learning_rate"
            )
        if not self.weight_decay >= 0:
            faults.append(f"weight_decay: {self.weight_decay} is below 0")
        if self.kind == "adam" and self.weight_decay:
            faults.append("weight_decay: adam has none, set it to 0 (or kind to adamw)")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class ScheduleConfig:
    """The course of one training.

    The learning rate rises over ``warmup_epochs`` (cosine decay only). ``averaging`` is the
    momentum of the running mean of the weights, which is what the run keeps; 0 for none.
    ``passes`` different windows are drawn for each clip, kept and used in turn (null: new ones are
    drawn for every epoch and none are kept); clips without augmentation have one pass. ``seed``
    draws weights and order (null: the configuration's seed): another one trains another network
    on the same windows.
    """

    epochs: int = 60
    batch_size: int = 128
    warmup_epochs: float = 3
    averaging: float = 0.995
    label_smoothing: float = 0.05
    passes: int | None = 20
    seed: int | None = None

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {value} is not above 0"
            for name in ("epochs", "batch_size", "passes")
            if (value := getattr(self, name)) is not None and value <= 0
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
    """Networks whose mean posteriors are ``share`` of the training targets (Hinton et al. 2015,
    arXiv:1503.02531, at temperature 1).

    Either ``runs``, folders of trained runs with the same labels and window, relative to the
    working directory, each with features of its own, or a larger ``network``, trained first for
    ``epochs`` on the same windows.
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
        if self.epochs < 1:
            faults.append(f"epochs: {self.epochs} is not above 0")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class Attribution:
    """A data set that the training used, for the model's manifest and card."""

    name: str
    licence: str
    url: str = ""
    creator: str = ""

    def __str__(self) -> str:
        by = f" by {self.creator}" if self.creator else ""
        where = f" ({self.url})" if self.url else ""
        return f"{self.name}{by}{where}, licensed {self.licence}"


@dataclass(frozen=True)
class TrainingConfig:
    """One training, from recordings to weights.

    ``windows``: null trains on the clips as they are, one window each; otherwise windows are
    drawn as a stream shows them, and the labels ``_unknown_`` and ``_silence_`` come after the
    words. ``augmentation``: null for none. ``init_from``: a run whose weights the network
    starts with. ``detector`` goes into the model's manifest and does not affect training.
    """

    name: str
    features: FeatureConfig
    data: DataConfig
    windows: WindowConfig | None = None
    augmentation: AugmentationConfig | None = None
    network: NetworkConfig = field(default_factory=NetworkConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    teacher: TeacherConfig | None = None
    init_from: Path | None = None
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    attribution: tuple[Attribution, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        faults = []
        if not self.name or "/" in self.name:
            faults.append(f"name: {self.name!r} cannot name a file")
        if self.windows is None and len(self.data.words) < 2:
            faults.append("data.words: expected at least two, since there are no windows")
        if self.windows is not None:
            faults += [
                f"data.words: {word!r} starts with _, as labels that are no words do"
                for word in self.data.words
                if word.startswith("_")
            ]
        if self.optimizer.decay == "linear" and self.schedule.warmup_epochs:
            faults.append("schedule.warmup_epochs: only optimizer.decay cosine has a warm-up")
        teacher = self.teacher
        if teacher and teacher.network and teacher.epochs <= self.schedule.warmup_epochs:
            faults.append("teacher.epochs: expected more than schedule.warmup_epochs")
        if faults:
            raise ValidationErrors(faults)

    @property
    def labels(self) -> tuple[str, ...]:
        """The network's outputs: the words and, with windows, ``_unknown_`` and ``_silence_``."""
        return self.data.words if self.windows is None else (*self.data.words, UNKNOWN, SILENCE)

    @property
    def training_seed(self) -> int:
        """The seed of weights and order."""
        return self.seed if self.schedule.seed is None else self.schedule.seed

    @property
    def plain_clips(self) -> bool:
        """Whether the network trains on the clips as they are."""
        return self.windows is None and self.augmentation is None

    @property
    def effects(self) -> AugmentationConfig:
        """The augmentation, with every effect off where there is none."""
        return self.augmentation or NO_AUGMENTATION

    def with_network(self, network: NetworkConfig) -> "TrainingConfig":
        """The same training of another network."""
        return dataclasses.replace(self, network=network)


def attribution_text(data_sets: Sequence[Attribution]) -> str:
    """One sentence for a manifest: each data set with its creator, address and licence."""
    if not data_sets:
        return "The maker of this model names no data set."
    return f"Trained on {'; '.join(map(str, data_sets))}."


def as_document(config: object) -> dict[str, Any]:
    """What `kws_edge.config.schema.parse` makes the same configuration from."""
    document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config), default=str))  # type: ignore[call-overload]
    return document


def with_overrides(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``document`` (a TrainingConfig as YAML has it) with ``overrides`` applied.

    A key is a dotted path of field names; a list, such as ``data.sources``, is replaced as a
    whole. A section that ``document`` leaves out or sets to null is created. The values are not
    checked here: `kws_edge.config.schema.parse` does that for the result. Raises
    `ValidationErrors` that name every unknown key, with the nearest known one.
    """
    result = copy.deepcopy(dict(document))
    faults = [fault for key in overrides if (fault := _unknown_key(key))]
    if faults:
        raise ValidationErrors(faults)
    for key, value in overrides.items():
        *sections, last = key.split(".")
        section = result
        for name in sections:
            if not isinstance(section.get(name), dict):
                section[name] = {}
            section = section[name]
        section[last] = copy.deepcopy(value)
    return result


def _unknown_key(key: str) -> str | None:
    """What is wrong with a dotted ``key``; None for one that names a setting."""
    kind: Any = TrainingConfig
    path: list[str] = []
    for name in key.split("."):
        kind = _section(kind)
        if typing.get_origin(kind) is dict:
            kind = typing.get_args(kind)[1]
        elif not dataclasses.is_dataclass(kind):
            return f"{key}: {'.'.join(path)} has no settings of its own"
        else:
            hints = typing.get_type_hints(kind)
            if name not in hints:
                return f"{'.'.join([*path, name])}: unknown{did_you_mean(name, hints)}"
            kind = hints[name]
        path.append(name)
    return None


def _section(kind: Any) -> Any:
    """The dataclass or dictionary among the alternatives of a field's type."""
    for alternative in (kind, *typing.get_args(kind)):
        if dataclasses.is_dataclass(alternative) or typing.get_origin(alternative) is dict:
            return alternative if typing.get_origin(kind) is not tuple else kind
    return kind
