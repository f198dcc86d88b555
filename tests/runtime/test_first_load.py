"""A model file that does not ship is tried in a process of its own, once."""

import importlib.util
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command

from kws_edge.errors import InterpreterError, ModelError
from kws_edge.files import write_atomically
from kws_edge.model import first_load, trial
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import find_model, pack_model, read_model
from kws_edge.model.interpreter import CHOICE_VARIABLE, MODULES, interpreter_name

TOY = """
from {known} import Interpreter as Known

class Interpreter(Known):
    def invoke(self):
        {deed}
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    return tmp_path / "cache" / "kws-edge" / "first-loads"


@pytest.fixture
def own_model(tmp_path: Path) -> Path:
    """A sound model that does not ship."""
    path = tmp_path / "own.tflite"
    path.write_bytes(find_model("small-int8").read_bytes())
    return path


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs of the child processes that were started."""
    started: list[str] = []
    run: Callable[..., Any] = subprocess.run

    def counted(arguments: list[str], **options: Any) -> Any:
        started.append(arguments[2])
        return run(arguments, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    return started


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Use the interpreter as it is, but for a deed whenever it is invoked."""

    def use(deed: str) -> None:
        known = MODULES[interpreter_name().split()[0]]
        (tmp_path / "toy_interpreter.py").write_text(TOY.format(known=known, deed=deed))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setitem(MODULES, "toy", "toy_interpreter")
        monkeypatch.setenv(CHOICE_VARIABLE, "toy")

    return use


def damaged(folder: Path, where: str) -> Path:
    """A table lies after the end of the file, or before its start; size and hash are right."""
    model = read_model(find_model("small-int8"))
    path = folder / "damaged.tflite"
    flatbuffer = bytearray(model.flatbuffer)
    (root,) = struct.unpack_from("<I", flatbuffer)
    # an offset from the start of the file forwards, or from the root table back to its vtable
    struct.pack_into("<i", flatbuffer, 0 if where == "after" else root, 2**31 - 256)
    path.write_bytes(pack_model(model.manifest, bytes(flatbuffer)))
    return path


def test_a_bundled_model_loads_without_a_child(cache: Path, trials: list[str]) -> None:
    Classifier.load(find_model("small-int8"))
    assert trials == []
    assert not cache.exists()


def test_a_model_of_ones_own_is_tried_once(cache: Path, own_model: Path, trials: list[str]) -> None:
    for _ in range(3):
        classifier = Classifier.load(own_model)
    assert trials == [trial.__file__]
    assert classifier(np.zeros(classifier.manifest.features.shape, np.float32)).shape == (10,)
    (kept,) = cache.iterdir()
    assert kept.read_text() == "ok"
    assert interpreter_name().replace(" ", "-") in kept.name
    assert cache.stat().st_mode & 0o777 == 0o700


def test_another_version_of_the_interpreter_tries_it_again(
    cache: Path, own_model: Path, trials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Classifier.load(own_model)
    monkeypatch.setattr(first_load, "interpreter_name", lambda: "litert 99.0")
    Classifier.load(own_model)
    assert len(trials) == 2
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("where", ["after", "before"])
@pytest.mark.parametrize("name", ["litert", "tflite-runtime"])
def test_a_damaged_network_is_one_line_in_any_interpreter(
    name: str, where: str, cache: Path, tmp_path: Path, word_file: Path, run_command: Command
) -> None:
    if importlib.util.find_spec(MODULES[name].split(".")[0]) is None:
        pytest.skip(f"{name} is not installed")
    path = damaged(tmp_path, where)
    environment = {**os.environ, CHOICE_VARIABLE: name}
    first, second = (
        run_command("predict", "--model", path, word_file, env=environment) for _ in range(2)
    )
    assert first.returncode == second.returncode == 65
    assert first.stderr.count("\n") == 1
    if name == "litert":  # it verifies offsets, so nothing crashes
        assert "refused by the interpreter: " in first.stderr
        return
    assert f"{path}: crashes tflite-runtime" in first.stderr
    assert "(SIGSEGV): the file is damaged, or hostile" in first.stderr
    (kept,) = cache.iterdir()
    assert f"its first load, as {kept} says" in second.stderr


@pytest.mark.parametrize(
    ("deed", "message", "kept"),
    [
        ("import os; os.abort()", r"crashes toy \(SIGABRT, given \d+ MiB\)", 1),
        ("import os; os.kill(os.getpid(), 8)", r"crashes toy \(SIGFPE\)", 1),
        ("bytearray(2**30)", r"refused by the interpreter: it needs more than \d+ MiB", 0),
        ("while True: pass", "does not run within 1 s", 0),
        ("raise RuntimeError('a\\nb')", "refused by the interpreter: a b", 0),
        ("import os; os._exit(0)", "cannot be tried: the process ended with status 0", 0),
    ],
)
def test_how_a_trial_may_end(
    deed: str,
    message: str,
    kept: int,
    cache: Path,
    own_model: Path,
    toy: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toy(deed)
    monkeypatch.setattr(first_load, "TRIAL_SECONDS", 1)
    with pytest.raises(ModelError, match=rf"own\.tflite: {message}"):
        Classifier.load(own_model)
    assert len(list(cache.iterdir())) == kept


def test_what_an_interpreter_prints_is_no_answer(
    cache: Path, own_model: Path, toy: Callable[[str], None]
) -> None:
    toy("print('ok'); import os; os.write(1, b'ok'); os.abort()")
    with pytest.raises(ModelError, match="SIGABRT"):
        Classifier.load(own_model)


def test_a_cache_that_others_may_write_is_not_used(
    cache: Path, own_model: Path, trials: list[str]
) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    for _ in range(2):
        Classifier.load(own_model)
    assert len(trials) == 2
    assert list(cache.iterdir()) == []


def test_the_cache_is_bounded(cache: Path, own_model: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    for number in range(first_load.MAX_VERDICTS + 20):
        write_atomically(cache / f"{number}", b"ok")
        os.utime(cache / f"{number}", (number, number))
    Classifier.load(own_model)
    names = {path.name for path in cache.iterdir()}
    assert len(names) == first_load.MAX_VERDICTS
    assert "20" not in names
    assert "21" in names


def test_without_a_way_to_start_a_process_nothing_is_loaded(
    cache: Path, own_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(InterpreterError, match="cannot start a process to try a model"):
        Classifier.load(own_model)


def test_a_service_keeps_verdicts_where_systemd_says(
    own_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "var"))
    Classifier.load(own_model)
    assert len(list((tmp_path / "var" / "first-loads").iterdir())) == 1
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL  # the limits are the child's alone
