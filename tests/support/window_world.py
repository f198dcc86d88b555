"""A small configuration with windows and recordings for it: tones are its words."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from kws_edge.audio.files import write_wav

ROOT = Path(__file__).parents[2]
RATE = 16000
PITCHES = {"high": 2500.0, "low": 900.0, "middle": 5000.0}
CONFIG: dict[str, Any] = {
    "name": "tones",
    "features": {
        "kind": "log_mel",
        "frame_length_ms": 32,
        "frame_step_ms": 20,
        "num_mel_bins": 20,
        "log_offset": 1e-3,
    },
    "data": {
        "sources": [{"folder": "clips"}],
        "words": ["high", "low"],
        "noise": ["noise"],
        "speech": ["speech"],
    },
    "windows": {},
    "augmentation": {
        "rooms": 2,
        "mixup": 0,
        "masks": {"time_masks": 1, "time_frames": 2, "band_masks": 1, "bands": 1},
    },
    "schedule": {
        "epochs": 3,
        "passes": 2,
        "batch_size": 8,
        "warmup_epochs": 0.5,
        "averaging": 0.5,
    },
    "optimizer": {"learning_rate": 0.01},
    "network": {"architecture": "tc_resnet", "width": 8},
}


def write_recordings(folder: Path) -> Path:
    """Clips of tones by 24 speakers, a background noise, and speech that is a fourth tone."""
    random = np.random.default_rng(0)

    def write(path: Path, hertz: float, seconds: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(seconds * RATE)) / RATE
        inside = np.abs(time - seconds / 2) < seconds / 5
        samples = 0.3 * inside * np.sin(2 * np.pi * hertz * random.uniform(0.9, 1.1) * time)
        noise = random.normal(0, 0.001, len(time))
        write_wav(path, (samples + noise).astype(np.float32), RATE)

    for label, hertz in PITCHES.items():
        for speaker in range(24):
            write(folder / "clips" / label / f"s{speaker}_nohash_0.wav", hertz, 1)
    write(folder / "noise" / "hiss.wav", 0, 6)
    for voice in range(12):
        write(folder / "speech" / f"v{voice}_nohash_0.wav", 3000, 3)
    return folder


def run_training(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "training", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
