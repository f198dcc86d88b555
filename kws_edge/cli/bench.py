"""``bench``: latency of features and model on this device."""

import dataclasses
import json

import click

from kws_edge.cli.options import json_option, model_option, threads_option
from kws_edge.model.bundled import find_model
from kws_edge.model.classifier import Classifier
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.probe import measure

DESCRIPTIONS = {
    "features": "features of a whole window",
    "model": "the network",
    "sum": "both together",
    "hop": "features of one new frame in a stream",
}


@click.command()
@model_option
@threads_option
@click.option(
    "--repetitions",
    type=click.IntRange(10, 100_000),
    default=200,
    show_default=True,
    help="How often each part is timed.",
)
@json_option
def command(model: str, threads: int, repetitions: int, as_json: bool) -> None:
    """Time the features and the model of one decision on this device, batch 1."""
    classifier = Classifier.load(find_model(model), threads)
    latencies = measure(classifier, repetitions)
    if as_json:
        result = {name: dataclasses.asdict(latency) for name, latency in latencies.items()}
        about = {"model": classifier.manifest.name, "interpreter": interpreter_name()}
        click.echo(json.dumps({**about, "threads": threads, "latency": result}))
        return
    click.echo(f"{classifier.manifest.name}, {interpreter_name()}, {threads} thread(s)")
    for name, text in DESCRIPTIONS.items():
        latency = latencies[name]
        click.echo(f"{text:<40}{latency.median_ms:8.3f} ms   p95 {latency.p95_ms:8.3f} ms")
