"""Sound files of all kinds, made of one tone: what is read, what is refused, what is no clip."""

import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import soundfile

RATE = 16000
TONE = (0.25 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)

Make = Callable[[Path], None]


def written(
    container: str, subtype: str, rate: int = RATE, channels: int = 1, endian: str = "FILE"
) -> Make:
    """A file of the tone, as `soundfile` writes it."""

    def make(path: Path) -> None:
        tone = 0.25 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
        samples = np.repeat(tone[:, None], channels, axis=1)
        with path.open("wb") as file:  # by handle: the name does not decide about the format
            soundfile.write(file, samples, rate, format=container, subtype=subtype, endian=endian)

    return make


def floats(samples: np.ndarray, rate: int = RATE) -> Make:  # type: ignore[type-arg]
    """A file of 32-bit floats."""
    return lambda path: soundfile.write(path, samples, rate, subtype="FLOAT")


def spoilt(value: float) -> Make:
    """A file of floats, one of them ``value``."""
    samples = TONE.copy()
    samples[RATE // 2] = value
    return floats(samples)


def content(data: bytes) -> Make:
    """A file of ``data``."""

    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


def patched(make: Make, place: int, data: bytes) -> Make:
    """What ``make`` writes, with ``data`` at byte ``place``."""

    def write(path: Path) -> None:
        make(path)
        whole = bytearray(path.read_bytes())
        whole[place : place + len(data)] = data
        path.write_bytes(whole)

    return write


def cut(make: Make, keep: float) -> Make:
    """The first part of what ``make`` writes, ``keep`` of the whole."""

    def write(path: Path) -> None:
        make(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: round(len(whole) * keep)])

    return write


WAV, FLAC = written("WAV", "PCM_16"), written("FLAC", "PCM_16")
WAV_RATE, WAV_LENGTH, FLAC_LENGTH = 24, 40, 21  # places of the fields in the header

# What a file is read as: the tone, but for the error of its coding.
READ: dict[str, tuple[Make, float]] = {
    "pcm16.wav": (WAV, 1e-4),
    "pcm24.wav": (written("WAV", "PCM_24"), 1e-6),
    "pcm32.wav": (written("WAV", "PCM_32"), 1e-6),
    "pcm8.wav": (written("WAV", "PCM_U8"), 0.01),
    "float32.wav": (written("WAV", "FLOAT"), 1e-6),
    "float64.wav": (written("WAV", "DOUBLE"), 1e-6),
    "mulaw.wav": (written("WAV", "ULAW"), 0.01),
    "alaw.wav": (written("WAV", "ALAW"), 0.01),
    "adpcm.wav": (written("WAV", "IMA_ADPCM"), 0.02),
    "gsm.wav": (written("WAV", "GSM610"), 0.1),
    "extensible.wav": (written("WAVEX", "PCM_16"), 1e-4),
    "extensible_float_stereo.wav": (written("WAVEX", "FLOAT", channels=2), 1e-6),
    "capitals.WAV": (WAV, 1e-4),
    "open_length.wav": (patched(WAV, WAV_LENGTH, b"\xff" * 4), 1e-4),
    "two_gigabytes_announced.wav": (
        patched(WAV, WAV_LENGTH, struct.pack("<I", 2**31 - 20)),
        1e-4,
    ),
    "aiff_named.wav": (written("AIFF", "PCM_16"), 1e-4),
    "flac_named.wav": (FLAC, 1e-4),
    "48khz_stereo.wav": (written("WAV", "PCM_16", 48000, 2), 0.01),
    "pcm16.flac": (FLAC, 1e-4),
    "open_length.flac": (patched(FLAC, FLAC_LENGTH, b"\xf0\0\0\0\0"), 1e-4),
    "vorbis.ogg": (written("OGG", "VORBIS"), 0.02),
    "opus.opus": (written("OGG", "OPUS"), 0.02),
    "layer3.mp3": (written("MP3", "MPEG_LAYER_III"), 0.02),
    "pcm16.aif": (written("AIFF", "PCM_16"), 1e-4),
    "mulaw.au": (written("AU", "ULAW"), 0.01),
    "pcm16.caf": (written("CAF", "PCM_16"), 1e-4),
    "pcm16.w64": (written("W64", "PCM_16"), 1e-4),
}

# What a message says, besides the path.
REFUSED: dict[str, tuple[Make, str]] = {
    "1_hz.wav": (
        patched(WAV, WAV_RATE, struct.pack("<I", 1)),
        "has a sample rate of 1 Hz, expected 1000 to 768000 Hz",
    ),
    "2_ghz.wav": (
        patched(WAV, WAV_RATE, struct.pack("<I", 2_000_000_000)),
        "has a sample rate of 2000000000 Hz",
    ),
    "nan.wav": (spoilt(np.nan), "found a sample of nan"),
    "infinite.wav": (spoilt(-np.inf), "found a sample of inf"),
    "beyond_float32.wav": (
        lambda path: soundfile.write(path, TONE.astype(np.float64) * 1e300, RATE, "DOUBLE"),
        "found a sample of inf",
    ),
    "int16_as_float.wav": (floats(TONE * 32768), "or are divided by 32768"),
    "cut.flac": (cut(FLAC, 0.5), "breaks off"),
    "no_samples.wav": (floats(TONE[:0]), "holds no audio (0 samples)"),
    "no_file.wav": (lambda path: path.touch(), "not an audio file that can be read"),
    "text.wav": (content(b"no sound"), "not an audio file that can be read"),
}

# What lies in folders of clips and is none.
PASSED_OVER: dict[str, Make] = {
    "._pcm16.wav": content(b"\0\5\x16\7\0\2\0\0Mac OS X"),
    ".DS_Store": content(b"\0\0\0\1Bud1"),
    "folder.wav": Path.mkdir,
    "fifo.wav": os.mkfifo,
    "notes.txt": Path.touch,
}


def fill(folder: Path, *kinds: Mapping[str, tuple[Make, object] | Make]) -> Path:
    """Write all files of ``kinds`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        for name, entry in kind.items():
            make = entry[0] if isinstance(entry, tuple) else entry
            make(folder / name)
    return folder
