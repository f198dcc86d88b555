"""Detector settings of a model: the default and its presets, read from YAML."""

from dataclasses import dataclass, field
from pathlib import Path

from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import read_yaml
from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ConfigError, ValidationErrors


@dataclass(frozen=True)
class OperatingPoints:
    """``detector`` applies unless the user asks for a preset."""

    detector: DetectorConfig
    presets: dict[str, DetectorConfig] = field(default_factory=dict)


def load_operating_points(path: Path) -> OperatingPoints:
    """Read YAML: ``detector`` and ``presets``, or the settings of one detector only.

    Raises `MissingFileError`, and `ConfigError` with every fault.
    """
    document = read_yaml(path)
    alone = not isinstance(document, dict) or not {"detector", "presets"} & set(document)
    try:
        return parse(OperatingPoints, {"detector": document} if alone else document)
    except ValidationErrors as error:
        faults = (fault.removeprefix("detector.") if alone else fault for fault in error.faults)
        raise ConfigError(f"{path}: {'; '.join(faults)}") from error
