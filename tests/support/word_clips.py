"""Clips of real words, cut from the demo, and the commands of training in a process."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.detection.scoring import read_label_track
from kws_edge.model.file import demo_recording

KEYWORDS = ("down", "go", "left", "no", "right", "stop", "up", "yes")


def training(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "training", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def cut_demo(folder: Path) -> None:
    """``folder/words`` (the eight keywords), ``folder/others`` (five other words), each clip
    one second with its word in the middle, and ``folder/noise``."""
    demo = read_audio(demo_recording(), 16000)
    for word in read_label_track(demo_recording().with_suffix(".labels.txt")):
        kind = "words" if word.label in KEYWORDS else "others"
        path = folder / kind / word.label / "speaker_nohash_0.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        first = round((word.start + word.end) / 2 * 16000) - 8000
        write_wav(path, demo[first : first + 16000], 16000)
    (folder / "noise").mkdir()
    hiss = np.random.default_rng(0).normal(0, 0.05, 32000).astype(np.float32)
    write_wav(folder / "noise" / "hiss.wav", hiss, 16000)
