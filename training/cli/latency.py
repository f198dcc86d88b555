"""``latency``: the converted models of a sweep, timed together."""

from pathlib import Path

import click

from training.cli.study_options import models_option, results_option


@click.command()
@results_option
@models_option
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=40,
    show_default=True,
    help="Over all models, in an order drawn anew.",
)
@click.option(
    "--calls",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Decisions counted in each turn of a model.",
)
def command(results: Path, models: Path, rounds: int, calls: int) -> None:
    """Time a decision of every model that convert-all made: features, network and both.

    Batch 1, one thread, in the interpreter that the runtime prefers or that
    KWS_EDGE_INTERPRETER names. All models take turns, so that a machine that slows down
    slows down all alike; so they are always measured together, and RESULTS/latency.json is
    replaced.
    """
    from training.study.files import model_files
    from training.study.latency_all import Plan, latency_all
    from training.study.results import timings_path
    from training.study.store import put

    found = {model.name: model.file.path for model in model_files(results, models)}
    timings = latency_all(Plan(found, rounds, calls))
    put(timings_path(results), timings)
    for name, timing in timings.models.items():
        click.echo(
            f"{name}: features {timing.features.median_ms:.2f} + model"
            f" {timing.model.median_ms:.2f} = {timing.sum.median_ms:.2f} ms"
            f" (p95 {timing.sum.p95_ms:.2f})"
        )
    click.echo(f"{timings.machine}, {timings.interpreter}, load {timings.load}")
