"""``models-page``: what `ablate` found, to read."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from kws_edge.errors import DataError


@click.command()
@click.argument("config", type=PATH)
@click.option(
    "--results",
    type=PATH,
    default=Path("docs/models"),
    show_default=True,
    help="Where ablate keeps its figures, and costs.json lies.",
)
@click.option("--output", type=PATH, default=Path("docs/models.md"), show_default=True)
def command(config: Path, results: Path, output: Path) -> None:
    """Write tables and a picture of the trials of CONFIG (YAML), as far as they are done.

    RESULTS/costs.json is what ``python -m benchmarks.architectures --json NETWORK...`` prints.
    """
    from training.ablation.config import Ablation
    from training.ablation.costs import load_costs
    from training.ablation.effects import tried
    from training.ablation.page import page
    from training.ablation.trials import Results
    from training.report.markdown import write_page

    ablation = load(config, Ablation)
    found = tried(ablation, Results(results))
    if not found or found[0].variant != ablation.variants[0]:
        raise DataError(f"{results}: no result of {ablation.variants[0].name}: run ablate first")
    write_page(page(ablation, found, load_costs(results / "costs.json")), output, results)
    count = sum(len(one.results) for one in found)
    click.echo(f"{output}: {count} of {len(ablation.variants) * len(ablation.seeds)} trials")
