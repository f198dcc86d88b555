"""What the steps of a build do: fetch data sets, tune a model, evaluate it on clips and streams."""

import glob
import json
import shlex
import shutil
from pathlib import Path

from kws_edge.config.config import DetectorOverrides
from kws_edge.detection.detector import is_keyword
from kws_edge.errors import ConfigError, MissingFileError, ValidationErrors
from kws_edge.model.file import read_model
from training.data.clips import scan
from training.data.splits import split_clips
from training.evaluation.clip_report import evaluate, write_report
from training.evaluation.streams import evaluate as stream_evaluation
from training.evaluation.streams.compose import find_streams
from training.evaluation.tuning.tune import Target, tune
from training.evaluation.tuning.tuning_report import write_tuning
from training.release.model_config import DEFAULT_TARGET, DataSetConfig, TuningConfig
from training.release.workspace import Workspace

COMMANDS = ".made-by"  # a folder in the data folder: the command of each data set made here


def fetch(space: Workspace, data_set: DataSetConfig) -> Path:
    """The data set's path; runs its command only where nothing is there.

    What the command writes to ``{output}`` appears under its name when the command is done, so a
    kill leaves no half data set. Raises `ConfigError` where another command made what is there.
    """
    target = space.data / data_set.output
    record = space.data / COMMANDS / f"{str(data_set.output).replace('/', '+')}.txt"
    if target.exists():
        made_by = record.read_text().strip() if record.exists() else data_set.command
        if made_by != data_set.command:
            raise ConfigError(
                f"{target}: another command made it ({made_by}); remove it to make it again"
            )
        return target
    space.data.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.unlink(missing_ok=True)
    space.run(*_arguments(data_set.command, space.data, partial))
    if partial.exists():
        partial.rename(target)
    if not target.exists():
        raise MissingFileError(f"{target}: the command did not make it: {data_set.command}")
    record.parent.mkdir(exist_ok=True)
    record.write_text(data_set.command + "\n")
    return target


def _arguments(command: str, data: Path, output: Path) -> list[str]:
    """The words of ``command``, filled in after the split, so that paths may hold spaces; file
    patterns become the files that are there."""
    words = []
    for word in shlex.split(command):
        filled = word.replace("{data}", str(data)).replace("{output}", str(output))
        words += sorted(glob.glob(filled)) if glob.has_magic(word) else [filled]
    return words


def tune_model(space: Workspace, config: TuningConfig) -> None:
    """Choose the settings of ``config.targets`` and write the report to ``space.tuning``."""
    names = sorted(config.targets, key=lambda name: name != DEFAULT_TARGET)  # the default first
    targets = [
        Target(name, target.false_accepts_per_hour, target.spare_recall)
        for name, target in ((name, config.targets[name]) for name in names)
    ]
    tuning = tune(
        read_model(space.exported),
        find_streams(space.stream_paths(config.positives), labelled=True),
        find_streams(space.stream_paths(config.negatives)),
        targets,
        space.work / "posteriors",
    )
    write_tuning(tuning, space.tuning)


def evaluate_clips(space: Workspace) -> list[Path]:
    """A report of each set of clips, in a folder of its own."""
    labels = read_model(space.tuned).manifest.labels
    evaluation = space.plan.config.evaluation
    reports = []
    for one in evaluation.clips:
        data = space.data / one.folder
        present = [label for label in labels if is_keyword(label) or (data / label).is_dir()]
        clips = scan(data, [*present, *one.other])
        if one.part != "all":
            clips = list(split_clips(clips, "official").part(one.part))
        result = evaluate(space.tuned, clips, one.description, repetitions=evaluation.repetitions)
        report, *_ = write_report(result, space.evaluations / one.name)
        reports.append(report)
    return reports


def evaluate_streams(space: Workspace) -> list[Path]:
    """A report of each set of streams and preset. Raises `ConfigError` for unknown presets."""
    reports = []
    for one in space.plan.config.evaluation.streams:
        streams = find_streams(space.stream_paths(one.streams))
        for preset in one.presets:
            chosen = DetectorOverrides(preset=None if preset == DEFAULT_TARGET else preset)
            try:
                result = stream_evaluation.evaluate_streams(space.tuned, streams, chosen)
            except ValidationErrors as error:
                raise ConfigError(f"evaluation.streams: {one.name}: {error}") from error
            report = space.evaluations / f"{one.name}-{preset}.json"
            document = {**result, "data": one.description}
            report.write_text(json.dumps(document, indent=1) + "\n")
            reports.append(report)
    return reports
