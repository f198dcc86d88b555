"""The converted models of a study whose files are at hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import DataError, ModelError
from kws_edge.model.file import ModelFile, read_model
from training.study.results import (
    QUANTIZATIONS,
    Converted,
    converted_path,
    model_name,
    tflite_path,
)
from training.study.store import get
from training.study.trials import complete
from training.sweep.records import Record


@dataclass(frozen=True)
class StudyModel:
    """A trial's model file and what is known of it."""

    name: str
    record: Record
    converted: Converted
    file: ModelFile


def model_files(results: Path, models: Path) -> list[StudyModel]:
    """Raises `DataError` where there is none, and `ModelError` where a file is not the one
    that the results tell of.
    """
    found = list(_model_files(results, models))
    if not found:
        raise DataError(f"{models}: no converted model; make some: python -m training convert-all")
    return found


def _model_files(results: Path, models: Path) -> Iterator[StudyModel]:
    for record in complete(results):
        for quantization in QUANTIZATIONS:
            name = model_name(record.key, quantization)
            path, known = tflite_path(models, name), converted_path(results, name)
            if not (path.exists() and known.exists()):
                continue
            converted, file = get(known, Converted), read_model(path)
            if file.manifest.flatbuffer.sha256 != converted.sha256:
                raise ModelError(
                    f"{path}: is not the model that {known} tells of; remove it, and convert again"
                )
            yield StudyModel(name, record, converted, file)
