"""Running speech of people: the prompts of telephone exchanges, which Debian packages.

A network knows synthetic voices by their sound alone, so one that knows no other
speech takes people's sentences for keywords. Asterisk's prompts are an hour and more of them,
in several languages, at 16 kHz (G.722), with an English text for each that shows which hold a
keyword.
"""

import gzip
import re
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from kws_edge.errors import DataError, MissingFileError
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.sources.running import decode, write_running

SUFFIX = ".g722"


def join_prompts(
    folder: Path, output: Path, texts: Path, words: Collection[str], least_seconds: float = 0.0
) -> Iterator[Path]:
    """Write the prompts below ``folder`` (of one voice), those of at least ``least_seconds``, as
    ``output/<voice>_nohash_<n>.wav`` of about 15 s. Yields each.

    Left out is what has one of ``words`` in its English text, in every language ("no" is the
    same in several), and what has no text. Raises `MissingFileError`, and `DataError` for a
    folder without prompts and for a file that is none.
    """
    harmless = {name for name, text in _texts(texts).items() if not _spoken(text) & {*words}}
    files = sorted(folder.rglob(f"*{SUFFIX}"))
    if not files:
        raise DataError(f"{folder}: no {SUFFIX} files; apt install asterisk-core-sounds-fr-g722")
    kept = (
        _decoded(path)
        for path in files
        if path.relative_to(folder).with_suffix("").as_posix() in harmless
    )
    least = max(least_seconds, 0.1) * RATE
    yield from write_running(
        output, folder.name, (samples for samples in kept if len(samples) >= least)
    )


def _texts(path: Path) -> dict[str, str]:
    """``name: text`` a line; comments begin with a semicolon."""
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a gzip file of texts ({error})") from error
    except OSError as error:
        raise MissingFileError(
            f"{path}: {error.strerror}; apt install asterisk-core-sounds-en"
        ) from error
    parts = [line.split(":", 1) for line in lines if ":" in line and not line.startswith(";")]
    return {name.strip(): text for name, text in parts}


def _spoken(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def _decoded(path: Path) -> FloatArray:
    return decode(str(path), str(path), "g722")
