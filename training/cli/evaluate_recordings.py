"""``evaluate recordings``: recorded samples through a model, and a verdict on them."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH, model_option
from kws_edge.errors import KwsEdgeError
from kws_edge.model.bundled import find_model
from training.cli.evaluate_reference import with_progress
from training.evaluation.recordings.samples import (
    BUNDLED_REFERENCE,
    Reference,
    load_reference,
    measure_reference,
)


@click.command()
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
    help="Where the verdict goes.  [default: evaluations/recordings-check-<name of FOLDER>]",
)
def command(folder: Path, model: str, reference: Path | None, output: Path | None) -> int:
    """Check the recordings in FOLDER/<label>/: how well MODEL recognises them, and what is
    unusual about them.

    Recordings may have any sample rate and channel count. The command writes
    OUTPUT/verdict.md, verdict.json and two pictures. It reports a file that it cannot read and
    continues; it then exits with the code of the last such fault.
    """
    from training.evaluation.recordings.verdict import check_recordings
    from training.evaluation.recordings.verdict_files import write_verdict

    faults: list[KwsEdgeError] = []

    def report(error: KwsEdgeError) -> None:
        faults.append(error)
        click.echo(f"python -m training: {error}", err=True)

    path, usual = find_model(model), _reference(reference)
    verdict = check_recordings(folder, path, usual, progress=with_progress, report=report)
    target = output or Path("evaluations") / f"recordings-check-{folder.resolve().name}"
    written = write_verdict(verdict, target)
    click.echo(
        f"{verdict['model']}: {verdict['accuracy']:.1%} ({verdict['accuracy_lower']:.1%} to"
        f" {verdict['accuracy_upper']:.1%}) of {verdict['clips']} clips in {folder}"
    )
    for line in (verdict["conclusion"], *verdict["remedies"].values()):
        click.echo(line)
    click.echo(written[0])
    return faults[-1].exit_code if faults else 0


def _reference(path: Path | None) -> Reference:
    if path and path.is_dir():
        return measure_reference(path, with_progress)
    return load_reference(path or BUNDLED_REFERENCE)
