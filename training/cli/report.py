"""``report``: a sweep's results as a page to read."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from training.cli.study_options import results_option


@click.command()
@results_option
@click.option(
    "--output",
    type=PATH,
    default=Path("docs/study"),
    show_default=True,
    help="Folder of index.html, README.md and the pictures.",
)
def command(results: Path, output: Path) -> None:
    """Write the study's report: answers, pictures and tables, from RESULTS alone.

    OUTPUT/index.html is complete in itself; OUTPUT/README.md is the same as Markdown, with
    SVG files beside it. Of what is missing the report says so: make it again when more is
    there.
    """
    from training.report.blocks import Section, Text
    from training.report.coverage import state
    from training.report.document import document
    from training.report.html import page
    from training.report.load import load_studies
    from training.report.markdown import write_page

    studies = load_studies(results)
    made = document(studies)
    sortable = Text("The same with tables that sort: [index.html](index.html).")
    beside = Section(made.title, (sortable, *made.blocks))
    write_page(beside, output / "README.md", output)
    path = output / "index.html"
    path.write_text(page(made))
    click.echo(f"{path}: {state(studies[0]).replace('**', '')}")
