"""``data``: fetch, make, index, split and check the recordings; make streams; preview windows."""

import collections
import csv
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from kws_edge.errors import DataError
from training.cli import sets
from training.cli.options import FaultLog, data_option, root_option, split_lists_option
from training.config import MINI_SPEECH_COMMANDS, TrainingConfig
from training.data.clips import inspect, scan
from training.data.sources import synthetic as synthesis
from training.data.sources.game_dialogue import ARCHIVE
from training.data.sources.synthetic import speak_words
from training.data.splits import PARTS, Method, Part, find_leaks, split_clips, write_lists

method_option = click.option(
    "--method",
    type=click.Choice(["official", "lists", "random"]),
    default="official",
    help="By the official speaker hash, by given lists, or at random.",
)
seed_option = click.option("--seed", default=0, help="Seed of a random split.")
without_option = click.option(
    "--word",
    "words",
    multiple=True,
    default=(*MINI_SPEECH_COMMANDS, "know", "knows"),
    help="A word that the speech must not contain; may be repeated.",
)


@click.group()
def command() -> None:
    """Fetch, make, index, split and check recordings; make streams; see training windows."""


for _command in (sets.fetch, sets.convert, sets.catalogue, sets.align):
    command.add_command(_command)


@command.command()
@data_option
@click.option("--output", type=PATH, help="Write a CSV of all clips.")
def index(data: Path, output: Path | None) -> int:
    """Count the clips by label, with what is odd about them.

    A clip that cannot be read is reported and the others are counted; the exit code is then that
    of the last such fault.
    """
    faults = FaultLog()
    recordings = inspect(scan(data), faults)
    by_label = collections.Counter(recording.clip.label for recording in recordings)
    for label, count in sorted(by_label.items()):
        click.echo(f"{label:<12}{count:6d}")
    speakers = {recording.clip.speaker for recording in recordings}
    twice = len(recordings) - len({recording.sha1 for recording in recordings})
    short = sum(r.samples < r.sample_rate for r in recordings)
    rates = sorted({r.sample_rate for r in recordings})
    click.echo(
        f"{len(recordings)} clips of {len(speakers)} speakers at"
        f" {', '.join(map(str, rates)) or '-'} Hz; {short} shorter than 1 s, {twice} repeat another"
    )
    if output:
        with output.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "speaker", "samples", "sample_rate", "sha1"])
            writer.writerows(
                [r.clip.key, r.clip.label, r.clip.speaker, r.samples, r.sample_rate, r.sha1]
                for r in recordings
            )
    return faults.exit_code


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
def check(data: Path, method: Method, split_lists: Path | None, seed: int) -> int:
    """Fail (exit code 65) if a speaker or an identical recording is in two parts, or a clip
    cannot be read."""
    faults = FaultLog()
    leaks = find_leaks(split_clips(scan(data), method, split_lists, seed), faults)
    if leaks:
        raise DataError(f"{data}: {leaks}")
    rest = "; of the clips that can be read" * bool(faults.exit_code)
    click.echo(f"{data}: no speaker and no recording is in two parts of the {method} split{rest}")
    return faults.exit_code


@command.command()
@click.argument("output", type=PATH, default=Path("data/speech"))
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=40,
    help="Length of all recordings together.",
)
@click.option(
    "--word",
    "words",
    multiple=True,
    default=MINI_SPEECH_COMMANDS,
    help="A word that the speech must not contain; may be repeated.",
)
@click.option(
    "--dictionary",
    type=PATH,
    default=synthesis.DICTIONARY,
    help="List of words to draw from, one a line.",
)
@click.option("--seed", default=0, help="Seed of texts and voices.")
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


@command.command()
@click.argument("output", type=PATH)
@click.argument("words", nargs=-1, required=True)
@click.option("--count", type=click.IntRange(1), default=100, help="Takes of each word.")
@click.option("--seed", default=0, help="Seed of texts and voices.")
@click.option("--part", type=click.Choice(PARTS), help="Only voices of this part of the split.")
@click.option("--neural", is_flag=True, help="Kokoro's and Piper's voices: a core's second a take.")
@click.option("--voices", type=PATH, help="With --neural: a folder with more voices.")
def speak(
    output: Path,
    words: tuple[str, ...],
    count: int,
    seed: int,
    part: Part | None,
    neural: bool,
    voices: Path | None,
) -> None:
    """Let espeak-ng's and flite's voices, or neural ones, say WORDS, into OUTPUT/<word>/."""
    if neural:
        from training.data.sources.wake_phrase import speak_words_neurally

        made = len(list(speak_words_neurally(output, words, count, voices, part=part, seed=seed)))
    else:
        made = len(list(speak_words(output, words, count, seed, part)))
    click.echo(f"{output}: {made} takes of {', '.join(words)}")


@command.command()
@click.argument("output", type=PATH)
@click.argument("folders", nargs=-1, required=True, type=PATH)
@without_option
@click.option(
    "--texts",
    type=PATH,
    default=Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"),
    help="Texts of the prompts.",
)
@click.option(
    "--least-seconds", type=click.FloatRange(0), default=0, help="Leave out shorter recordings."
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
    from training.data.sources.running import join_prompts

    for folder in folders:
        made = list(join_prompts(folder, output, texts, words, least_seconds))
        click.echo(f"{folder.name}: {len(made)} recordings in {output}")


@command.command()
@click.argument("output", type=PATH)
@click.option("--archive", type=PATH, default=ARCHIVE, help="The game's one file.")
@without_option
@click.option("--seed", default=0, help="Seed of the added upper bands.")
def dialogue(output: Path, archive: Path, words: tuple[str, ...], seed: int) -> None:
    """Make running speech without keywords in OUTPUT, from what actors say in Flight of the Amazon
    Queen, a game that Debian has."""
    from training.data.sources.game_dialogue import join_dialogue

    made = len(list(join_dialogue(archive, output, words, seed)))
    click.echo(f"{output}: {made} recordings")


@command.command()
@click.argument("configs", nargs=-1, required=True, type=PATH)
@root_option
@click.option("--output", type=PATH, default=Path("streams"), help="Folder for the streams.")
def streams(configs: tuple[Path, ...], data: Path, output: Path) -> None:
    """Compose the streams that CONFIGS (YAML) describe.

    Writes OUTPUT/<name>.wav and the label track OUTPUT/<name>.labels.txt (Audacity's: start,
    end, label). The same description and files give the same stream, bit for bit.
    """
    from training.data.augmentation import RATE
    from training.evaluation.streams.compose import compose, write_stream
    from training.evaluation.streams.stream_config import StreamConfig

    for path in configs:
        config = load(path, StreamConfig)
        stream = compose(config, data)
        written = write_stream(stream, config.name, output)
        labels = {word.label for word in stream.words}
        click.echo(
            f"{written}: {len(stream.samples) / RATE:.1f} s, {len(stream.words)} words"
            f" of {len(labels)} labels"
        )


@command.command()
@click.argument("config", type=PATH)
@root_option
@click.option("--output", type=PATH, default=Path("preview"), help="Folder for the windows.")
@click.option("--count", type=click.IntRange(1, 400), default=32, help="Number of windows.")
def preview(config: Path, data: Path, output: Path, count: int) -> None:
    """Write training windows of CONFIG (YAML), made of validation clips, as WAV files and one
    picture."""
    from training.data.passes import write_preview

    written = write_preview(load(config, TrainingConfig), data, output, count)
    click.echo(f"{len(written) - 1} windows; look at {written[-1]}")
