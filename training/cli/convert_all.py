"""``convert-all``: the networks of a sweep to TFLite, checked in the runtime."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.errors import ModelError
from training.cli.options import data_option, split_lists_option
from training.cli.study_options import models_option, results_option


@click.command()
@results_option
@click.option(
    "--networks",
    type=PATH,
    default=Path("saved_models/sweep"),
    show_default=True,
    help="Folder of the trained networks, as the sweep left them.",
)
@models_option
@data_option
@split_lists_option
def command(
    results: Path, networks: Path, models: Path, data: Path, split_lists: Path | None
) -> None:
    """Convert every finished trial to float32, dynamic range and int8.

    Each model is compared with the trained network on the validation part, in the runtime;
    the testing part is not read. What is found is RESULTS/models/<key>-<quantization>.json.
    What was converted before is left as it is; trials without a network here are passed
    over. Fails (exit code 65) where a float32 model is not the trained network; what the
    other quantizations lose is a result.
    """
    from training.study.trials import complete, with_network

    there, finished = list(with_network(results, networks)), len(complete(results))
    from training.export.convert import read_run  # TensorFlow takes seconds: after the checks
    from training.study.convert_all import Conversion, Splits
    from training.study.results import model_name

    conversion, splits = Conversion(results, models), Splits(data, split_lists)
    waiting = [(r, folder) for r, folder in there if conversion.missing(r.key)]
    click.echo(
        f"{finished} finished trials, {len(there)} with a network here, {len(waiting)} to convert"
    )
    broken = []
    for number, (record, folder) in enumerate(waiting, 1):
        split = splits.of(read_run(folder)[0])
        for done in conversion.run(folder, split):
            agrees = all(agreement.passed for agreement in done.agreements)
            click.echo(
                f"{number}/{len(waiting)} {model_name(record.key, done.quantization)}:"
                f" {done.size_kb:.0f} KB, validation {done.validation.accuracy:.2%}"
                f" (trained {record.accuracy:.2%}){'' if agrees else ', DIFFERS'}"
            )
            if not agrees and done.quantization == "float32":
                broken.append(record.key)
    if broken:
        raise ModelError(f"float32 models differ from the trained network: {', '.join(broken)}")
