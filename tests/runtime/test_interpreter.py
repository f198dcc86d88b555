"""The three interpreters behind one function, each in a process of its own."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Command

from kws_edge.model.interpreter import MODULES


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
