"""The columns after training: convert the networks of an experiment, evaluate and time them."""

import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_edge.errors import DataError, ModelError
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import read_model
from kws_edge.model.interpreter import CHOICE_VARIABLE, interpreter_name
from kws_edge.types import FloatArray
from training.config import MINI_SPEECH_COMMANDS, TrainingConfig
from training.data.clips import Clip, scan
from training.data.loading import features_of
from training.data.material import find_recordings
from training.evaluation.clip_report import posteriors_of
from training.experiments.executors import DataFolders, Job
from training.experiments.experiment import Trial
from training.experiments.results import Cell, ResultRow, Results, hexadecimal, load_experiment, now
from training.experiments.timing import Turns, measure_in_turn
from training.train.run import CALIBRATION, Run, git_commit, load_run

Say = Callable[[str], None]
LARGEST = re.compile(r"difference (?P<difference>\S+), .*\((?P<interpreter>[^()]*)\)")
CALIBRATION_WINDOWS = 600


def model_path(study: Path, row: ResultRow) -> Path:
    """The file of a converted model."""
    return study / "models" / f"{row['trial']}-{row['model']}.tflite"


def convert_study(study: Path, recordings: DataFolders, say: Say) -> None:
    """Convert every complete trial whose network is here, to the quantizations it lacks.

    Raises `ModelError` where a float32 model does not give the trained network's posteriors.
    """
    experiment, _ = load_experiment(study / "config.yaml")
    results = Results(study)
    broken = []
    with results.locked():
        trials = dict.fromkeys(row["trial"] for row in results if row["state"] == "complete")
        for key in trials:
            folder = study / "networks" / key
            rows = {row["model"]: row for row in results.of(key)}
            missing = [
                name
                for name in experiment.quantizations
                if name not in rows or not model_path(study, rows[name]).exists()
            ]
            if not missing or not folder.is_dir():
                continue
            for row in _converted(study, load_run(folder), results.of(key)[0], missing, recordings):
                results.put(row)
                differs = row["agrees"] == "false"
                say(
                    f"{key}-{row['model']}: {row.need('size_kb'):.0f} KB, validation"
                    f" {row.need('model_validation_accuracy'):.2%}{', DIFFERS' if differs else ''}"
                )
                if differs and row["model"] == "float32":
                    broken.append(key)
    if broken:
        raise ModelError(f"float32 models differ from the trained network: {', '.join(broken)}")


def _converted(
    study: Path, run: Run, row: ResultRow, quantizations: Sequence[str], recordings: DataFolders
) -> Iterator[ResultRow]:
    """The rows of a trial's models, from the row of the trial or of another of its models."""
    from training.export.convert import convert
    from training.export.verify import judge  # TensorFlow takes seconds

    config = run.config
    _keep_calibration(run, row, recordings)
    parts = find_recordings(config, recordings.data, recordings.split_lists)
    clips = sorted(parts.validation.named(), key=lambda clip: clip.key)
    features = features_of(clips, config.features)
    network = run.network()
    expected = np.asarray(network.predict(features[..., None], batch_size=64, verbose=0))
    targets = np.array([config.labels.index(clip.label) for clip in clips], np.int64)
    for name in quantizations:
        path = convert(run, name, parts.training.keywords, study / "models")
        posteriors = posteriors_of(Classifier.load(path), features)
        file = read_model(path)
        check = judge(file.manifest, interpreter_name(), expected, posteriors, targets)
        probe, interpreter, same = _elsewhere(path)
        yield _without_measurements(row).with_(
            model=name,
            sha256=file.manifest.flatbuffer.sha256,
            size_kb=file.size / 1024,
            difference=check.posterior_difference,
            probe_difference=probe,
            probe_interpreter=interpreter,
            agrees=check.passed and same,
            model_validation_accuracy=check.accuracy,
            **_answers("validation", posteriors, targets, clips),
            interpreter=interpreter_name(),
            convert_commit=git_commit()[:12],
            converted=now(),
        )


def _keep_calibration(run: Run, row: ResultRow, recordings: DataFolders) -> None:
    """Windows for the ranges of int8, where the training drew windows."""
    if run.config.plain_clips or (run.folder / CALIBRATION).exists():
        return
    from training.experiments.executors import prepared

    trial = Trial(row["trial"], row["group"], row["plan"], row["variant"], {}, 0)
    examples = prepared(Job(trial, run.config), recordings, lambda _: None)
    windows = examples.training.get(0).features[:CALIBRATION_WINDOWS]
    np.save(run.folder / CALIBRATION, np.asarray(windows, np.float32))


def _elsewhere(path: Path) -> tuple[float | None, str, bool]:
    """The manifest's probe in an interpreter that this process does not use, in its own."""
    from training.export.verify import available_interpreters

    for name in available_interpreters():
        if interpreter_name().startswith(name):
            continue
        result = subprocess.run(
            [sys.executable, "-m", "kws_edge", "check", "--model", str(path)],
            env={**os.environ, CHOICE_VARIABLE: name},
            capture_output=True,
            text=True,
            check=False,
        )
        found = LARGEST.search(result.stdout)
        if not found:
            lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
            raise ModelError(f"{path}: the runtime failed with {name}: {lines[-1]}")
        return float(found["difference"]), found["interpreter"], result.returncode == 0
    return None, "", True


def _answers(
    part: str, posteriors: FloatArray, targets: npt.NDArray[np.int64], clips: Sequence[Clip]
) -> dict[str, Cell]:
    """Which clips a model recognised, so that two models can be compared clip by clip."""
    return {
        f"{part}_clips": len(clips),
        f"{part}_clips_id": clips_id(clips),
        f"{part}_right": hexadecimal(posteriors.argmax(axis=1) == targets),
    }


def clips_id(clips: Sequence[Clip]) -> str:
    """12 hexadecimal digits for the names of clips, in order."""
    names = "".join(f"{clip.key}\n" for clip in clips)
    return hashlib.sha256(names.encode()).hexdigest()[:12]


def _without_measurements(row: ResultRow) -> ResultRow:
    """The row of a trial from that of one of its models."""
    measured = ("test", "time", "decision_", "features_", "model_m", "model_p")
    return ResultRow({name: v for name, v in row.cells.items() if not name.startswith(measured)})


def _model_rows(study: Path, results: Results) -> list[ResultRow]:
    """The rows whose model files are here.

    Raises `DataError` where there is none, `ModelError` for a file that is not the row's model.
    """
    rows = [row for row in results if row["size_kb"] and model_path(study, row).exists()]
    if not rows:
        raise DataError(f"{study}: no converted model; run: python -m training experiment convert")
    for row in rows:
        path = model_path(study, row)
        if read_model(path).manifest.flatbuffer.sha256 != row["sha256"]:
            raise ModelError(f"{path}: is not the model of the table; remove it and convert again")
    return rows


def evaluate_study(
    study: Path, data: Path, split_lists: Path | None, test_set: Path, say: Say
) -> None:
    """Evaluate every model that has not been on the test part, features once a front end."""
    results = Results(study)
    with results.locked():
        waiting = [r for r in _model_rows(study, results) if not r["test_accuracy"]]
        say(f"{len(waiting)} models to evaluate")
        configs = {
            row["trial"]: load_run(study / "networks" / row["trial"]).config for row in waiting
        }

        def front_end(row: ResultRow) -> str:
            config = configs[row["trial"]]
            sources = [(str(s.folder), s.split) for s in config.data.sources]
            return json.dumps([sources, config.labels, config.features.relevant()])

        for _, group in itertools.groupby(sorted(waiting, key=front_end), key=front_end):
            rows = list(group)
            config = configs[rows[0]["trial"]]
            clips, words = _test_clips(config, data, split_lists, test_set)
            features = features_of(clips, config.features)
            targets = np.array([config.labels.index(clip.label) for clip in clips], np.int64)
            for row in rows:
                posteriors = posteriors_of(Classifier.load(model_path(study, row)), features)
                accuracy = float(np.mean(posteriors.argmax(axis=1) == targets))
                answers = _answers("test", posteriors, targets, clips)
                results.put(
                    row.with_(
                        test_set=words,
                        test_accuracy=accuracy,
                        **answers,
                        test_commit=git_commit()[:12],
                        tested=now(),
                    )
                )
                say(f"{row['trial']}-{row['model']}: {accuracy:.2%} of {len(clips)} clips")


def _test_clips(
    config: TrainingConfig, data: Path, split_lists: Path | None, test_set: Path
) -> tuple[list[Clip], str]:
    """The clips, sorted by name, and in words what they are: the official test set where the
    training divided its clips by the speaker's hash, else the testing part.
    """
    if all(source.split in ("official", "training") for source in config.data.sources):
        words = config.data.words
        some = f"{len(words)} words, " if words == MINI_SPEECH_COMMANDS else ""
        return scan(test_set, words), f"official test set ({some}{test_set.name})"
    testing = find_recordings(config, data, split_lists).testing.named()
    return sorted(testing, key=lambda clip: clip.key), "testing part of the lists"


def time_study(study: Path, rounds: int, calls: int, say: Say) -> None:
    """Time all models that are here, in turn, in a process of its own."""
    results = Results(study)
    with results.locked():
        rows = _model_rows(study, results)
        paths = {f"{row['trial']}-{row['model']}": model_path(study, row) for row in rows}
        timings = measure_in_turn(Turns(paths, rounds, calls))
        about = {**timings.about, "time_commit": git_commit()[:12], "timed": now()}
        changed = []
        for row in rows:
            name = f"{row['trial']}-{row['model']}"
            changed.append(row.with_(**timings.models[name], **about))
            say(f"{name}: {timings.models[name]['decision_median_ms']:.3f} ms")
        results.put(*changed)
