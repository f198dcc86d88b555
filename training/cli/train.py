"""``train``, ``adapt`` and ``export``: the commands about runs."""

import dataclasses
import os
from functools import partial
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from kws_edge.errors import ModelError
from training.cli.options import cache_option, root_option, split_lists_option, start_option
from training.config import TrainingConfig
from training.train.run import Run, RunLog


@click.command("train")
@click.argument("config", type=PATH)
@root_option
@split_lists_option
@click.option(
    "--output", type=PATH, default=Path("saved_models"), help="Folder in which to create the run."
)
@cache_option
@click.option("--seed", type=int, help="Seed to use instead of the configuration's.")
@click.option(
    "--test",
    is_flag=True,
    help="After training, evaluate on the testing part: once, when no choice depends on it.",
)
def train_command(
    config: Path,
    data: Path,
    split_lists: Path | None,
    output: Path,
    cache: Path,
    seed: int | None,
    test: bool,
) -> None:
    """Train the network that CONFIG (YAML) describes.

    Makes OUTPUT/<timestamp>/ with config.yaml, history.csv, metrics.json, log.txt, the weights
    and, in TensorFlow, the SavedModel, and prints its name. KERAS_BACKEND=jax or torch trains
    without TensorFlow, often faster; export then makes the SavedModel. Started again after an
    interruption, it goes on after the last whole epoch.
    """
    what = load(config, TrainingConfig)
    if seed is not None:
        what = dataclasses.replace(what, seed=seed)
    from training.train.train import train  # Keras takes seconds: after the checks

    log = RunLog()
    folder = train(what, data, output, cache=cache, split_lists=split_lists, report=log, test=test)
    log.write(folder)
    click.echo(folder)


@click.command()
@click.argument("recordings", type=PATH)
@start_option(help="The run to start from.")
@click.option("--only", is_flag=True, help="Detect the words of RECORDINGS and no others.")
@click.option("--name", default="own", help="Name of the new model.")
@root_option
@click.option(
    "--output",
    type=PATH,
    help="Folder in which to create the run; with --build, of all intermediate results."
    "  [default: saved_models; runs/NAME]",
)
@cache_option
@click.option(
    "--build",
    "models",
    type=PATH,
    help="Also export, tune and release: a folder, in which NAME/NAME.tflite is made. A build that"
    " was interrupted continues.",
)
@click.option(
    "--compare",
    "before",
    default="default",
    help="With --build: the model that the new one is compared with.  [default: the bundled one]",
)
def adapt(
    recordings: Path,
    start: Path,
    only: bool,
    name: str,
    data: Path,
    output: Path | None,
    cache: Path,
    models: Path | None,
    before: str,
) -> None:
    """Train a model further with RECORDINGS, a folder of labels as ``kws-edge record`` makes it.

    Takes of words that the model knows adapt it to this voice; other labels become new words.
    `_unknown_` holds other words and `_silence_` the sound of the room. The public recordings in
    --data are used beside them, as far as they are there, so that the model keeps what it learned.
    Every fifth take is kept out of training, and measured before and after.
    """
    from training.release.workspace import BACKEND

    backend = os.environ.get(BACKEND, "")
    if models:
        os.environ[BACKEND] = "tensorflow"  # before Keras is imported: the export needs it
    from training.train.adapt import adapted_config, present, summary
    from training.train.run import load_run

    begin = load_run(start)
    config, missing = present(adapted_config(begin, recordings, name, only), data)
    log = RunLog()
    for line in (summary(begin, config, recordings), *missing):
        log(line)
    if models:
        work = output or Path("runs") / name
        _build_own(config, recordings, data, models / name, work, backend, before)
    else:
        _adapt(begin, config, recordings, data, output or Path("saved_models"), cache, log)


def _adapt(
    begin: Run,
    config: TrainingConfig,
    recordings: Path,
    data: Path,
    output: Path,
    cache: Path,
    log: RunLog,
) -> None:
    """A run alone, and what its network knows beside that of ``begin``."""
    from training.train.adapt import compare
    from training.train.run import load_run
    from training.train.train import train

    run = train(config, data, output, cache=cache, report=log)
    for line in compare(begin, load_run(run), data, recordings):
        log(line)
    log.write(run)
    click.echo(run)
    click.echo(
        f"next: python -m training export {run} -q int8 --data {data}\n"
        f"      kws-edge listen --model tflite_models/{config.name}-int8.tflite",
        err=True,
    )


def _build_own(
    config: TrainingConfig,
    recordings: Path,
    data: Path,
    folder: Path,
    work: Path,
    backend: str,
    before: str,
) -> None:
    """The chain to a model file in ``folder``, and what it spots beside the model ``before``."""
    from training.data.clips import scan
    from training.release import own_model
    from training.release.model_config import load_model_plan
    from training.release.steps import build
    from training.release.workspace import Workspace

    report = partial(click.echo, err=True)
    takes = ", ".join(sorted({clip.label for clip in scan(recordings)}))
    text = own_model.PlanText(f"Adapted from {config.init_from} with takes of {takes}.")
    own_model.write_plan(config, data, folder, text)
    plan = load_model_plan(folder)
    build(Workspace(plan, data, work, backend), report)
    report("compare: runs")
    model = folder / f"{folder.name}.tflite"
    changes = own_model.compare_models(before, model, config, recordings, data)
    own_model.write_comparison(changes, folder, report)
    click.echo(model)


class ExportCommands(click.Group):
    """``export RUN``, which most want, is ``export tflite RUN``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["tflite", *args]
        return super().parse_args(ctx, args)


@click.group("export", cls=ExportCommands)
def export_command() -> None:
    """Convert a trained network: `export RUN` to model files for kws-edge (short for
    `export tflite RUN`), or `export microwakeword RUN`."""


@export_command.command("tflite")
@click.argument("run", type=PATH)
@click.option(
    "--quantization",
    "-q",
    type=click.Choice(["float32", "float16", "dynamic", "int8"]),
    multiple=True,
    help="One or several; all four by default.",
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
    "--output", type=PATH, default=Path("tflite_models"), help="Folder for the model files."
)
@click.option("--check/--no-check", default=True, help="Compare with the trained network.")
def export_tflite(
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
    from training.export.convert import QUANTIZATIONS, convert
    from training.export.verify import check_model
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


@export_command.command("microwakeword")
@click.argument("run", type=PATH)
@root_option
@split_lists_option
@click.option(
    "--output", type=PATH, default=Path("tflite_models"), help="Folder for the two files."
)
@click.option("--wake-word", help="The words to display.  [default: the label]")
@click.option("--author", default="kws-edge", help="Author, for the JSON file.")
@click.option("--language", default="en", help="Language of the word, for the JSON file.")
def export_microwakeword(
    run: Path,
    data: Path,
    split_lists: Path | None,
    output: Path,
    wake_word: str | None,
    author: str,
    language: str,
) -> None:
    """Convert the network in RUN for microWakeWord: ESPHome, Linux Voice Assistant and others.

    RUN is of one word, with the features `micro` and the architecture `wake_word`: see
    training/configs/wake-word.yaml. Writes OUTPUT/NAME.tflite and NAME.json, whose
    cutoff and sliding window are the threshold and the smoothing of RUN's detector. The int8 model
    must give the trained network's probabilities, within a tolerance.
    """
    from training.data.material import clips_of_run
    from training.export.microwakeword import check_run, export_word
    from training.train.run import CALIBRATION, load_run

    trained = load_run(run)
    check_run(trained)
    kept = (run / CALIBRATION).exists()  # then no clip is read
    clips = () if kept else clips_of_run(trained.config, data, split_lists).training
    description, model, difference = export_word(
        trained,
        clips,
        output,
        wake_word=wake_word or trained.config.labels[0],
        author=author,
        language=language,
    )
    click.echo(
        f"{description}\n{model} ({model.stat().st_size / 1024:.1f} KB), within {difference:.3f} of"
        " the trained network on 99 % of its input"
    )
