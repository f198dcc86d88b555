"""Sound files with mutated headers through every reader of a sound: whole, window, pipe.

Each case runs in a process that is forked for it, so that a crash is counted and the next case
begins clean. A reader either refuses a file by `KwsEdgeError` or gives samples within bounds.
"""

import io
import os
import random
import signal
import struct
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
import soxr  # here, so that the time of a case is its own

from kws_edge.audio.files import LOUDEST, read_audio, read_window
from kws_edge.errors import KwsEdgeError
from kws_edge.sources.base import AudioFile
from kws_edge.sources.pipe import AudioPipe
from kws_edge.types import FloatArray

from . import Summary

NAME = "audio headers"
RATE = 16000
HANG_SECONDS = 10
HEADER_BYTES = 128
KINDS = (
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "ULAW"),
    ("WAV", "GSM610"),
    ("WAV", "IMA_ADPCM"),
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("OGG", "VORBIS"),
    ("W64", "PCM_16"),
    ("CAF", "PCM_16"),
)
ODD = (0, 1, 2, 127, 128, 255, 256, 1000, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
REFUSED, READ, TRACEBACK = 10, 11, 12  # exit codes of a case


def run(count: int, seed: int) -> Summary:
    """One row of the table: what went wrong in ``count`` cases, by kind."""
    soxr.resample(np.zeros(100, np.float32), 8000, RATE)
    bases = [base(*kind) for kind in KINDS]
    counts: Counter[str] = Counter()
    worst = 0
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "case.wav")
        for case in range(count):
            rng = random.Random(f"{seed} {case}")
            data = mutated(rng.choice(bases), rng)
            path.write_bytes(data)
            pid = os.fork()
            if pid == 0:
                _case(path, data)
            _, status, usage = os.wait4(pid, 0)
            kind = _kind(status)
            counts[kind] += 1
            worst = max(worst, usage.ru_maxrss)
            if kind not in ("refused", "read"):
                kept = Path(tempfile.gettempdir(), f"kws-edge-fuzz-audio-{seed}-{case}.wav")
                kept.write_bytes(data)
                sys.stderr.write(f"audio, case {case}: {kind}; {kept}\n")
    sys.stderr.write(f"{counts['refused']} refused by all readers, {counts['read']} read by one\n")
    found = counts["traceback"], counts["crash"], counts["hang"]
    return Summary(counts.total(), *found, worst_rss_mb=worst / 1024)


def base(container: str, subtype: str) -> bytes:
    """A sound of 0.1 s."""
    tone = 0.25 * np.sin(np.arange(RATE // 10) / 6)
    file = io.BytesIO()
    soundfile.write(file, tone, RATE, format=container, subtype=subtype)
    return file.getvalue()


def mutated(data: bytes, rng: random.Random) -> bytes:
    """``data`` with 1 to 6 changes, most of them in its header."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        end = HEADER_BYTES if rng.random() < 0.9 else len(content)
        place = rng.randrange(min(end, len(content) - 8))
        change = rng.randrange(6)
        if change == 0:
            content[place] = rng.randrange(256)
        elif change == 1:
            content[place] ^= 1 << rng.randrange(8)
        elif change == 2:
            order = rng.choice("<>")
            content[place : place + 4] = struct.pack(f"{order}I", rng.choice(ODD))
        elif change == 3:
            order = rng.choice("<>")
            content[place : place + 8] = struct.pack(f"{order}Q", rng.choice(ODD) << 32)
        elif change == 4:
            other = rng.randrange(min(HEADER_BYTES, len(content) - 8))
            content[place:place] = content[other : other + rng.randrange(1, 64)]
        else:
            del content[place : place + rng.randrange(1, 16)]
        if len(content) < 16:
            break
    if rng.random() < 0.1:
        del content[rng.randrange(1, len(content)) :]
    return bytes(content)


def _case(path: Path, data: bytes) -> None:
    """Everything that reads a sound; ends the process."""
    signal.alarm(HANG_SECONDS)  # without a handler it ends the process
    code = REFUSED
    try:
        for reader in (_whole, _window, _file, _pipe):
            try:
                samples = reader(path, data)
            except KwsEdgeError:
                continue
            assert samples.ndim == 1
            assert samples.dtype == np.float32
            assert not len(samples) or np.abs(samples).max() < 2 * LOUDEST  # nor NaN
            code = READ
    except BaseException:
        traceback.print_exc()
        code = TRACEBACK
    sys.stderr.flush()
    os._exit(code)


def _whole(path: Path, _: bytes) -> FloatArray:
    return read_audio(path, RATE)


def _window(path: Path, _: bytes) -> FloatArray:
    window = read_window(path, RATE, RATE)
    assert len(window) == RATE
    return window


def _file(path: Path, _: bytes) -> FloatArray:
    return np.concatenate([block.samples for block in AudioFile(path, RATE).blocks()])


def _pipe(_: Path, data: bytes) -> FloatArray:
    pipe = AudioPipe(io.BytesIO(data), RATE)
    return np.concatenate([block.samples for block in pipe.blocks()])


def _kind(status: int) -> str:
    if os.WIFSIGNALED(status):
        return "hang" if os.WTERMSIG(status) == signal.SIGALRM else "crash"
    known = {REFUSED: "refused", READ: "read", TRACEBACK: "traceback"}
    return known.get(os.WEXITSTATUS(status), "crash")
