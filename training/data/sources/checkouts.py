"""Sets of clips out of clones of public repositories: DSP speech and spelled letters.

What people are called there becomes a digest. Recordings that repeat another, or in which
nothing is said, are left out.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.audio.files import audio_files, read_audio, to_pcm16, write_wav
from kws_edge.errors import DataError
from training.data.augmentation import RATE

# 34 students say 12 Chinese and 8 English words, 20 times each
DSP_WORDS = (
    *("zh_shuzi", "zh_yuyin", "zh_yuyan", "zh_shibie", "zh_zhongguo", "zh_zonggong"),
    *("zh_beijing_city", "zh_beijing_background", "zh_shanghai", "zh_shanghang", "zh_fudan"),
    *("zh_fandian", "speech", "speaker", "signal", "process", "print", "open", "close", "project"),
)
LEAST_PEAK = 200  # of 32,768: below, nothing is said


def _dsp_name(match: re.Match[str]) -> str:
    word = DSP_WORDS[int(match["word"])]
    return f"{word}/{_digest(match['speaker'])[:8]}_{match['take']}.wav"


def _spelled_name(match: re.Match[str]) -> str:
    return f"{match['what'].lower()}/{_digest(match['speaker'])[:10]}.wav"


def _digest(name: str) -> str:
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Repository:
    """Which ``files`` of a public repository are recordings, and what each is called here."""

    address: str
    files: re.Pattern[str]
    name: Callable[[re.Match[str]], str]


REPOSITORIES = {
    "dsp_speech": Repository(
        "https://github.com/zhongyuchen/DSPSpeech-20",
        re.compile(
            r"speech_data/(?P<speaker>\d+)/\d+-(?P<word>[01]\d)-(?P<take>\d+)\.wav", re.IGNORECASE
        ),
        _dsp_name,
    ),
    # the addresses that people read there hold a keyword, "no"
    "spelled": Repository(
        "https://github.com/Sakshee5/alphanumeric-audio-dataset",
        re.compile(r"audio_data/(?P<what>names|numbers)/(?P<speaker>[^/]+)\.wav", re.IGNORECASE),
        _spelled_name,
    ),
}


def convert_checkout(repository: Repository, checkout: Path, output: Path) -> Iterator[Path]:
    """Write the recordings of a clone, as mono WAV at 16 kHz, below ``output``. Yields each.

    Raises `MissingFileError` where there is no such folder and `DataError` where it holds none of
    the repository's recordings, or one that cannot be read.
    """
    seen: set[bytes] = set()
    matches = [
        (path, match)
        for path in audio_files(checkout)
        if (match := repository.files.fullmatch(path.relative_to(checkout).as_posix()))
    ]
    if not matches:
        raise DataError(f"{checkout}: no clone of {repository.address}")
    for path, match in matches:
        samples = to_pcm16(read_audio(path, RATE))
        content = hashlib.sha1(samples.tobytes(), usedforsecurity=False).digest()
        if content in seen or np.abs(samples.astype(int)).max() < LEAST_PEAK:
            continue
        seen.add(content)
        target = output / repository.name(match)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_wav(target, samples / np.float32(2**15), RATE)
        yield target
