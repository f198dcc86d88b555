"""Audio files and samples: reading, writing, and the bounds of rates and samples.

Inside the program audio is float32 in [-1, 1), mono: an int16 sample divided by 32768.
`AudioReader` is the only reader of sound files.
"""

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from kws_edge.audio.resampling import ResampleStream, resample_stream
from kws_edge.errors import DataError, MissingFileError
from kws_edge.types import FloatArray

PCM16_SCALE = 32768.0
# By what a file holds the reader knows its format; the name says that it is meant as a clip.
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64")

RATES_HERTZ = (1_000, 768_000)  # a header with another rate is damaged, or a trap
LOUDEST = 100.0  # 40 dB above full scale: no gain does that, int16 taken for floats does
READ_VALUES = 1 << 18  # in one read, all channels together: 1 MB
LONGEST_SECONDS = 3600.0  # of a file that is read as a whole: 230 MB at 16 kHz
LARGEST_PIPE_BYTES = 1 << 28  # copied from a pipe: 2 h of 16-bit samples at 16 kHz


def from_pcm16(data: bytes | npt.NDArray[np.int16]) -> FloatArray:
    """Little-endian int16 samples as float32 in [-1, 1)."""
    samples = np.frombuffer(data, "<i2") if isinstance(data, bytes) else data
    return samples.astype(np.float32) / np.float32(PCM16_SCALE)


def to_pcm16(samples: FloatArray) -> npt.NDArray[np.int16]:
    """float32 in [-1, 1) as int16; values beyond the range are clipped."""
    scaled = np.rint(np.asarray(samples, np.float64) * PCM16_SCALE)
    return np.clip(scaled, -PCM16_SCALE, PCM16_SCALE - 1).astype(np.int16)


def is_clip(path: Path) -> bool:
    """Whether a file of a folder is meant as audio: a regular file, or a link to one, with one
    of `AUDIO_SUFFIXES`, whose name does not start with a dot.

    Hidden are the files that macOS leaves beside others (``._clip.wav``, ``.DS_Store``). A folder
    or a FIFO of such a name is no clip.
    """
    return path.suffix.lower() in AUDIO_SUFFIXES and path.name[0] != "." and path.is_file()


def audio_files(folder: Path) -> list[Path]:
    """The clips (see `is_clip`) in ``folder`` and below it, sorted.

    Folders that start with a dot are hidden too; the recorder keeps raw takes there.
    Raises `MissingFileError` for a missing folder.
    """
    if not folder.is_dir():
        raise MissingFileError(f"{folder}: no such folder")
    return sorted(
        path
        for path in folder.rglob("*")
        if is_clip(path) and not any(part[0] == "." for part in path.relative_to(folder).parts)
    )


class AudioReader:
    """A sound file that is read in blocks: what comes counts, not what its header announces.

    The content decides about the format, whatever the name. A pipe or FIFO is copied into a
    temporary file first, up to `LARGEST_PIPE_BYTES`.
    """

    def __init__(self, path: Path) -> None:
        """Raises `MissingFileError` for a missing or unreadable file, and `DataError` for one
        that is not audio, announces no samples, or has a rate outside `RATES_HERTZ`."""
        self.path = path
        self._bytes = _open_seekable(path)
        try:
            self._file = _open_sound(self._bytes, path)
        except BaseException:
            self._bytes.close()
            raise
        self.sample_rate: int = self._file.samplerate
        frames: int = self._file.frames
        # libsndfile has the largest number for a length that the header leaves open
        self.announced_seconds = frames / self.sample_rate if frames < 1 << 62 else np.inf

    def __enter__(self) -> "AudioReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._bytes.close()

    def blocks(self, sample_rate: int, seconds: float = np.inf) -> Iterator[FloatArray]:
        """The file from here on as mono blocks ``[n]``, n >= 0, at ``sample_rate`` in Hz.

        A block has at most ``seconds``, or what one read of 1 MB holds; the blocks make no
        difference to the samples. Raises `DataError` where the file breaks off, where a sample
        is NaN or far beyond full scale, and at the end of a file without samples.
        """
        size = max(1, READ_VALUES // self._file.channels)
        if seconds * self.sample_rate < size:
            size = max(1, int(seconds * self.sample_rate))
        resampler = Resampler(self.sample_rate, sample_rate)
        total, last = 0, False
        while not last:
            block = self._read(size)
            last = len(block) < size
            block = resampler(block, last)
            total += len(block)
            yield block
        if not total:
            raise DataError(f"{self.path}: holds no audio (0 samples)")

    def _read(self, frames: int) -> FloatArray:
        try:
            samples = self._file.read(frames, dtype="float32", always_2d=True)
        except RuntimeError as error:  # damage behind a sound header
            raise DataError(f"{self.path}: breaks off ({error})") from error
        check_range(samples, str(self.path))
        return to_mono(samples)


class Resampler:
    """Blocks of a stream at another rate, by libsoxr in high quality."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._stream: ResampleStream | None = None
        if source_rate != target_rate:
            self._stream = resample_stream(source_rate, target_rate)

    def __call__(self, block: FloatArray, last: bool) -> FloatArray:
        """What is ready after ``block [n]``; all the rest where it is the ``last``."""
        if self._stream is None:
            return block
        return self._stream.resample_chunk(block, last=last)


def _open_seekable(path: Path) -> BinaryIO:
    """The file as bytes; of what cannot be searched, such as a pipe, a copy."""
    if path.is_dir():
        raise MissingFileError(f"{path}: is a folder, expected an audio file")
    try:
        # libsndfile reports all failures alike, the system does not; and it is opened once,
        # since a FIFO cannot be opened again
        file = path.open("rb", buffering=0)
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        with file:
            return _copied(file, path)
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error


def _copied(file: Any, path: Path) -> BinaryIO:
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    total = 0
    while data := file.read(1 << 16):
        total += len(data)
        if total > LARGEST_PIPE_BYTES:
            copy.close()
            raise DataError(
                f"{path}: more than {LARGEST_PIPE_BYTES >> 20} MiB came by the pipe; write it"
                " to a file and name that"
            )
        copy.write(data)
    copy.seek(0)
    return copy


def _open_sound(file: BinaryIO, path: Path) -> Any:
    """A `soundfile.SoundFile` that reads on and on, without looking where it is."""
    import soundfile

    try:
        # by descriptor: no file name needs to be encoded, nor does an ending name a format
        sound = soundfile.SoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError as error:
        raise DataError(
            f"{path}: not an audio file that can be read ({error.error_string.strip()})"
        ) from error
    # it would search after each read, which fails at the end of a FLAC stream of open length
    sound.seekable = lambda: False
    lowest, highest = RATES_HERTZ
    if sound.frames and lowest <= sound.samplerate <= highest:
        return sound
    fault = f"has a sample rate of {sound.samplerate} Hz, expected {lowest} to {highest} Hz"
    fault = fault if sound.frames else "holds no audio (0 samples)"
    sound.close()
    raise DataError(f"{path}: {fault}")


def check_range(samples: npt.NDArray[np.floating[Any]], what: str) -> None:
    """Raises `DataError`, beginning with ``what``, where samples are NaN, infinite or far beyond
    full scale."""
    if not samples.size:
        return
    peak = max(float(samples.max()), -float(samples.min()))
    if not peak < LOUDEST:  # nor NaN, which no comparison holds for
        raise DataError(
            f"{what}: found a sample of {peak:g}, expected float32 in [-1, 1): int16 samples"
            " have the type int16, or are divided by 32768"
        )


def read_audio(path: Path, sample_rate: int, longest: float = LONGEST_SECONDS) -> FloatArray:
    """A whole file, channels averaged, resampled to ``sample_rate``: float32 ``[samples]``.

    Raises as `AudioReader`, and `DataError` for more than ``longest`` seconds.
    """
    blocks, total = [], 0
    with AudioReader(path) as reader:
        for block in reader.blocks(sample_rate):
            total += len(block)
            if total > longest * sample_rate:
                raise DataError(f"{path}: longer than {longest:g} s; cut it into several files")
            blocks.append(block)
    return np.concatenate(blocks)


def read_window(path: Path, sample_rate: int, length: int) -> FloatArray:
    """The loudest ``length`` samples of a file of any length, as `one_window` has them.

    In memory is a part of the file at a time. Raises as `AudioReader`.
    """
    with AudioReader(path) as reader:
        return _loudest(reader.blocks(sample_rate), length)


def write_wav(path: Path | BinaryIO, samples: FloatArray, sample_rate: int) -> None:
    """Write ``samples [n]`` as mono 16-bit PCM."""
    import soundfile

    file = os.fsencode(path) if isinstance(path, Path) else path  # a name need not be UTF-8
    soundfile.write(file, to_pcm16(samples), sample_rate, subtype="PCM_16", format="WAV")


def to_mono(samples: FloatArray) -> FloatArray:
    """``[samples, channels]`` averaged to ``[samples]``."""
    if samples.shape[1] == 1:
        return np.ascontiguousarray(samples[:, 0])
    return samples.mean(axis=1, dtype=np.float32)


def one_window(samples: FloatArray, length: int) -> FloatArray:
    """``length`` samples of a clip: zero-padded at the end, or the loudest stretch of it."""
    return _loudest([samples], length)


def _loudest(blocks: Iterable[FloatArray], length: int) -> FloatArray:
    samples = np.zeros(0, np.float32)  # the last of the stream: a window may begin in them
    energy = np.zeros(1)  # of the stream before each of them, and after the last
    window, most = samples, -np.inf
    for block in blocks:
        added = np.cumsum(np.concatenate([energy[-1:], np.square(block, dtype=np.float64)]))
        samples = np.concatenate([samples, block])
        energy = np.concatenate([energy, added[1:]])
        if len(samples) < length:
            continue
        found = energy[length:] - energy[:-length]  # [windows that end in this block]
        start = int(np.argmax(found))
        if found[start] > most:
            window, most = samples[start : start + length].copy(), found[start]
        samples, energy = samples[len(samples) - length + 1 :], energy[len(energy) - length :]
    return window if most > -np.inf else np.pad(samples, (0, length - len(samples)))
