"""The schema of ``manifest.json``, which describes the network of a model file and its tensors."""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kws_edge.boundary import JOINERS
from kws_edge.config.schema import described, find_bounds_faults, parse, setting, shortened
from kws_edge.detection.detector import DetectorConfig, is_keyword
from kws_edge.errors import ValidationErrors
from kws_edge.features.front_end import FeatureConfig
from kws_edge.types import FloatArray

MAX_TENSOR_VALUES = 2**24  # 64 MB of float32
MAX_TENSORS = 1000  # inputs, or outputs, of a network
SMALLEST_SCALE, LARGEST_SCALE = 1e-20, 1e20  # far within float32


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of the network; real value = scale * (stored - zero_point) where quantised.

    Raises `ValidationErrors` for sizes and scales that no keyword model has.
    """

    shape: tuple[int, ...] = field(
        metadata=described(doc="Sizes of the dimensions.", minimum=1, maximum=MAX_TENSOR_VALUES)
    )
    dtype: Literal["float32", "int8"]
    scale: float = setting(0.0, doc="Of one step.", minimum=0, maximum=LARGEST_SCALE)
    zero_point: int = setting(0, doc="The step that is 0.", minimum=-128, maximum=127)

    def __post_init__(self) -> None:
        faults = find_bounds_faults(self)
        if not self.shape or min(self.shape) < 1:
            faults.append(f"shape: {list(self.shape[:8])} is not a list of positive sizes")
        elif len(self.shape) > 8 or math.prod(self.shape) > MAX_TENSOR_VALUES:
            faults.append(f"shape: more than 8 dimensions or {MAX_TENSOR_VALUES} values")
        if self.dtype not in ("float32", "int8"):
            faults.append(f"dtype: {self.dtype} is neither float32 nor int8")
        if self.dtype == "int8" and not self.scale > 0:
            faults.append(f"scale: {self.scale} is not above 0, as int8 needs")
        elif self.dtype == "int8" and self.scale < SMALLEST_SCALE:
            faults.append(f"scale: {self.scale:g} is below {SMALLEST_SCALE:g}")
        if faults:
            raise ValidationErrors(faults)

    def store(self, values: FloatArray) -> npt.NDArray[Any]:
        """``values`` as the tensor holds them, rounded and clipped where it is quantised."""
        if self.dtype == "float32":
            return values
        stored = values / np.float32(self.scale)
        np.rint(stored, out=stored)
        stored += np.float32(self.zero_point)
        np.minimum(stored, 127, out=stored)  # np.clip takes three times as long
        np.maximum(stored, -128, out=stored)
        return stored.astype(np.int8)

    def real(self, stored: npt.NDArray[Any]) -> FloatArray:
        """The values that ``stored`` stands for: float32."""
        if self.dtype == "float32":
            return np.array(stored, np.float32)
        return (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


def _number(doc: str) -> dict[str, Any]:
    return described(doc=doc, minimum=0, maximum=MAX_TENSORS)


@dataclass(frozen=True)
class State:
    """What the network's output number ``output`` gives, its input number ``input`` takes next.

    Numbers count from 0 in the order in which an interpreter lists them; both tensors are as
    ``spec`` says, so that nothing is quantised again between calls.
    """

    input: int = field(metadata=_number("Of the input."))
    output: int = field(metadata=_number("Of the output."))
    spec: TensorSpec


@dataclass(frozen=True)
class StreamingTensors:
    """A network that takes ``chunk_frames`` new frames in each call and keeps states.

    ``input`` and ``output`` are the numbers of the features and of the posteriors.
    """

    chunk_frames: int = field(
        metadata=described(
            doc="Frames in a call.", unit="frames", minimum=1, maximum=MAX_TENSOR_VALUES
        )
    )
    input: int = field(metadata=_number("Of the features."))
    output: int = field(metadata=_number("Of the posteriors."))
    states: tuple[State, ...]

    def __post_init__(self) -> None:
        faults = find_bounds_faults(self)
        for name in ("input", "output"):
            numbers = [getattr(self, name), *(getattr(state, name) for state in self.states)]
            if sorted(numbers) != list(range(len(numbers))):
                faults.append(
                    f"{name}: the numbers {numbers} with those of the states are not"
                    f" 0 to {len(numbers) - 1}, each once"
                )
        if faults:
            raise ValidationErrors(faults)


def tensor_spec(detail: dict[str, Any]) -> TensorSpec:
    """The specification of a tensor as an interpreter describes it.

    Raises `ValidationErrors` for a tensor that no `TensorSpec` can describe.
    """
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    dtype = np.dtype(detail["dtype"]).name
    return TensorSpec(shape, dtype, float(scale), int(zero_point))  # type: ignore[arg-type]


SCHEMA_VERSION = 1

# Manifests come from anywhere, and lists, logs, terminals and protocols show their texts.
MAX_LABELS = 1000
MAX_FIGURE = 10**12
MAX_NETWORK_BYTES = 64 * 2**20
MAX_LABEL_CHARACTERS = 100
MAX_TEXT_CHARACTERS = 10_000


@dataclass(frozen=True)
class Flatbuffer:
    """The network itself: the first ``size`` bytes of the file and their SHA-256."""

    size: int = field(
        metadata=described(
            doc="Of the network.", unit="bytes", minimum=0, maximum=MAX_NETWORK_BYTES
        )
    )
    sha256: str
    quantization: Literal["float32", "float16", "dynamic", "int8"]


@dataclass(frozen=True)
class Probe:
    """Expected posteriors for the signal of `kws_edge.model.probe`, and how far off is allowed."""

    posteriors: tuple[float, ...] = field(
        metadata=described(doc="By label.", minimum=-0.001, maximum=1.001)
    )
    tolerance: float = field(metadata=described(doc="Of each posterior.", minimum=0, maximum=1))


def _figure(doc: str) -> dict[str, Any]:
    return described(doc=doc, minimum=-MAX_FIGURE, maximum=MAX_FIGURE)


@dataclass(frozen=True)
class Measurement:
    """One figure: what, how much, on how many clips of what data; interval of 95 %."""

    name: str
    value: float = field(metadata=_figure("What was measured."))
    lower: float = field(metadata=_figure("Lower end of the interval."))
    upper: float = field(metadata=_figure("Upper end of the interval."))
    count: int = field(
        metadata=described(doc="How many clips.", unit="clips", minimum=0, maximum=MAX_FIGURE)
    )
    data: str


@dataclass(frozen=True)
class Manifest:
    """All that the runtime needs to know of a model, and who made it from what.

    ``detector`` holds unless the user asks for one of ``presets``; a model may have none.
    ``input`` is a whole window of features, or one chunk where the model is ``streaming``.
    Raises `ValidationErrors` with every fault.
    """

    schema_version: int = field(
        metadata=described(doc="Of this schema.", minimum=0, maximum=MAX_FIGURE)
    )
    name: str
    run_id: str
    git_commit: str
    created: str
    labels: tuple[str, ...]
    features: FeatureConfig
    input: TensorSpec
    output: TensorSpec
    flatbuffer: Flatbuffer
    detector: DetectorConfig
    probe: Probe
    metrics: tuple[Measurement, ...]
    attribution: str
    presets: dict[str, DetectorConfig] = field(default_factory=dict)
    streaming: StreamingTensors | None = None

    def __post_init__(self) -> None:
        faults = []
        if self.schema_version != SCHEMA_VERSION:
            faults.append(_other_version(self.schema_version))
        faults += self._text_faults()
        if len(set(self.labels)) != len(self.labels) or not any(map(is_keyword, self.labels)):
            faults.append("labels: expected different labels, at least one of them a keyword")
        faults += self._input_faults()
        if self.output.shape != (1, len(self.labels)):
            faults.append(
                f"output.shape: found {list(self.output.shape)} for {len(self.labels)} labels"
            )
        if len(self.probe.posteriors) != len(self.labels):
            faults.append(
                f"probe.posteriors: found {len(self.probe.posteriors)} for "
                f"{len(self.labels)} labels"
            )
        settings = {f"presets.{name}": preset for name, preset in self.presets.items()}
        for where, detector in {"detector": self.detector, **settings}.items():
            for name in sorted(set(detector.thresholds) - set(self.keywords)):
                faults.append(f"{where}.thresholds.{name}: no such keyword")
        if faults:
            raise ValidationErrors(faults)

    def _text_faults(self) -> list[str]:
        faults = []
        if len(self.labels) > MAX_LABELS:
            faults.append(f"labels: {len(self.labels)} are more than {MAX_LABELS}")
        for index, label in enumerate(self.labels[:MAX_LABELS]):
            if not label.strip():
                faults.append(f"labels[{index}]: is empty")
            faults += _text_fault(f"labels[{index}]", label, MAX_LABEL_CHARACTERS)
        for name in ("name", "run_id", "git_commit", "created", "attribution"):
            faults += _text_fault(name, getattr(self, name), MAX_TEXT_CHARACTERS)
        for index, figure in enumerate(self.metrics):
            for name in ("name", "data"):
                text = getattr(figure, name)
                faults += _text_fault(f"metrics[{index}].{name}", text, MAX_TEXT_CHARACTERS)
        for name in self.presets:
            faults += _text_fault("presets", name, MAX_LABEL_CHARACTERS)
        return faults

    def _input_faults(self) -> list[str]:
        frames, width = self.features.shape
        seen = self.streaming.chunk_frames if self.streaming else frames
        faults = []
        if seen > frames:
            faults.append(f"streaming.chunk_frames: {seen} are more than the window's {frames}")
        expected = (1, seen, width, 1)
        if self.input.shape != expected:
            faults.append(
                f"input.shape: found {list(self.input.shape)}, the features give {list(expected)}"
            )
        return faults

    @property
    def keywords(self) -> tuple[str, ...]:
        """The labels that are words to spot."""
        return tuple(filter(is_keyword, self.labels))

    def to_json(self) -> str:
        document = dataclasses.asdict(self)
        # what is not there is left out: programs from before there was such a field read it too
        if not self.presets:
            del document["presets"]
        if self.streaming is None:
            del document["streaming"]
        return json.dumps(document, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Manifest":
        """Raises `ValidationErrors` for anything missing, out of range or unknown."""
        try:
            value = json.loads(text, object_pairs_hook=_no_duplicates)
        except (ValueError, RecursionError) as error:
            raise ValidationErrors([f"not JSON: {error}"]) from error
        version = value.get("schema_version") if isinstance(value, dict) else None
        if type(version) is int and version != SCHEMA_VERSION:
            # its other fields cannot be judged: a newer version may have new ones
            raise ValidationErrors([_other_version(version)])
        return parse(cls, value)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one mapping")
    return result


def _other_version(found: int) -> str:
    reason = (
        "made for a newer version of kws-edge: update it"
        if found > SCHEMA_VERSION
        else "convert the model again"
    )
    return (
        f"schema_version: found {shortened(found)}, this program reads {SCHEMA_VERSION}; {reason}"
    )


def _text_fault(where: str, text: str, longest: int) -> list[str]:
    if len(text) > longest:
        return [f"{where}: {len(text)} characters are more than {longest}"]
    odd = [c for c in text if not c.isprintable() and c not in JOINERS]
    if not odd:
        return []
    return [f"{where}: {text[:40]!r} holds U+{ord(odd[0]):04X}, which cannot be printed"]
