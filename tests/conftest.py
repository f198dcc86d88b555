"""What several tests share: real recordings where there are any, models, the commands."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_edge.audio.files import write_wav
from kws_edge.model.file import find_model
from kws_edge.types import FloatArray

ROOT = Path(__file__).parent.parent

Command = Callable[..., subprocess.CompletedProcess[str]]


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C and hands that on to every program it starts, and
    with it to those that the tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # verdicts on the models of tests are no use to the user who runs them
    os.environ["XDG_CACHE_HOME"] = str(ROOT / ".pytest_cache" / "xdg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side (pytest -n), a file stays with one worker: what its tests
    share is made once."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder with mini_speech_commands, gsc_test_public and the other sets."""
    folder = os.environ.get("KWS_EDGE_DATA")
    if not folder:
        pytest.skip("needs real recordings: set KWS_EDGE_DATA to their folder")
    return Path(folder)


@pytest.fixture(scope="session")
def model_path() -> Path:
    return find_model("mfcc-int8")


@pytest.fixture
def run_command() -> Command:
    """Run ``kws-edge`` as a user does, in a process of its own."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kws_edge", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,  # type: ignore[call-overload]
        )

    return run


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A ``kws-edge`` of this checkout and this Python."""
    path = tmp_path / "kws-edge"
    path.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m kws_edge "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def word_file(tmp_path: Path) -> Path:
    """A WAV file of 1 s, loud enough to be a word."""
    path = tmp_path / "word.wav"
    write_wav(path, noise(16000), 16000)
    return path


def noise(samples: int, seed: int = 0) -> FloatArray:
    """White noise at about -20 dBFS."""
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)
