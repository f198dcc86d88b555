"""The program of the child process in which `kws_edge.model.first_load` tries a network.

A script, and without an import of kws_edge, so that it starts in a third of a second. The argument
is JSON: ``path`` (for ``sys.path``), ``module`` of the interpreter, ``threads``, ``memory_bytes``
above what the interpreter itself takes, ``seconds``. The flatbuffer comes on stdin; on stdout goes
``ok``, or the reason why the interpreter refuses it. A signal may end the process at any time:
that is what it is for.
"""

import contextlib
import ctypes
import importlib
import json
import mmap
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

try:
    import resource
except ImportError:  # Windows: the time that the parent waits is the only limit
    HAS_LIMITS = False
else:
    HAS_LIMITS = True

OK = "ok"
GUARD_BYTES = 4 << 30  # as far as an offset of 32 bits reaches
LONGEST_REASON = 500  # characters


def main() -> None:
    options = json.loads(sys.argv[1])
    sys.path[:] = options["path"]
    answer = os.dup(1)
    os.dup2(2, 1)  # what the interpreter prints is no answer
    flatbuffer = sys.stdin.buffer.read()
    factory = importlib.import_module(options["module"]).Interpreter
    verdict = limited_trial(
        factory, flatbuffer, options["threads"], options["memory_bytes"], options["seconds"]
    )
    os.write(answer, verdict.encode("utf-8", "backslashreplace"))
    os._exit(0)  # a network may have damaged what an orderly end would use


def limited_trial(
    factory: Callable[..., Any], flatbuffer: bytes, threads: int, memory_bytes: int, seconds: int
) -> str:
    """`OK`, or the reason why ``factory`` refuses ``flatbuffer``.

    The limits hold for the rest of the process: SIGALRM ends it after ``seconds``.
    """
    copies = [_guarded(flatbuffer, at_end) for at_end in (True, False)]
    if HAS_LIMITS:
        _set_limits(memory_bytes, seconds)
    try:
        for copy, levels in zip(copies, ((0.0, 1.0, 100.0), (1.0,)), strict=True):
            _try(factory, copy, threads, levels)
    except MemoryError:
        return f"it needs more than {memory_bytes >> 20} MiB"
    except Exception as error:  # whatever an interpreter makes of a damaged file
        return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
    return OK


def _set_limits(memory_bytes: int, seconds: int) -> None:
    if taken := _address_space():
        _limit(resource.RLIMIT_AS, taken + memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 1)  # 0 would still start a handler such as systemd-coredump
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.alarm(seconds)


def _try(
    factory: Callable[..., Any], flatbuffer: bytes, threads: int, levels: tuple[float, ...]
) -> None:
    """Run the network on noise of each of ``levels``."""
    import numpy as np

    random = np.random.default_rng(0)
    interpreter = factory(model_content=flatbuffer, num_threads=threads)
    interpreter.allocate_tensors()
    for level in levels:
        for detail in interpreter.get_input_details():
            values = random.normal(0, 1, detail["shape"]) * level
            if np.issubdtype(detail["dtype"], np.integer):
                bounds = np.iinfo(detail["dtype"])
                values = np.clip(values, bounds.min, bounds.max)
            interpreter.set_tensor(detail["index"], values.astype(detail["dtype"]))
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            interpreter.get_tensor(detail["index"])


def _guarded(content: bytes, at_end: bool) -> bytes:
    """A copy of ``content`` with nothing readable after it, or before it, as far as an offset
    reaches, so that an offset out of the file always ends the process, and not only where nothing
    happens to lie there.

    CPython lays out a bytes object as a header, its bytes and a NUL; the copy is never freed.
    Where there is no room for that (32 bits), or no such call (Windows), ``content`` itself.
    """
    if not hasattr(mmap, "MAP_PRIVATE"):
        return content
    libc, page = ctypes.CDLL(None), mmap.PAGESIZE
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    size = -(-sys.getsizeof(content) // page) * page
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    if sys.maxsize < 2 * GUARD_BYTES + size:
        return content
    start = libc.mmap(None, 2 * GUARD_BYTES + size, 0, flags, -1, 0)
    if start in (None, ctypes.c_size_t(-1).value):  # MAP_FAILED
        return content
    libc.mprotect(start + GUARD_BYTES, size, mmap.PROT_READ | mmap.PROT_WRITE)
    free = (size - sys.getsizeof(content)) // 16 * 16  # the alignment of malloc
    place = start + GUARD_BYTES + (free if at_end else 0)
    ctypes.memmove(place, id(content), sys.getsizeof(content))
    copy: bytes = ctypes.cast(place, ctypes.py_object).value
    return copy


def _limit(what: int, value: int) -> None:
    """As low as ``value``, where the system and a limit that is lower already allow it."""
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or hard > value:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (value, value))


def _address_space() -> int:
    """Bytes of this process's address space; 0 where the system does not say."""
    if sys.platform == "darwin":
        return 0
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
