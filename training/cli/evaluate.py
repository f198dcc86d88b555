"""``evaluate``: a model file on clips, in streams and on recordings of your own."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from kws_edge.cli.options import PATH, model_option
from kws_edge.config.config import DetectorOverrides
from kws_edge.detection.detector import is_keyword
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.model.file import find_model, read_model
from kws_edge.verifier import THRESHOLD, Verification
from training.cli.options import FaultLog, data_option, split_lists_option
from training.data.clips import Clip, scan
from training.data.splits import PARTS, split_clips
from training.evaluation.recordings.samples import (
    BUNDLED_REFERENCE,
    Reference,
    load_reference,
    measure_reference,
    save_reference,
)


@click.group()
def command() -> None:
    """Evaluate a model file: on clips, on streams, or on recordings of your own."""


@command.command()
@click.argument("models", nargs=-1, required=True, type=PATH)
@data_option
@click.option(
    "--split",
    type=click.Choice(["official", "lists"]),
    default="official",
    help="How the clips are divided into parts.",
)
@split_lists_option
@click.option(
    "--part",
    type=click.Choice(["all", *PARTS]),
    default="all",
    help="The part of the data to evaluate.",
)
@click.option("--describe", help="The data in words, for the report.  [default: folder and part]")
@click.option(
    "--other", "others", multiple=True, help="A folder of words that the model must not detect."
)
@click.option(
    "--repetitions",
    type=click.IntRange(min=10),
    default=200,
    help="Repetitions of each latency measurement.",
)
@click.option("--output", type=PATH, default=Path("evaluations"), help="Folder for the reports.")
def clips(
    models: tuple[Path, ...],
    data: Path,
    split: str,
    split_lists: Path | None,
    part: str,
    describe: str | None,
    others: tuple[str, ...],
    repetitions: int,
    output: Path,
) -> int:
    """Evaluate MODELS on the clips of --data whose folders are the model's labels.

    For a model with labels that are no keywords, report its false accept rate on them too.

    Runs the runtime's code in its preferred interpreter, or in the one that
    KWS_EDGE_INTERPRETER names. Writes OUTPUT/<model>.json (accuracy with a 95 % interval,
    latency, size) and the confusion matrix as .csv and .png. It reports a clip that it cannot
    read and leaves it out; it then exits with the code of the last such fault.
    """
    from training.evaluation.clip_report import evaluate, write_report

    faults = FaultLog()
    for model in models:
        labels = read_model(model).manifest.labels
        found = [name for name in labels if is_keyword(name) or (data / name).is_dir()]
        spoken = scan(data, [*found, *others])
        if part != "all":
            chosen = split_clips(spoken, split, split_lists).part(part)  # type: ignore[arg-type]
            spoken = list(chosen)
        words = describe or f"{data.name}, {'all clips' if part == 'all' else part + ' part'}"
        result = evaluate(
            model, spoken, words, repetitions=repetitions, progress=_evaluating, report=faults
        )
        write_report(result, output)
        click.echo(_clips_line(result, words))
    return faults.exit_code


def _clips_line(result: dict[str, Any], words: str) -> str:
    latency = result["latency_ms"]
    return (
        f"{result['model']}: {result['accuracy']:.2%}"
        f" ({result['accuracy_lower']:.2%} to {result['accuracy_upper']:.2%}) of"
        f" {result['clips']} clips of {words}; {_rejection(result)}features"
        f" {latency['features']['median']:.2f} ms + model {latency['model']['median']:.2f} ms;"
        f" {result['size_kb']:.1f} KB; {result['interpreter']}"
    )


def _rejection(result: dict[str, Any]) -> str:
    if "false_accept_rate" not in result:
        return ""
    accepted = ", ".join(
        f"{label} {share['count']} of {share['clips']}"
        for label, share in result["false_accept_rate"].items()
    )
    closed = result["words_alone"]["share"]
    return f"among its words only {closed:.2%}; false accepts: {accepted or 'none tried'}; "


@command.command()
@click.argument("model")
@click.argument("streams", nargs=-1, required=True, type=PATH)
@click.option("--preset", help="A preset of the model, instead of its default settings.")
@click.option("--detector", type=PATH, help="Other detector settings (YAML), as 'tune' writes.")
@click.option("--verifier", help="A second model that confirms each detection.")
@click.option(
    "--verifier-threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=THRESHOLD,
    help="The verifier's score from which a detection counts.",
)
@click.option("--name", help="Name of the report.  [default: that of the first stream]")
@click.option("--describe", help="The streams in words, for a card.  [default: the report's name]")
@click.option("--output", type=PATH, default=Path("evaluations"), help="Folder for the report.")
def stream(
    model: str,
    streams: tuple[Path, ...],
    preset: str | None,
    detector: Path | None,
    verifier: str | None,
    verifier_threshold: float,
    name: str | None,
    describe: str | None,
    output: Path,
) -> None:
    """Run MODEL (a file, or the name of a bundled one) on STREAMS: sound files, and folders of
    them.

    The label track beside a file, <name>.labels.txt or <name>.txt, lists the spoken words and
    their times; a file without one must contain no keyword. Writes OUTPUT/<model>-<name>.json:
    recall, false accepts per hour, latency, each word, each error.
    """
    from training.evaluation.streams.compose import find_streams
    from training.evaluation.streams.evaluate import evaluate_streams, load_operating_points

    points = load_operating_points(detector) if detector else None
    verification = Verification.load(verifier, verifier_threshold) if verifier else None
    try:
        result = evaluate_streams(
            find_model(model),
            find_streams(streams),
            DetectorOverrides(preset=preset),
            points,
            verification,
        )
    except ValidationErrors as error:
        raise ConfigError(f"{detector or model}: {error}") from error
    name = name or streams[0].stem
    result["data"] = describe or name
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{result['model']}-{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    click.echo(f"{summary(result)}; {path}")


def summary(result: dict[str, Any]) -> str:
    """The figures in one line."""
    unlabelled = len(result["without_labels"])
    parts = [f"no label track beside {unlabelled} of {len(result['streams'])}"] * bool(unlabelled)
    if result["spoken"]:
        parts.append(
            f"recall {result['recall']:.1%} ({result['recall_lower']:.1%} to"
            f" {result['recall_upper']:.1%}) of {result['spoken']} keywords"
        )
    parts.append(
        f"{result['false_accepts']} false accepts in {result['hours']:.2f} h,"
        f" {result['false_accepts_per_hour']:.2f} per hour"
        f" ({result['false_accepts_per_hour_lower']:.2f} to"
        f" {result['false_accepts_per_hour_upper']:.2f})"
    )
    if latency := result["latency_ms"]:
        parts.append(f"latency {latency['median']:.0f} ms, p95 {latency['p95']:.0f} ms")
    return f"{result['model']}: " + "; ".join(parts)


@command.command()
@click.argument("folder", type=PATH)
@model_option
@click.option(
    "--reference",
    type=PATH,
    help="What to compare with: a folder of labels, whose validation clips are measured, or"
    " a file of 'evaluate reference'.  [default: that of Mini Speech Commands]",
)
@click.option(
    "--output",
    type=PATH,
    help="Folder for the verdict.  [default: evaluations/recordings-check-<name of FOLDER>]",
)
def recordings(folder: Path, model: str, reference: Path | None, output: Path | None) -> int:
    """Check the recordings in FOLDER/<label>/: how well MODEL recognises them, and what is
    unusual about them.

    Recordings may have any sample rate and channel count. The command writes
    OUTPUT/verdict.md, verdict.json and two pictures. It reports a file that it cannot read and
    continues; it then exits with the code of the last such fault.
    """
    from training.evaluation.recordings.verdict import check_recordings
    from training.evaluation.recordings.verdict_files import write_verdict

    faults = FaultLog()
    path, usual = find_model(model), _reference(reference)
    verdict = check_recordings(folder, path, usual, progress=_measuring, report=faults)
    target = output or Path("evaluations") / f"recordings-check-{folder.resolve().name}"
    written = write_verdict(verdict, target)
    click.echo(
        f"{verdict['model']}: {verdict['accuracy']:.1%} ({verdict['accuracy_lower']:.1%} to"
        f" {verdict['accuracy_upper']:.1%}) of {verdict['clips']} clips in {folder}"
    )
    for line in (verdict["conclusion"], *verdict["remedies"].values()):
        click.echo(line)
    click.echo(written[0])
    return faults.exit_code


def _reference(path: Path | None) -> Reference:
    if path and path.is_dir():
        return measure_reference(path, _measuring)
    return load_reference(path or BUNDLED_REFERENCE)


@command.command()
@data_option
@click.option(
    "--output",
    type=PATH,
    default=BUNDLED_REFERENCE,
    show_default="the one in use",
    help="File to write.",
)
def reference(data: Path, output: Path) -> None:
    """Measure the validation clips of --data, as 'evaluate recordings' does.

    Writes the percentiles of each measure: no audio and nothing about a speaker.
    """
    measured = measure_reference(data, _measuring)
    save_reference(measured, output)
    click.echo(f"{output}: {measured.clips} clips of {measured.data}")


def _evaluating(clips: Sequence[Clip]) -> Iterator[Clip]:
    yield from _with_bar(clips, "evaluating")


def _measuring(clips: Sequence[Clip]) -> Iterator[Clip]:
    yield from _with_bar(clips, "measuring")


def _with_bar(clips: Sequence[Clip], label: str) -> Iterator[Clip]:
    with click.progressbar(clips, label=label, file=sys.stderr, show_pos=True) as bar:
        yield from bar
