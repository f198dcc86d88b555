"""``data``: fetch, make, index, split and check the recordings."""

import collections
import csv
import sys
from pathlib import Path
from typing import Literal

import click

from kws_edge.cli.options import PATH
from kws_edge.errors import DataError
from training.cli import preview, speech, streams
from training.cli.options import data_option, split_lists_option
from training.data.clips import inspect, scan
from training.data.sources import fetch as fetching
from training.data.splits import PARTS, Method, find_leaks, split_clips, write_lists

method_option = click.option(
    "--method",
    type=click.Choice(["official", "lists", "random"]),
    default="official",
    show_default=True,
    help="By the official speaker hash, by given lists, or at random.",
)
seed_option = click.option("--seed", default=0, show_default=True, help="Of a random split.")


@click.group()
def command() -> None:
    """Fetch, make, index, split and check recordings; make streams; see training windows."""


for made in (
    speech.synthesize,
    speech.speak,
    speech.prompts,
    speech.dialogue,
    streams.streams,
    preview.preview,
):
    command.add_command(made)


@command.command()
@click.argument("folder", type=PATH, default=Path("data"))
@click.option("--archive", type=PATH, help="The zip, if you have it already.")
@click.option("--url", default=fetching.URL, show_default=True)
@click.option("--sha256", default=fetching.SHA256, help="Of the zip; empty for none.")
def fetch(folder: Path, archive: Path | None, url: str, sha256: str) -> None:
    """Get Mini Speech Commands (174 MB) into FOLDER/mini_speech_commands.

    A download that broke off goes on where it stopped. Nothing is fetched where the
    folder is there already.
    """
    target = folder / fetching.FOLDER
    if target.is_dir():
        click.echo(f"{target}: there already, {len(scan(target))} clips")
        return
    if archive is None:
        archive = folder / "mini_speech_commands.zip"
        with click.progressbar(length=fetching.SIZE, label="download", file=sys.stderr) as bar:
            fetching.download(archive, bar.update, url, sha256 or None)
    else:
        fetching.verify(archive, sha256 or None)
    with click.progressbar(length=archive.stat().st_size, label="unpack", file=sys.stderr) as bar:
        folder.mkdir(parents=True, exist_ok=True)
        fetching.unpack(archive, folder, bar.update)
    click.echo(f"{target}: {len(scan(target))} clips")


@command.command()
@data_option
@click.option("--output", type=PATH, help="Write a CSV of all clips.")
def index(data: Path, output: Path | None) -> None:
    """Count the clips by label, with what is odd about them."""
    recordings = inspect(scan(data))
    by_label = collections.Counter(recording.clip.label for recording in recordings)
    for label, count in sorted(by_label.items()):
        click.echo(f"{label:<12}{count:6d}")
    speakers = {recording.clip.speaker for recording in recordings}
    twice = len(recordings) - len({recording.sha1 for recording in recordings})
    short = sum(r.samples < r.sample_rate for r in recordings)
    rates = sorted({r.sample_rate for r in recordings})
    click.echo(
        f"{len(recordings)} clips of {len(speakers)} speakers at"
        f" {', '.join(map(str, rates))} Hz; {short} shorter than 1 s, {twice} repeat another"
    )
    if output:
        with output.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "speaker", "samples", "sample_rate", "sha1"])
            writer.writerows(
                [r.clip.key, r.clip.label, r.clip.speaker, r.samples, r.sample_rate, r.sha1]
                for r in recordings
            )


@command.command()
@click.argument("output", type=PATH)
@data_option
@method_option
@split_lists_option
@seed_option
def split(output: Path, data: Path, method: Method, split_lists: Path | None, seed: int) -> None:
    """Write the lists of the parts to OUTPUT: training.txt, validation.txt, testing.txt."""
    parts = split_clips(scan(data), method, split_lists, seed)
    write_lists(parts, output)
    click.echo(f"{output}: {', '.join(f'{len(parts.part(p))} {p}' for p in PARTS)}")


@command.command()
@data_option
@method_option
@split_lists_option
@seed_option
def check(
    data: Path,
    method: Literal["official", "lists", "random"],
    split_lists: Path | None,
    seed: int,
) -> None:
    """Fail (exit code 65) if a speaker or an identical recording is in two parts."""
    leaks = find_leaks(split_clips(scan(data), method, split_lists, seed))
    if leaks:
        raise DataError(f"{data}: {leaks}")
    click.echo(f"{data}: no speaker and no recording is in two parts of the {method} split")
