"""``mine``: hard negatives for the next training."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import find_model


@click.command()
@click.argument("model")
@click.argument("recordings", nargs=-1, required=True, type=PATH)
@click.option(
    "--output",
    type=PATH,
    default=Path("mined"),
    help="Folder for the stretches; later rounds add to it.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.3,
    help="Score from which the model counts as firing; lower than in use keeps what nearly fires.",
)
def command(model: str, recordings: tuple[Path, ...], output: Path, threshold: float) -> None:
    """Keep what MODEL (a file, or the name of a bundled one) wrongly fires on in RECORDINGS.

    RECORDINGS are files, or folders of them, without a keyword: hours of speech, folders of other
    words, or your own saved clips of false accepts. Clips in a folder that has a keyword's name
    are passed over. The stretches go to OUTPUT/<word>/, with their sources in OUTPUT/mined.csv;
    name OUTPUT under 'data.mined' in the training's YAML, train again, and mine again with the
    new model until the rate stands.
    """
    from training.data.mining import mine
    from training.evaluation.streams.compose import recordings as files_of

    classifier = Classifier.load(find_model(model))
    words = classifier.manifest.labels
    for path in recordings:
        files = files_of(path) if path.is_dir() else [path]
        found = mine(
            classifier, (file for file in files if file.parent.name not in words), output, threshold
        )
        click.echo(f"{path}: {found}")
