"""``experiment``: many trainings, compared."""

import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from training.cli.options import cache_option, root_option, split_lists_option

study_argument = click.argument("study", type=PATH)


@click.group()
def command() -> None:
    """Train variants of a configuration, measure their models and compare them.

    STUDY is the folder of an experiment: config.yaml, results.csv (a row for each model) and,
    as long as they are kept, networks/ and models/. `run` makes it, the other commands fill in
    columns of the table.
    """


@command.command()
@click.argument("config", type=PATH)
@root_option
@split_lists_option
@cache_option
@click.option("--study", type=PATH, help="Folder of the results.  [default: runs/experiments/NAME]")
@click.option(
    "--plan",
    type=click.Choice(["all", "given", "search"]),
    default="all",
    help="Bases, variants and factors, or the searches, or first these and then those.",
)
@click.option("--group", "groups", multiple=True, help="Only this group; may be repeated.")
@click.option("--limit", type=click.IntRange(1), help="Run at most this many trials.")
@click.option("--retry-failed", is_flag=True, help="Run failed trials again.")
@click.option(
    "--ray",
    metavar="ADDRESS|local",
    help="Train on the Ray cluster at ADDRESS, or on one that is started here.",
)
def run(
    config: Path,
    data: Path,
    split_lists: Path | None,
    cache: Path,
    study: Path | None,
    plan: str,
    groups: tuple[str, ...],
    limit: int | None,
    retry_failed: bool,
    ray: str | None,
) -> None:
    """Train what is left of the experiment that CONFIG (YAML) describes.

    The validation part measures the trials; the test part is never read. The command may be
    killed at any moment: called again, it runs what is left. Failed trials are recorded with
    their reason.
    """
    from training.experiments.executors import DataFolders
    from training.experiments.results import load_experiment
    from training.experiments.runner import Request
    from training.experiments.runner import run as run_experiment

    name = load_experiment(config)[0].name
    request = Request(
        config=config,
        folder=study or Path("runs/experiments") / name,
        recordings=DataFolders(data, split_lists, cache),
        plan=plan,
        groups=groups,
        limit=limit,
        retry_failed=retry_failed,
        ray=ray,
    )
    with redirect_stdout(sys.stderr):  # Ray prints there; stdout is for the result
        tally = run_experiment(request, lambda line: click.echo(line, err=True))
    click.echo(json.dumps(asdict(tally)))


@command.command()
@study_argument
@root_option
@split_lists_option
@cache_option
def convert(study: Path, data: Path, split_lists: Path | None, cache: Path) -> None:
    """Convert the networks of STUDY to TFLite, and check them on the validation part.

    Fails (exit code 65) where a float32 model is not the trained network; what other
    quantizations lose is a result, in the columns ``agrees`` and ``model_validation_accuracy``.
    """
    from training.experiments.executors import DataFolders
    from training.experiments.models import convert_study

    convert_study(study, DataFolders(data, split_lists, cache), click.echo)


@command.command()
@study_argument
@root_option
@split_lists_option
@click.option(
    "--test-set",
    type=PATH,
    help="Folder of labels: the test set of the official split.  [default: DATA/gsc_test_public]",
)
def evaluate(study: Path, data: Path, split_lists: Path | None, test_set: Path | None) -> None:
    """Read the test part, once: with every converted model of STUDY.

    For the end of an experiment: whatever is chosen after this is chosen with the test part
    known. What was evaluated before is not evaluated again.
    """
    from training.experiments.models import evaluate_study

    evaluate_study(study, data, split_lists, test_set or data / "gsc_test_public", click.echo)


@command.command()
@study_argument
@click.option(
    "--rounds", type=click.IntRange(1), default=40, help="Over all models, in an order drawn anew."
)
@click.option(
    "--calls", type=click.IntRange(1), default=5, help="Decisions counted in each turn of a model."
)
def time(study: Path, rounds: int, calls: int) -> None:
    """Time a decision of every converted model of STUDY: features, network and both.

    Batch 1, one thread. All models take turns, so that a machine that slows down slows down all
    alike; so they are always measured together.
    """
    from training.experiments.models import time_study

    time_study(study, rounds, calls, click.echo)


@command.command()
@study_argument
@click.option("--output", type=PATH, help="Folder of the page.  [default: STUDY]")
def report(study: Path, output: Path | None) -> None:
    """Write the tables and figures of STUDY: the best configuration and its gain, what matters,
    and both Pareto fronts.

    Pages (.md) in OUTPUT keep their prose: only what stands between ``<!-- table: NAME -->`` and
    ``<!-- end -->`` is replaced. Without a README.md one with all tables is begun.
    """
    from training.experiments.results import load_studies
    from training.report.page import write_report

    for path in write_report(load_studies(study), output or study):
        click.echo(path)
