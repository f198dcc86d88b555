"""``build``: the steps from recordings to a released model, in order, skipping those that are done.

Each step has ``inputs``, which decide whether it is done already, and ``run``, which returns the
paths that it made. A step finds what earlier ones made through their stamps and the `Workspace`.
"""

import dataclasses
import glob
import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kws_edge.config.config import DetectorOverrides
from kws_edge.detection.detector import is_keyword
from kws_edge.errors import ConfigError, DataError, MissingFileError, ValidationErrors
from kws_edge.files import write_atomically
from kws_edge.model.file import find_model, pack_model, read_model
from kws_edge.verifier import Verification
from training.config import as_document, attribution_text
from training.data.clips import scan
from training.data.splits import split_clips
from training.evaluation.clip_report import evaluate, write_report
from training.evaluation.streams import evaluate as stream_evaluation
from training.evaluation.streams.compose import find_streams
from training.evaluation.streams.evaluate import OperatingPoints, load_operating_points
from training.evaluation.tuning.tune import Target, tune
from training.evaluation.tuning.tuning_report import write_tuning
from training.release.model_config import DEFAULT_TARGET, MODEL_YAML, DataSetConfig, TuningConfig
from training.release.release import CardText, ReleaseEvidence, release, with_operating_points
from training.release.workspace import Workspace, key_of, listing

RUN_FILES = ("config.yaml", "history.csv", "log.txt", "metrics.json", "network.weights.h5")
COMMANDS = ".made-by"  # a folder in the data folder: the command of each data set made here
Paths = tuple[Path, ...]


@dataclass(frozen=True)
class Step:
    """One step; ``inputs`` are plain values for JSON."""

    name: str
    inputs: Callable[[Workspace], dict[str, Any]]
    run: Callable[[Workspace], Paths]


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


def _data_inputs(space: Workspace) -> dict[str, Any]:
    data_sets = space.plan.config.data
    return {"data": [as_document(one) for one in data_sets], "folder": str(space.data.resolve())}


def _data(space: Workspace) -> Paths:
    return tuple(fetch(space, data_set) for data_set in space.plan.config.data)


def _train_inputs(space: Workspace) -> dict[str, Any]:
    training = space.plan.training
    folders = [source.folder for source in training.data.sources]
    folders += [*training.data.noise, *training.data.speech, *training.data.mined]
    # a corrected attribution needs no new training: the release writes it
    document = as_document(dataclasses.replace(training, attribution=()))
    return {
        "training": document,
        "recordings": {str(folder): listing(space.data / folder) for folder in folders},
    }


def _train(space: Workspace) -> Paths:
    config = space.work / "training.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(as_document(space.plan.training), sort_keys=False))
    output = space.work / "train"
    backend = space.training_backend or "tensorflow"
    run = space.run("train", config, "--data", space.data, "--output", output, backend=backend)
    return (Path(run),)


def _export_inputs(space: Workspace) -> dict[str, Any]:
    return {"train": space.stamps.need("train").id, "export": as_document(space.plan.config.export)}


def _export(space: Workspace) -> Paths:
    (run,) = space.stamps.need("train").outputs
    form = space.plan.config.export
    partial = space.work / "export" / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    streaming = ["--streaming"] if form.streaming else []
    streaming += ["--chunk-ms", str(form.chunk_ms)] if form.chunk_ms is not None else []
    where = ("--data", space.data, "--output", partial)
    space.run("export", run, "-q", form.quantization, *streaming, *where)
    (made,) = partial.glob("*.tflite")
    file = read_model(made)
    manifest = dataclasses.replace(file.manifest, name=space.plan.name)
    write_atomically(space.exported, pack_model(manifest, file.flatbuffer))
    shutil.rmtree(partial)
    return (space.exported,)


def _streams_inputs(space: Workspace) -> dict[str, Any]:
    streams = space.plan.streams.values()
    folders = {clips.folder for stream in streams for clips in stream.clips}
    folders |= {speech.folder for stream in streams for speech in stream.speech}
    folders |= {stream.noise.folder for stream in streams if stream.noise}
    return {
        "streams": [as_document(stream) for stream in streams],
        "recordings": {folder: listing(space.data / folder) for folder in sorted(folders)},
    }


def _streams(space: Workspace) -> Paths:
    from training.evaluation.streams.compose import compose, write_stream

    folder = space.work / "streams"
    return tuple(
        write_stream(compose(stream, space.data), name, folder)
        for name, stream in space.plan.streams.items()
    )


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
        beside=read_model(find_model(config.beside)) if config.beside else None,
    )
    write_tuning(tuning, space.tuning)


def _tune_inputs(space: Workspace) -> dict[str, Any]:
    config = space.plan.config
    names = (*config.tuning.positives, *config.tuning.negatives) if config.tuning else ()
    return {
        "export": space.stamps.need("export").id,
        "streams": space.stamps.need("streams").id if names else None,
        "tuning": as_document(config.tuning) if config.tuning else None,
        "points": as_document(config.operating_points) if config.operating_points else None,
        "recordings": {str(path): listing(path) for path in space.stream_paths(names)},
    }


def _tune(space: Workspace) -> Paths:
    config, manifest = space.plan.config, read_model(space.exported).manifest
    points = config.operating_points or OperatingPoints(manifest.detector, manifest.presets)
    made: Paths = (space.tuned,)
    if config.tuning:
        tune_model(space, config.tuning)
        points = load_operating_points(space.tuning / "detector.yaml")
        made = (space.tuned, space.tuning)
    with_operating_points(space.exported, points, space.tuned)
    return made


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
        second = Verification.load(one.verifier, one.verifier_threshold) if one.verifier else None
        for preset in one.presets:
            chosen = DetectorOverrides(preset=None if preset == DEFAULT_TARGET else preset)
            try:
                result = stream_evaluation.evaluate_streams(
                    space.tuned, streams, chosen, verification=second
                )
            except ValidationErrors as error:
                raise ConfigError(f"evaluation.streams: {one.name}: {error}") from error
            report = space.evaluations / f"{one.name}-{preset}.json"
            document = {**result, "data": one.description}
            report.write_text(json.dumps(document, indent=1) + "\n")
            reports.append(report)
    return reports


def _evaluate_inputs(space: Workspace) -> dict[str, Any]:
    evaluation = space.plan.config.evaluation
    paths = [space.data / one.folder for one in evaluation.clips]
    paths += [path for one in evaluation.streams for path in space.stream_paths(one.streams)]
    return {
        "tune": space.stamps.need("tune").id,
        "evaluation": as_document(evaluation),
        "recordings": {str(path): listing(path) for path in paths},
    }


def _evaluate(space: Workspace) -> Paths:
    shutil.rmtree(space.evaluations, ignore_errors=True)
    space.evaluations.mkdir(parents=True)
    clips = evaluate_clips(space)
    streams = evaluate_streams(space)
    document = {"clips": list(map(str, clips)), "streams": list(map(str, streams))}
    index = space.evaluations / "reports.json"
    index.write_text(json.dumps(document, indent=1) + "\n")
    return (index, *clips, *streams)


def _release_inputs(space: Workspace) -> dict[str, Any]:
    config = space.plan.config
    return {
        "tune": space.stamps.need("tune").id,
        "evaluate": space.stamps.need("evaluate").id,
        "text": [config.description, config.limits, attribution_text(space.plan.attribution)],
    }


def _release(space: Workspace) -> Paths:
    plan, (run,) = space.plan, space.stamps.need("train").outputs
    try:
        reports = json.loads((space.evaluations / "reports.json").read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{space.evaluations / 'reports.json'}: {error}") from error
    evidence = ReleaseEvidence(
        tuple(map(Path, reports["clips"])),
        tuple(map(Path, reports["streams"])),
        space.tuning if plan.config.tuning else None,
    )
    text = CardText(plan.config.description, plan.config.limits, MODEL_YAML)
    attribution = attribution_text(plan.attribution)
    model = release(
        space.tuned, plan.folder.parent, plan.name, evidence, text, attribution=attribution
    )
    kept = plan.folder / "run"
    kept.mkdir(exist_ok=True)
    for name in RUN_FILES:
        if (Path(run) / name).exists():
            shutil.copyfile(Path(run) / name, kept / name)
    return (model, kept)


STEPS = (
    Step("data", _data_inputs, _data),
    Step("train", _train_inputs, _train),
    Step("export", _export_inputs, _export),
    Step("streams", _streams_inputs, _streams),
    Step("tune", _tune_inputs, _tune),
    Step("evaluate", _evaluate_inputs, _evaluate),
    Step("release", _release_inputs, _release),
)
STEP_NAMES = tuple(step.name for step in STEPS)


Report = Callable[[str], None]


def build(
    space: Workspace,
    report: Report,
    first: str | None = None,
    last: str = STEP_NAMES[-1],
) -> None:
    """Run the steps up to ``last``; those before ``first`` must be done.

    A step is done where its stamp has the key of its present inputs and its outputs exist. With
    ``first``, that step and those after it run in any case, and those before it do not run.
    Code is no input: after a change of code, name the ``first`` step that it concerns.
    """
    begin = STEP_NAMES.index(first) if first else 0
    for step in STEPS[begin : STEP_NAMES.index(last) + 1]:
        key = key_of(step.inputs(space))
        stamp = space.stamps.read(step.name)
        if first is None and stamp and stamp.key == key:
            report(f"{step.name}: done before")
            continue
        report(f"{step.name}: runs")
        space.stamps.remove(step.name)
        outputs = step.run(space)
        space.stamps.write(step.name, key, outputs)
        report(f"{step.name}: {', '.join(map(str, outputs)) or 'nothing to do'}")
