"""Audio from a pipe, as it comes: a WAV or AU stream, or raw 16-bit PCM."""

import io
import os
import select
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from kws_edge.audio.files import RATES_HERTZ, Resampler, check_range, from_pcm16, to_mono
from kws_edge.errors import DataError
from kws_edge.sources.base import BLOCK_SECONDS, TICK_SECONDS, Block
from kws_edge.types import FloatArray

MAGIC_BYTES = 4
READABLE = (b"RIFF", b"RF64", b".snd")
REFUSED = {
    b"RIFX": "big-endian WAV",
    b"riff": "Wave64",
    b"FORM": "AIFF",
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"caff": "CAF",
    b"ID3\x02": "MP3",
    b"ID3\x03": "MP3",
    b"ID3\x04": "MP3",
}
LARGEST_HEADER = 1 << 20  # bytes before the samples
MOST_CHANNELS = 64
# From here on a length is a placeholder: programs that write to a pipe do not know it.
OPEN_LENGTH = 0x7FFF0000

# Format tag and bits a sample, to the names of libsndfile.
WAV_SAMPLES = {
    (1, 8): "PCM_U8",
    (1, 16): "PCM_16",
    (1, 24): "PCM_24",
    (1, 32): "PCM_32",
    (3, 32): "FLOAT",
    (3, 64): "DOUBLE",
    (6, 8): "ALAW",
    (7, 8): "ULAW",
}
EXTENSIBLE = 0xFFFE  # the format tag is the start of a longer one, behind it
AU_SAMPLES = {
    1: ("ULAW", 8),
    2: ("PCM_S8", 8),
    3: ("PCM_16", 16),
    4: ("PCM_24", 24),
    5: ("PCM_32", 32),
    6: ("FLOAT", 32),
    7: ("DOUBLE", 64),
    27: ("ALAW", 8),
}


@dataclass(frozen=True)
class StreamFormat:
    """How samples lie in a stream: ``sample_rate`` in Hz and ``channels``, each of ``bits``.

    ``subtype`` and ``endian`` are the names of libsndfile; ``data_bytes`` of samples come, as
    many as there are where it is infinite.
    """

    sample_rate: int
    channels: int = 1
    subtype: str = "PCM_16"
    bits: int = 16
    endian: str = "LITTLE"
    data_bytes: float = float("inf")

    def __post_init__(self) -> None:
        """Raises `DataError` for a rate or a number of channels that no recording has."""
        lowest, highest = RATES_HERTZ
        if not lowest <= self.sample_rate <= highest:
            raise DataError(
                f"has a sample rate of {self.sample_rate} Hz, expected {lowest} to {highest} Hz"
            )
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise DataError(f"has {self.channels} channels, expected 1 to {MOST_CHANNELS}")

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8

    def decode(self, data: bytes) -> FloatArray:
        """Whole frames as ``[frames, channels]``, float32, full scale at 1."""
        if not data or (self.subtype, self.endian) == ("PCM_16", "LITTLE"):
            return from_pcm16(data).reshape(-1, self.channels)
        import soundfile

        raw: dict[str, Any] = {"format": "RAW", "subtype": self.subtype, "endian": self.endian}
        samples: FloatArray = soundfile.read(
            io.BytesIO(data),
            dtype="float32",
            always_2d=True,
            samplerate=self.sample_rate,
            channels=self.channels,
            **raw,
        )[0]
        return samples


class AudioPipe:
    """A pipe as a stream of mono blocks at ``sample_rate``, each block as soon as it is there.

    A WAV or AU header says what follows. Without one it is raw 16-bit little-endian PCM of the
    format ``raw``, as from ``arecord -t raw``. Other formats are refused by name.
    """

    def __init__(
        self,
        stream: BinaryIO,
        sample_rate: int,
        raw: StreamFormat | None = None,
        name: str = "standard input",
    ) -> None:
        self._stream = stream
        self._rate = sample_rate
        self._raw = raw or StreamFormat(sample_rate)
        self._name = name
        self._size = max(1, int(BLOCK_SECONDS * self._raw.sample_rate)) * self._raw.frame_bytes

    def blocks(self) -> Iterator[Block]:
        """While a pipe gives nothing, an empty block each 0.25 s, so that the reader can see to
        other things, as to a signal.

        Raises `DataError` for a format that cannot be read from a pipe, for samples that are
        NaN or far beyond full scale, where raw PCM ends within a sample, and for no sample at all.
        """
        chunks, data = self._chunks(), b""
        while True:
            chunk = next(chunks, None)
            data += chunk or b""
            try:
                found = read_header(data, self._raw, ended=chunk is None)
            except DataError as error:
                raise DataError(f"{self._name}: {error}") from error
            if found:
                break
            yield Block(np.zeros(0, np.float32))
        format_, first = found
        yield from self._samples(format_, data[first:], chunks)

    def _samples(
        self, format_: StreamFormat, data: bytes, chunks: Iterator[bytes]
    ) -> Iterator[Block]:
        resampler, frame = Resampler(format_.sample_rate, self._rate), format_.frame_bytes
        left, empty = format_.data_bytes, True
        chunk: bytes | None = b""
        while chunk is not None:
            data += chunk
            whole = int(min(len(data), left)) // frame * frame
            samples = format_.decode(data[:whole])
            check_range(samples, self._name)
            yield Block(resampler(to_mono(samples), False))
            data, left, empty = data[whole:], left - whole, empty and not whole
            chunk = next(chunks, None) if left >= frame else None
        yield Block(resampler(np.zeros(0, np.float32), True))
        if data and format_ is self._raw:
            raise DataError(
                f"{self._name}: ends within a sample; expected 16-bit PCM, channels:"
                f" {format_.channels}"
            )
        if empty:
            raise DataError(f"{self._name}: not one sample of audio")

    def _chunks(self) -> Iterator[bytes]:
        """What is there, without waiting for a full block; nothing after `TICK_SECONDS`."""
        try:
            descriptor = self._stream.fileno()
        except OSError:  # bytes in memory
            yield from iter(lambda: self._stream.read(self._size), b"")
            return
        poll = select.poll()  # unlike select(), for descriptors above 1023 too
        poll.register(descriptor, select.POLLIN)
        while True:
            if not poll.poll(TICK_SECONDS * 1000):
                yield b""
            elif data := os.read(descriptor, self._size):
                yield data
            else:
                return


def read_header(data: bytes, raw: StreamFormat, ended: bool) -> tuple[StreamFormat, int] | None:
    """The format of a stream that begins with ``data``, and where its samples begin.

    ``raw`` where there is no header; None while more has to come to know it. Raises `DataError`
    for a header that is damaged, or of a format that cannot be read from a pipe.
    """
    magic = data[:MAGIC_BYTES]
    if len(magic) < MAGIC_BYTES and not ended:
        return None
    if name := REFUSED.get(magic):
        raise DataError(
            f"is {name}, which cannot be read from a pipe; name the file, or decode it:"
            " ffmpeg -i FILE -f wav - | kws-edge listen --input -"
        )
    if magic not in READABLE:
        return raw, 0
    if found := _au_header(data) if magic == b".snd" else _wav_header(data):
        return found
    if ended or len(data) > LARGEST_HEADER:
        raise DataError("a sound header without samples behind it")
    return None


def _wav_header(data: bytes) -> tuple[StreamFormat, int] | None:
    if len(data) >= 12 and data[8:12] != b"WAVE":
        raise DataError(f"a RIFF file of kind {data[8:12]!r}, expected WAVE")
    place, described = 12, None
    while len(data) >= place + 8 and place <= LARGEST_HEADER:
        kind, size = struct.unpack_from("<4sI", data, place)
        body = data[place + 8 : place + 8 + size]
        if kind == b"data":
            if described is None:
                raise DataError("a WAV header without a format before the samples")
            length = size if 0 < size < OPEN_LENGTH else float("inf")
            return _wav_format(described, length), place + 8
        if kind == b"fmt " and len(body) == size:
            described = body
        place += 8 + size + size % 2
    return None


def _wav_format(described: bytes, length: float) -> StreamFormat:
    """What the body of a chunk ``fmt`` says."""
    if len(described) < 16:
        raise DataError("a WAV header whose format is cut short")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", described)
    if tag == EXTENSIBLE and len(described) >= 26:
        (tag,) = struct.unpack_from("<H", described, 24)
    if (tag, bits) not in WAV_SAMPLES:
        raise DataError(
            f"is WAV with format {tag} of {bits} bits, which cannot be read from a pipe; name the"
            " file, or let the program write PCM"
        )
    return StreamFormat(rate, channels, WAV_SAMPLES[tag, bits], bits, data_bytes=length)


def _au_header(data: bytes) -> tuple[StreamFormat, int] | None:
    if len(data) < 24:
        return None
    first, size, encoding, rate, channels = struct.unpack_from(">5I", data, 4)
    if encoding not in AU_SAMPLES or not 24 <= first <= LARGEST_HEADER:
        raise DataError(f"is AU with encoding {encoding}, which cannot be read from a pipe")
    subtype, bits = AU_SAMPLES[encoding]
    length = size if 0 < size < OPEN_LENGTH else float("inf")
    if len(data) < first:
        return None
    return StreamFormat(rate, channels, subtype, bits, "BIG", length), first
