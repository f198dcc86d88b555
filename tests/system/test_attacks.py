"""A few cases of each attack of ``python -m tests.fuzz``; docs/reliability.md has the long runs."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT
from fuzz.__main__ import attacks

COUNTS = {
    "audio": 20,
    "flatbuffers": 8,
    "http": 40,
    "manifests": 40,
    "mqtt": 20,
    "signals": 2,
    "wyoming": 40,
    "yaml": 40,
}


def test_every_attack_is_tried_here() -> None:
    assert set(attacks()) == set(COUNTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_an_attack_runs_and_finds_nothing(name: str) -> None:
    needed = {"http": "prometheus_client", "mqtt": "paho.mqtt", "wyoming": "wyoming"}
    if name in needed:
        pytest.importorskip(needed[name])
    command = [sys.executable, "-m", "tests.fuzz", name, "--count", str(COUNTS[name])]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    row = done.stdout.splitlines()[-1]
    figures = re.fullmatch(r"\| .* \| (\d+) \| 0 \| 0 \| 0 \| 0 \| \d+ MB \|", row)
    assert figures, row
    assert int(figures[1]) >= COUNTS[name]
