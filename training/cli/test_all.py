"""``test-all``: the converted models of a sweep on the test part."""

import os
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from training.cli.options import data_option, split_lists_option
from training.cli.study_options import models_option, results_option


def default_test_part() -> Path:
    """In ``$KWS_EDGE_DATA`` where that is set."""
    return Path(os.environ.get("KWS_EDGE_DATA", "data")) / "gsc_test_public"


@click.command()
@results_option
@models_option
@click.option(
    "--test-part",
    type=PATH,
    default=default_test_part,
    show_default="$KWS_EDGE_DATA/gsc_test_public or data/gsc_test_public",
    help="Folder of labels: the test set of the official split.",
)
@data_option
@split_lists_option
def command(
    results: Path, models: Path, test_part: Path, data: Path, split_lists: Path | None
) -> None:
    """Read the test part, once: with every model that convert-all made.

    For the end of a study: whatever is chosen after this is chosen with the test part
    known. Runs trained on given lists are tested on their testing part, where --split-lists
    names them. What is found is RESULTS/tests/<key>-<quantization>.json; what is there
    already is not tested again.
    """
    from training.study.files import model_files
    from training.study.test_all import TestParts, test_all, untested

    found = model_files(results, models)
    waiting = untested(results, found)
    click.echo(f"{len(found)} models, {len(waiting)} to test")
    skipped = 0
    for number, (model, tested) in enumerate(
        test_all(results, waiting, TestParts(test_part, data, split_lists)), 1
    ):
        if tested is None:
            skipped += 1
            continue
        test = tested.test
        click.echo(
            f"{number}/{len(waiting)} {model.name}: {test.accuracy:.2%} ({test.lower:.2%} to"
            f" {test.upper:.2%}) of {test.clips} clips"
        )
    if skipped:
        click.echo(f"{skipped} models are of given lists: --split-lists tests them")
