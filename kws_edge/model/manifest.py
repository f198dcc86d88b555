"""What a model file says of itself: the schema of ``manifest.json``."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from kws_edge.config.schema import parse
from kws_edge.detection.detector import DetectorConfig, is_keyword
from kws_edge.errors import ValidationErrors
from kws_edge.features.front_end import FeatureConfig
from kws_edge.model.tensors import Streaming, TensorSpec

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Flatbuffer:
    """The network itself: the first ``size`` bytes of the file and their SHA-256."""

    size: int
    sha256: str
    quantization: Literal["float32", "float16", "dynamic", "int8"]


@dataclass(frozen=True)
class Probe:
    """Expected posteriors for the signal of `kws_edge.model.probe`, and how far off is allowed."""

    posteriors: tuple[float, ...]
    tolerance: float


@dataclass(frozen=True)
class Measurement:
    """One figure: what, how much, on how many clips of what data; interval of 95 %."""

    name: str
    value: float
    lower: float
    upper: float
    count: int
    data: str


@dataclass(frozen=True)
class Manifest:
    """All that the runtime needs to know of a model, and who made it from what.

    ``detector`` holds unless the user asks for one of ``presets``; a model may have none.
    ``input`` is a whole window of features, or one chunk where the model is ``streaming``.
    """

    schema_version: int
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
    streaming: Streaming | None = None

    def __post_init__(self) -> None:
        faults = []
        if self.schema_version != SCHEMA_VERSION:
            faults.append(
                f"schema_version: found {self.schema_version}, this program reads "
                f"{SCHEMA_VERSION}; update kws-edge or convert the model again"
            )
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
        """Raises `ValidationErrors` for anything missing, odd or unknown."""
        try:
            value = json.loads(text, object_pairs_hook=_no_duplicates)
        except (ValueError, RecursionError) as error:
            raise ValidationErrors([f"not JSON: {error}"]) from error
        return parse(cls, value)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one mapping")
    return result
