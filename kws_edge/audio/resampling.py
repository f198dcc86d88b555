"""libsoxr: by the package ``soxr``, or that of the system where there is no wheel (32-bit ARM)."""

import ctypes
import functools
import weakref
from typing import Any, Protocol

import numpy as np

from kws_edge.errors import ConfigError
from kws_edge.types import FloatArray

SYSTEM_LIBRARY = "libsoxr.so.0"
BUFFER_SAMPLES = 1 << 14  # of output in one call


class ResampleStream(Protocol):
    """The part of ``soxr.ResampleStream`` that is used here."""

    def resample_chunk(self, x: FloatArray, last: bool = False) -> FloatArray:
        """What is ready after ``x [n]``, float32; all the rest where it is the ``last``."""
        ...


def resample_stream(source_rate: int, target_rate: int) -> ResampleStream:
    """A stream of one channel from one rate to another, both in Hz, in libsoxr's high quality.

    Raises `ConfigError` where libsoxr is missing.
    """
    try:
        import soxr
    except ImportError:
        return SystemStream(source_rate, target_rate)
    stream: ResampleStream = soxr.ResampleStream(source_rate, target_rate, 1)
    return stream


def resample(samples: FloatArray, source_rate: int, target_rate: int) -> FloatArray:
    """``samples [n]`` at another rate. Raises as `resample_stream`."""
    try:
        import soxr
    except ImportError:
        return SystemStream(source_rate, target_rate).resample_chunk(samples, last=True)
    result: FloatArray = soxr.resample(samples, source_rate, target_rate).astype(np.float32)
    return result


class SystemStream:
    """A `ResampleStream` by the system's libsoxr, whose C interface is in soxr.h."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._library = _system_library()
        fault = ctypes.c_char_p()
        # without specifications libsoxr takes those of the package: float32, high quality
        self._handle = ctypes.c_void_p(
            self._library.soxr_create(
                source_rate, target_rate, 1, ctypes.byref(fault), None, None, None
            )
        )
        _check(fault.value)
        weakref.finalize(self, self._library.soxr_delete, self._handle)

    def resample_chunk(self, x: FloatArray, last: bool = False) -> FloatArray:
        """What is ready after ``x [n]``, float32; all the rest where it is the ``last``."""
        x = np.ascontiguousarray(x, np.float32)
        parts = self._process(x)
        if last:
            parts += self._process(None)
        return np.concatenate(parts)

    def _process(self, x: FloatArray | None) -> list[FloatArray]:
        """All output of ``x [n]``, or of the end of the stream, which libsoxr takes as NULL."""
        parts: list[FloatArray] = []
        used, made, start = ctypes.c_size_t(), ctypes.c_size_t(BUFFER_SAMPLES), 0
        # a full buffer says that more may wait
        while made.value == BUFFER_SAMPLES or (x is not None and start < len(x)):
            output = np.empty(BUFFER_SAMPLES, np.float32)
            rest = None if x is None else x[start:]
            fault = self._library.soxr_process(
                self._handle,
                None if rest is None else rest.ctypes.data,
                0 if rest is None else len(rest),
                ctypes.byref(used),
                output.ctypes.data,
                len(output),
                ctypes.byref(made),
            )
            _check(fault)
            start += used.value
            parts.append(output[: made.value])
        return parts


def _check(fault: bytes | None) -> None:
    if fault:
        raise ValueError(f"libsoxr: {fault.decode(errors='replace')}")


@functools.cache
def _system_library() -> Any:
    try:
        library = ctypes.CDLL(SYSTEM_LIBRARY)
    except OSError as error:
        raise ConfigError(
            "audio at another rate needs libsoxr: pip install soxr, or on 32-bit ARM"
            " apt install libsoxr0"
        ) from error
    pointer, size, rate = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_double
    library.soxr_create.restype = pointer
    library.soxr_create.argtypes = [rate, rate, ctypes.c_uint, *[pointer] * 4]
    library.soxr_process.restype = ctypes.c_char_p
    library.soxr_process.argtypes = [pointer, pointer, size, pointer, pointer, size, pointer]
    library.soxr_delete.restype = None
    library.soxr_delete.argtypes = [pointer]
    return library
