"""macOS and Windows, as far as Linux can show it: what they lack is taken away before the start.

That is a test of imports and of a file's way through the program, not of these systems.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from record_world import manifest

from kws_edge.model.file import bundled_models

# What the standard library itself needs of Linux is imported before.
WITHOUT = """
import asyncio, os, runpy, select, signal, socket, subprocess, sys, tempfile, numpy
for name in {modules!r}:
    sys.modules[name] = None
for name in {names!r}:
    owner, _, attribute = name.partition(".")
    delattr(sys.modules[owner], attribute)
"""
WINDOWS = WITHOUT.format(
    modules=("termios", "tty", "fcntl", "resource", "pwd", "grp", "pty"),
    names=(
        *(f"signal.{name}" for name in ("SIGHUP", "SIGALRM", "SIGBUS", "SIGUSR1", "alarm")),
        *(f"os.{name}" for name in ("geteuid", "memfd_create", "pread", "O_DIRECTORY")),
        *(f"os.{name}" for name in ("fchmod", "set_blocking", "killpg")),
        *("socket.AF_UNIX", "select.poll", "select.POLLRDHUP", "signal.pthread_sigmask"),
    ),
)
MACOS = WITHOUT.format(modules=(), names=("os.memfd_create", "select.POLLRDHUP"))
IMPORT_ALL = """
import importlib, pkgutil, kws_edge
names = [one.name for one in pkgutil.walk_packages(kws_edge.__path__, "kws_edge.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""
COMMAND = """
sys.argv[:] = ["kws-edge", *{arguments!r}]
runpy.run_module("kws_edge", run_name="__main__")
"""
SYSTEMS = pytest.mark.parametrize("system", [WINDOWS, MACOS], ids=["Windows", "macOS"])


def run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )


@SYSTEMS
def test_every_module_can_be_imported(system: str) -> None:
    result = run(system + IMPORT_ALL)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 80


@SYSTEMS
def test_a_file_is_listened_to(system: str) -> None:
    result = run(system + COMMAND.format(arguments=("listen", "--demo", "--pace", "max")))
    assert result.returncode == 0, result.stderr
    assert "spotted 7 of 8" in result.stdout


@SYSTEMS
def test_a_model_that_does_not_ship_is_tried_and_used(system: str, tmp_path: Path) -> None:
    model = tmp_path / "mine.tflite"
    shutil.copy(bundled_models()["small-int8"], model)
    result = run(system + COMMAND.format(arguments=("check", "--model", str(model))))
    assert result.returncode == 0, result.stderr


SAVE = """
from pathlib import Path
from kws_edge.recorder.collection import Collection
from kws_edge.recorder.take import judge
take = judge(numpy.random.default_rng(0).normal(0, 0.01, 56000).astype("f4"), "_silence_")
for _ in range(2):
    Collection(Path({folder!r})).save(take, "_silence_", "ann", None)
"""


@SYSTEMS
def test_samples_are_saved(system: str, tmp_path: Path) -> None:
    result = run(system + SAVE.format(folder=str(tmp_path)))
    assert result.returncode == 0, result.stderr
    saved = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.wav"))
    assert sorted(str(entry["path"]) for entry in manifest(tmp_path)) == saved
    assert len(saved) == 2


def test_without_keys_record_says_what_works() -> None:
    result = run(WINDOWS + COMMAND.format(arguments=("record", "yes")))
    assert result.returncode == 2
    assert "--yes keeps good takes" in result.stderr
