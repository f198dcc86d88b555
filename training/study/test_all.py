"""Every converted model on the test part, through the runtime's own code."""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws_edge.model.classifier import Classifier
from kws_edge.model.interpreter import interpreter_name
from kws_edge.types import FloatArray
from training.config import MINI_SPEECH_COMMANDS
from training.data.clips import Clip, scan
from training.data.loading import features_of
from training.data.splits import split_clips
from training.evaluation.predict import posteriors_of
from training.study.files import StudyModel
from training.study.outcome import outcome_of
from training.study.results import Tested, tested_path
from training.study.store import get, put
from training.sweep.records import now
from training.train.provenance import git_commit


@dataclass(frozen=True)
class TestParts:
    """Which clips test a model, by how its run divided the data.

    The official split has a test set of its own, the folder ``official``; given lists have
    their testing part, of the clips in ``data``.
    """

    __test__ = False  # not a test, whatever pytest thinks of the name

    official: Path
    data: Path
    split_lists: Path | None

    def clips(self, model: StudyModel) -> tuple[list[Clip], str] | None:
        """The clips, sorted by name, and in words what they are; None without the lists."""
        labels = model.file.manifest.labels
        if model.record.config["split"] == "official":
            some = f"{len(labels)} words, " if labels == MINI_SPEECH_COMMANDS else ""
            return scan(self.official, labels), f"official test set ({some}{self.official.name})"
        if self.split_lists is None:
            return None
        testing = split_clips(scan(self.data, labels), "lists", self.split_lists).testing
        return sorted(testing, key=lambda clip: clip.key), "testing part of the lists"


def untested(results: Path, models: Sequence[StudyModel]) -> list[StudyModel]:
    """Those of which no result, or another model's, is there; by front end."""

    def waits(model: StudyModel) -> bool:
        path = tested_path(results, model.name)
        return not path.exists() or get(path, Tested).sha256 != model.converted.sha256

    return sorted(filter(waits, models), key=_part_and_front_end)


def test_all(
    results: Path, models: Sequence[StudyModel], parts: TestParts
) -> Iterator[tuple[StudyModel, Tested | None]]:
    """Test those that `untested` gives; features are computed once a front end.

    None where the clips of a model are not given.
    """
    for _, group in itertools.groupby(models, key=_part_and_front_end):
        same = list(group)
        found = parts.clips(same[0])
        if found is None:
            yield from ((model, None) for model in same)
            continue
        clips, words = found
        features = features_of(clips, same[0].file.manifest.features)
        for model in same:
            tested = _test(model, features, clips, words)
            put(tested_path(results, model.name), tested)
            yield model, tested


def _test(model: StudyModel, features: FloatArray, clips: Sequence[Clip], words: str) -> Tested:
    heard = posteriors_of(Classifier(model.file), features).argmax(axis=1)
    return Tested(
        key=model.record.key,
        quantization=model.converted.quantization,
        sha256=model.converted.sha256,
        test=outcome_of(heard, clips, model.file.manifest.labels, words),
        interpreter=interpreter_name(),
        git_commit=git_commit(),
        finished=now(),
    )


def _part_and_front_end(model: StudyModel) -> str:
    manifest = model.file.manifest
    return json.dumps([model.record.config["split"], manifest.labels, manifest.features.relevant()])
