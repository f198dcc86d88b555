"""Clips of three pitches that stand for words, and programs run on them."""

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_edge.audio.files import write_wav
from kws_edge.types import FloatArray

ROOT = Path(__file__).parents[2]
PITCHES = {"high": 1800.0, "low": 300.0, "middle": 800.0}


def plain_config(folder: str = "tones", **changes: object) -> dict[str, Any]:
    """The lab's network on the clips of `write_tones`, as YAML has it; top-level keys changed."""
    return {
        "name": "tones",
        "data": {"sources": [{"folder": folder}], "words": list(PITCHES)},
        "features": {"kind": "mfcc"},
        "network": {"architecture": "lab_cnn", "width": 16},
        "optimizer": {
            "kind": "adam",
            "decay": "linear",
            "learning_rate": 0.01,
            "end_learning_rate": 1e-5,
            "weight_decay": 0,
        },
        "schedule": {
            "epochs": 2,
            "batch_size": 20,
            "warmup_epochs": 0,
            "averaging": 0,
            "label_smoothing": 0,
        },
        **changes,
    }


def tone(pitch: float, seed: int) -> FloatArray:
    """1 s of a tone that swells and fades, in noise: ``[16000]``."""
    random = np.random.default_rng(seed)
    t = np.arange(16000) / 16000
    signal = random.uniform(0.05, 0.5) * np.sin(2 * np.pi * pitch * t) * np.hanning(16000)
    return (signal + random.normal(0, 0.002, 16000)).astype(np.float32)


def write_tones(folder: Path) -> Path:
    """60 speakers who say three pitches: 135 clips to train on, 18 to choose by."""
    for label, pitch in PITCHES.items():
        (folder / label).mkdir(parents=True)
        for number in range(60):
            path = folder / label / f"{number:08x}_nohash_0.wav"
            write_wav(path, tone(pitch, number + 1000 * len(label)), 16000)
    return folder


def needs(module: str, extra: str) -> None:
    """Skip where a module is missing, without the seconds that importing it takes."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module} (the extra '{extra}')")


def run(command: list[str], **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **variables},
        timeout=600,
        check=False,
    )
