"""The resampler where the package soxr is missing, as on 32-bit ARM."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.audio.resampling import SYSTEM_LIBRARY, SystemStream, resample_stream
from kws_edge.types import FloatArray

try:
    ctypes.CDLL(SYSTEM_LIBRARY)
except OSError:
    pytest.skip(f"needs {SYSTEM_LIBRARY}: apt install libsoxr0", allow_module_level=True)

WITHOUT_THE_PACKAGE = "import sys; sys.modules['soxr'] = None\n"


def noise(samples: int) -> FloatArray:
    return np.random.default_rng(7).uniform(-0.5, 0.5, samples).astype(np.float32)


@pytest.mark.parametrize(("source", "target"), [(48000, 16000), (44100, 16000), (8000, 16000)])
def test_the_libraries_of_system_and_package_agree(source: int, target: int) -> None:
    pytest.importorskip("soxr")
    signal = noise(source)
    found = SystemStream(source, target).resample_chunk(signal, last=True)
    expected = resample_stream(source, target).resample_chunk(signal, last=True)
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 1e-5


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 60_000), max_size=8))
def test_blocks_of_any_size_give_one_stream(sizes: list[int]) -> None:
    signal = noise(sum(sizes))
    stream = SystemStream(44100, 16000)
    blocks = np.split(signal, np.cumsum(sizes))
    parts = [stream.resample_chunk(block) for block in blocks[:-1]]
    parts.append(stream.resample_chunk(blocks[-1], last=True))
    whole = SystemStream(44100, 16000).resample_chunk(signal, last=True)
    assert np.allclose(np.concatenate(parts), whole, atol=1e-6)
    assert abs(len(whole) - len(signal) * 16000 / 44100) <= 1


def test_commands_run_without_the_package() -> None:
    code = WITHOUT_THE_PACKAGE + (
        "from kws_edge.audio.resampling import resample\n"
        "import numpy as np\n"
        "print(len(resample(np.zeros(48000, np.float32), 48000, 16000)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "16000\n", result.stderr


def test_without_either_the_error_names_both_remedies() -> None:
    code = WITHOUT_THE_PACKAGE + (
        "from kws_edge.audio import resampling\n"
        "from kws_edge.errors import ConfigError\n"
        "resampling.SYSTEM_LIBRARY = 'libnone.so.0'\n"
        "try:\n    resampling.resample_stream(48000, 16000)\n"
        "except ConfigError as error:\n    print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install soxr" in result.stdout, result.stderr
    assert "apt install libsoxr0" in result.stdout
