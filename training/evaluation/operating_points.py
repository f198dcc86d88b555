"""Detector settings for a model: one that holds, and presets by name."""

from dataclasses import dataclass, field
from pathlib import Path

from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import read_yaml
from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ConfigError, ValidationErrors


@dataclass(frozen=True)
class OperatingPoints:
    """``detector`` holds unless a preset is asked for."""

    detector: DetectorConfig
    presets: dict[str, DetectorConfig] = field(default_factory=dict)


def load_operating_points(path: Path) -> OperatingPoints:
    """From YAML: ``detector`` and ``presets``, or the settings of one detector alone.

    Raises `MissingFileError`, and `ConfigError` with every fault.
    """
    document = read_yaml(path)
    alone = not isinstance(document, dict) or not {"detector", "presets"} & set(document)
    try:
        return parse(OperatingPoints, {"detector": document} if alone else document)
    except ValidationErrors as error:
        faults = (fault.removeprefix("detector.") if alone else fault for fault in error.faults)
        raise ConfigError(f"{path}: {'; '.join(faults)}") from error
