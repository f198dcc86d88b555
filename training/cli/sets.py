"""``data``: get sets of recordings, find the words of sentences, see what may be taken."""

import collections
import csv
import sys
from pathlib import Path

import click

from kws_edge.audio.files import audio_files
from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from training.cli.options import root_option
from training.data.sources import fetch as fetching
from training.data.sources.checkouts import REPOSITORIES, convert_checkout
from training.data.sources.fetch import DATA_SETS
from training.data.sources.sentences import ALIGNMENT


@click.command()
@click.argument("folder", type=PATH, default=Path("data"))
@click.option(
    "--set",
    "name",
    type=click.Choice(list(DATA_SETS)),
    default="mini_speech_commands",
    help="Mini Speech Commands (182 MB), all of Speech Commands v0.02 (2.4 GB), or the sentences"
    " of Mini LibriSpeech's train-clean-5 (333 MB).",
)
@click.option("--archive", type=PATH, help="The archive, if you have it already.")
@click.option("--url", help="Address of the archive.  [default: its publisher's]")
@click.option(
    "--sha256", help="SHA-256 of the archive; empty to skip the check.  [default: the known one]"
)
def fetch(
    folder: Path, name: str, archive: Path | None, url: str | None, sha256: str | None
) -> None:
    """Get a data set into FOLDER/<set>.

    A download that broke off goes on where it stopped. Nothing is fetched where the
    folder is there already.
    """
    data_set = DATA_SETS[name]
    target = folder / data_set.folder
    if target.is_dir():
        click.echo(f"{target}: there already, {len(audio_files(target))} clips")
        return
    most = data_set.size if sha256 is None else fetching.LARGEST
    expected = data_set.sha256 if sha256 is None else sha256 or None
    if archive is None:
        archive = folder / data_set.archive
        with click.progressbar(length=data_set.size, label="download", file=sys.stderr) as bar:
            fetching.download(archive, bar.update, url or data_set.url, expected, most)
    else:
        fetching.verify(archive, expected)
    with click.progressbar(length=archive.stat().st_size, label="unpack", file=sys.stderr) as bar:
        folder.mkdir(parents=True, exist_ok=True)
        fetching.unpack(archive, folder, data_set, bar.update)
    click.echo(f"{target}: {len(audio_files(target))} clips")


@click.command()
@click.argument("name", metavar="SET", type=click.Choice(list(REPOSITORIES)))
@click.argument("checkout", type=PATH)
@click.argument("output", type=PATH)
def convert(name: str, checkout: Path, output: Path) -> None:
    """Write the recordings of CHECKOUT, a clone of a public repository, to OUTPUT.

    SET is dsp_speech (github.com/zhongyuchen/DSPSpeech-20, MIT): 34 people say 20 words; or
    spelled (github.com/Sakshee5/alphanumeric-audio-dataset, MIT): 70 people spell names and read
    numbers.
    """
    made = len(list(convert_checkout(REPOSITORIES[name], checkout, output)))
    click.echo(f"{output}: {made} recordings")


@click.command()
@click.argument("configs", metavar="SETS", type=PATH)
@root_option
@click.option("--output", type=PATH, help="Write a CSV of the recordings that are taken.")
def catalogue(configs: Path, data: Path, output: Path | None) -> None:
    """Count what may be taken of the sets in SETS (YAML: keywords, and a list of sets), by part.

    A recording that another set has too, of a testing speaker, or of a set that is withheld is
    left out.
    """
    from training.data.catalogue import CatalogueConfig, read_sets

    config = load(configs, CatalogueConfig)
    found = read_sets(config.sets, data, config.words)
    counts = collections.Counter((entry.set, entry.part) for entry in found.entries)
    for (name, part), count in sorted(counts.items()):
        click.echo(f"{name:<32}{part:<12}{count:7d}")
    for name, reasons in found.left_out.items():
        for reason, count in reasons.items():
            click.echo(f"{name:<32}{'left out':<12}{count:7d}  {reason}")
    if output:
        with output.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["key", "part", "label", "speaker", "path"])
            writer.writerows(
                [e.key, e.part, e.clip.label, e.clip.speaker, e.clip.path] for e in found.entries
            )


@click.command()
@click.argument("folder", type=PATH)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=2,
    help="How many sentences to align at once.",
)
def align(folder: Path, processes: int) -> None:
    """Find each word of the sentences in FOLDER, from their texts, by pocketsphinx.

    Writes FOLDER/alignment.tsv: file, word, start_s, end_s, speaker. The texts are
    transcripts.tsv or LibriSpeech's *.trans.txt. A run that broke off goes on where it stopped,
    and sentences in the table are not aligned again.
    """
    from training.data.sources.alignment import LeftOut, align_folder

    sentences, words = 0, 0
    for result in align_folder(folder, processes):
        if isinstance(result, LeftOut):
            click.echo(f"left out: {result.file}: {result.reason}", err=True)
        else:
            sentences, words = sentences + 1, words + len(result.words)
    click.echo(f"{folder / ALIGNMENT}: {words} words in {sentences} sentences")
