"""The commands of ``dataset`` that make speech: synthetic voices, people's running speech."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from training.config import MINI_SPEECH_COMMANDS
from training.data.sources import synthetic as synthesis
from training.data.sources.game_dialogue import ARCHIVE
from training.data.sources.synthetic import speak_words
from training.data.splits import PARTS, Part

without_option = click.option(
    "--word",
    "words",
    multiple=True,
    default=(*MINI_SPEECH_COMMANDS, "know", "knows"),
    show_default=True,
    help="A word that must not occur in it; may be repeated.",
)


@click.command()
@click.argument("output", type=PATH, default=Path("data/speech"))
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=40, show_default=True)
@click.option(
    "--word",
    "words",
    multiple=True,
    default=MINI_SPEECH_COMMANDS,
    show_default=True,
    help="A word that must not occur in it; may be repeated.",
)
@click.option("--dictionary", type=PATH, default=synthesis.DICTIONARY, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--part", type=click.Choice(PARTS), help="Only voices of this part of the split.")
def synthesize(
    output: Path,
    minutes: float,
    words: tuple[str, ...],
    dictionary: Path,
    seed: int,
    part: Part | None,
) -> None:
    """Make running speech without keywords in OUTPUT, by espeak-ng's and flite's voices."""
    count = len(list(synthesis.synthesize(output, words, minutes, dictionary, seed, part)))
    click.echo(f"{output}: {count} recordings, {minutes:g} minutes")


@click.command()
@click.argument("output", type=PATH)
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--count", type=click.IntRange(1), default=100, show_default=True, help="Of each word."
)
@click.option("--seed", default=0, show_default=True)
@click.option("--part", type=click.Choice(PARTS), help="Only voices of this part of the split.")
def speak(output: Path, words: tuple[str, ...], count: int, seed: int, part: Part | None) -> None:
    """Let espeak-ng's and flite's voices say WORDS, into OUTPUT/<word>/."""
    made = len(list(speak_words(output, words, count, seed, part)))
    click.echo(f"{output}: {made} takes of {', '.join(words)}")


@click.command()
@click.argument("output", type=PATH)
@click.argument("folders", nargs=-1, required=True, type=PATH)
@without_option
@click.option(
    "--texts",
    type=PATH,
    default=Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"),
    show_default=True,
    help="What they say.",
)
@click.option(
    "--least-seconds",
    type=click.FloatRange(0),
    default=0,
    show_default=True,
    help="Leave out what is shorter.",
)
def prompts(
    output: Path,
    folders: tuple[Path, ...],
    words: tuple[str, ...],
    texts: Path,
    least_seconds: float,
) -> None:
    """Make running speech without keywords in OUTPUT, from Asterisk's prompts in FOLDERS, each of
    one voice: /usr/share/asterisk/sounds/fr_CA_f_June."""
    from training.data.sources.prompts import join_prompts

    for folder in folders:
        made = list(join_prompts(folder, output, texts, words, least_seconds))
        click.echo(f"{folder.name}: {len(made)} recordings in {output}")


@click.command()
@click.argument("output", type=PATH)
@click.option(
    "--archive", type=PATH, default=ARCHIVE, show_default=True, help="The game's one file."
)
@without_option
@click.option("--seed", default=0, show_default=True, help="Of the upper bands.")
def dialogue(output: Path, archive: Path, words: tuple[str, ...], seed: int) -> None:
    """Make running speech without keywords in OUTPUT, from what actors say in Flight of the Amazon
    Queen, a game that Debian has."""
    from training.data.sources.game_dialogue import join_dialogue

    made = len(list(join_dialogue(archive, output, words, seed)))
    click.echo(f"{output}: {made} recordings")
