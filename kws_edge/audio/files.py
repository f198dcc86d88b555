"""Audio files and samples: reading, writing, level, resampling.

Inside the program audio is float32 in [-1, 1), mono: an int16 sample divided by 32768.
"""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from kws_edge.errors import DataError, MissingFileError
from kws_edge.types import FloatArray

PCM16_SCALE = 32768.0
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")


def from_pcm16(data: bytes | npt.NDArray[np.int16]) -> FloatArray:
    """Little-endian int16 samples as float32 in [-1, 1)."""
    samples = np.frombuffer(data, "<i2") if isinstance(data, bytes) else data
    return samples.astype(np.float32) / np.float32(PCM16_SCALE)


def to_pcm16(samples: FloatArray) -> npt.NDArray[np.int16]:
    """float32 in [-1, 1) as int16; values beyond the range are clipped."""
    scaled = np.rint(np.asarray(samples, np.float64) * PCM16_SCALE)
    return np.clip(scaled, -PCM16_SCALE, PCM16_SCALE - 1).astype(np.int16)


def audio_files(folder: Path) -> list[Path]:
    """The sound files in ``folder`` and below it, sorted.

    Names that start with a dot are hidden, as in a shell; the recorder keeps raw takes there.
    Raises `MissingFileError` for a missing folder.
    """
    if not folder.is_dir():
        raise MissingFileError(f"{folder}: no such folder")
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES
        and path.is_file()
        and not any(part[0] == "." for part in path.relative_to(folder).parts)
    )


def open_audio(path: Path) -> Any:
    """An open `soundfile.SoundFile`.

    Raises `MissingFileError` for a missing or unreadable file, and `DataError` for one that
    is not audio or has no samples.
    """
    import soundfile

    if path.is_dir():
        raise MissingFileError(f"{path}: is a folder, expected an audio file")
    try:
        with path.open("rb"):
            pass  # libsndfile reports all failures alike, the system does not
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise DataError(
            f"{path}: not an audio file that can be read ({error.error_string.strip()})"
        ) from error
    if file.frames == 0:
        file.close()
        raise DataError(f"{path}: holds no audio (0 samples)")
    return file


def read_audio(path: Path, sample_rate: int) -> FloatArray:
    """A whole file, channels averaged, resampled to ``sample_rate``: float32 ``[samples]``."""
    with open_audio(path) as file:
        try:
            samples = to_mono(file.read(dtype="float32", always_2d=True))
        except RuntimeError as error:  # damage behind a sound header
            raise DataError(f"{path}: breaks off ({error})") from error
        if file.samplerate == sample_rate:
            return samples
        return resample(samples, file.samplerate, sample_rate)


def write_wav(path: Path | BinaryIO, samples: FloatArray, sample_rate: int) -> None:
    """Write ``samples [n]`` as mono 16-bit PCM."""
    import soundfile

    soundfile.write(path, to_pcm16(samples), sample_rate, subtype="PCM_16", format="WAV")


def to_mono(samples: FloatArray) -> FloatArray:
    """``[samples, channels]`` averaged to ``[samples]``."""
    if samples.shape[1] == 1:
        return np.ascontiguousarray(samples[:, 0])
    return samples.mean(axis=1, dtype=np.float32)


def resample(samples: FloatArray, source_rate: int, target_rate: int) -> FloatArray:
    """``samples [n]`` at another rate, by libsoxr in high quality."""
    import soxr

    result: FloatArray = soxr.resample(samples, source_rate, target_rate).astype(np.float32)
    return result


def one_window(samples: FloatArray, length: int) -> FloatArray:
    """``length`` samples of a clip: zero-padded at the end, or the loudest stretch of it."""
    if len(samples) <= length:
        return np.pad(samples, (0, length - len(samples)))
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return samples[start : start + length]
