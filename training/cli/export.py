"""``export``: a trained run to TFLite, checked in the runtime."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.errors import ModelError
from training.cli.options import root_option, split_lists_option


@click.command()
@click.argument("run", type=PATH)
@click.option(
    "--quantization",
    "-q",
    type=click.Choice(["float32", "float16", "dynamic", "int8"]),
    multiple=True,
    help="One or several; all four when none is named.",
)
@click.option(
    "--streaming", is_flag=True, help="The streaming form, which processes only new frames."
)
@click.option(
    "--chunk-ms",
    type=float,
    help="New audio in each call of the streaming form; about 80 ms by default.",
)
@root_option
@split_lists_option
@click.option(
    "--output",
    type=PATH,
    default=Path("tflite_models"),
    show_default=True,
    help="Where the model files go.",
)
@click.option("--check/--no-check", default=True, help="Compare with the trained network.")
def command(
    run: Path,
    quantization: tuple[str, ...],
    streaming: bool,
    chunk_ms: float | None,
    data: Path,
    split_lists: Path | None,
    output: Path,
    check: bool,
) -> None:
    """Convert the network in RUN (a folder below saved_models/) to TFLite.

    Each model file carries its manifest. It is loaded back by the runtime, in every
    interpreter that is installed, and must give the trained network's posteriors on the
    validation part, within a tolerance for each quantization. A run that has weights alone, as
    other backends than TensorFlow leave it, first gets its SavedModel.
    """
    if chunk_ms is not None and not streaming:
        raise click.UsageError("--chunk-ms is for --streaming.")
    from training.data.material import clips_of_run
    from training.export.check import check_model
    from training.export.convert import QUANTIZATIONS, convert
    from training.networks.streaming_form import chunk_of
    from training.train.run import load_run

    trained = load_run(run)
    chunk = chunk_of(trained.config, chunk_ms) if streaming else None
    split = clips_of_run(trained.config, data, split_lists)
    failed = []
    for name in quantization or QUANTIZATIONS:
        path = convert(trained, name, split.training, output, chunk=chunk)
        click.echo(f"{path} ({path.stat().st_size / 1024:.1f} KB)")
        for result in check_model(path, trained, split.validation) if check else []:
            click.echo(f"  {result}")
            if not result.passed:
                failed.append(result)
    if failed:
        raise ModelError(f"{len(failed)} checks failed: the models differ from the trained network")
