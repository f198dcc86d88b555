"""The three interpreters behind one function, each in a process of its own."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Command

from kws_edge.model.classifier import Classifier
from kws_edge.model.interpreter import CHOICE_VARIABLE, MODULES, interpreter_name
from kws_edge.model.probe import run_probe


@pytest.mark.parametrize("name", MODULES)
def test_all_say_the_same(name: str, run_command: Command, word_file: Path) -> None:
    if importlib.util.find_spec(MODULES[name].split(".")[0]) is None:
        pytest.skip(f"{name} is not installed")
    environment = {**os.environ, "KWS_EDGE_INTERPRETER": name}
    assert name in run_command("check", env=environment).stdout
    found = [
        json.loads(run_command("predict", "--json", word_file, env=env).stdout)["posteriors"]
        for env in (environment, os.environ)
    ]
    assert found[0] == pytest.approx(found[1], abs=0.02)


def test_tflite_runtime_is_not_loaded_beside_tensorflow() -> None:
    """It would end the process."""
    for package in ("tensorflow", "tflite_runtime"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    code = "import tensorflow; from kws_edge.cli import entry_point; entry_point()"
    result = subprocess.run(
        [sys.executable, "-c", code, "check"],
        env={**os.environ, "KWS_EDGE_INTERPRETER": "tflite-runtime"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 69
    assert "cannot be loaded beside TensorFlow" in result.stderr


def test_a_new_interpreter_is_a_module_and_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_path: Path
) -> None:
    """The two files that an addition touches; the models' own probe judges its answers."""
    known = MODULES[interpreter_name().split()[0]]
    (tmp_path / "counting_interpreter.py").write_text(
        f"from {known} import Interpreter as Known\n\n\n"
        "class Interpreter(Known):\n"
        "    invoked = 0\n\n"
        "    def invoke(self) -> None:\n"
        "        Interpreter.invoked += 1\n"
        "        super().invoke()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(MODULES, "toy", "counting_interpreter")
    monkeypatch.setenv(CHOICE_VARIABLE, "toy")
    assert interpreter_name() == "toy"
    result = run_probe(Classifier.load(model_path))
    assert result.difference <= result.tolerance
    assert importlib.import_module("counting_interpreter").Interpreter.invoked == 1
