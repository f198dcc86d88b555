"""``build``: the steps from recordings to a released model, in order, skipping those that are done.

Each step has ``inputs``, which decide whether it is done already, and ``run``, which returns the
paths that it made. A step finds what earlier ones made through their stamps and the `Workspace`.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kws_edge.errors import DataError
from kws_edge.files import write_atomically
from kws_edge.model.file import pack_model, read_model
from training.config import as_document, attribution_text
from training.evaluation.streams.evaluate import OperatingPoints, load_operating_points
from training.release.actions import evaluate_clips, evaluate_streams, fetch, tune_model
from training.release.model_config import MODEL_YAML
from training.release.release import CardText, ReleaseEvidence, release, with_operating_points
from training.release.workspace import Workspace, key_of, listing

RUN_FILES = ("config.yaml", "history.csv", "log.txt", "metrics.json", "network.weights.h5")
Paths = tuple[Path, ...]


@dataclass(frozen=True)
class Step:
    """One step; ``inputs`` are plain values for JSON."""

    name: str
    inputs: Callable[[Workspace], dict[str, Any]]
    run: Callable[[Workspace], Paths]


def _data_inputs(space: Workspace) -> dict[str, Any]:
    data_sets = space.plan.config.data
    return {"data": [as_document(one) for one in data_sets], "folder": str(space.data.resolve())}


def _data(space: Workspace) -> Paths:
    return tuple(fetch(space, data_set) for data_set in space.plan.config.data)


def _train_inputs(space: Workspace) -> dict[str, Any]:
    training = space.plan.training
    folders = [source.folder for source in training.data.sources]
    folders += [*training.data.noise, *training.data.speech]
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
