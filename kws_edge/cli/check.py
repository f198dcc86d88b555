"""``check``: whether this device computes the scores that the model file expects."""

import click

from kws_edge.cli.options import model_option, threads_option
from kws_edge.model.bundled import find_model
from kws_edge.model.classifier import Classifier
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.probe import run_probe


@click.command()
@model_option
@threads_option
def command(model: str, threads: int) -> int:
    """Verify a model, run it on a synthetic signal and compare with the expected result.

    Exit code 1 where features or interpreter give another result on this device.
    """
    classifier = Classifier.load(find_model(model), threads)
    result = run_probe(classifier)
    click.echo(
        f"{classifier.manifest.name}: {'ok' if result.passed else 'DIFFERS'}; largest difference"
        f" {result.difference:.2g}, allowed {result.tolerance:.2g} ({interpreter_name()})"
    )
    return 0 if result.passed else 1
