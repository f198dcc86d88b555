"""What listening costs, beside pymicro-wakeword on the same audio in the same run.

    python -m benchmarks.listening --data FOLDER [--peer-python PYTHON]

FOLDER holds clips (``gsc_test_public``); ten minutes of them are joined. Each program runs
as a process of its own on one core, once over all of it and once over its first second:
the difference is CPU time per second of audio, the latter start to the first window.
"""

import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from kws_edge.audio import one_window, read_audio, write_wav
from kws_edge.shipped import shipped_models

PEER = """
import sys, wave
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model
detector, features = MicroWakeWord.from_builtin(Model.OKAY_NABU), MicroWakeWordFeatures()
with wave.open(sys.argv[1]) as file:
    while data := file.readframes(320):
        for feature in features.process_streaming(data):
            detector.process_streaming(feature)
"""
GOALS = {"CPU ms per s": 2.0, "RSS MB": 40.0, "start s": 0.4}


@dataclass(frozen=True)
class Cost:
    """Of one program: CPU in ms for a second of audio, MB of memory, s to the first window."""

    cpu_ms: float
    rss_mb: float
    start_s: float


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--peer-python", default=sys.executable, help="A Python with pymicro-wakeword.")
@click.option("--hop-ms", default=100.0, show_default=True, help="Between two decisions.")
def main(data: Path, minutes: float, rounds: int, peer_python: str, hop_ms: float) -> None:
    """Medians over interleaved rounds."""
    with tempfile.TemporaryDirectory() as folder:
        long, short = Path(folder) / "long.wav", Path(folder) / "short.wav"
        make_stream(data, minutes, long, short)
        programs = {
            f"kws-edge {name}": [sys.executable, "-m", "kws_edge", "listen", "--json", "--hop-ms",
                                 str(hop_ms), "--model", name, "--input"]
            for name in shipped_models()
        }  # fmt: skip
        if _has_peer(peer_python):
            programs["pymicro-wakeword (1 word)"] = [peer_python, "-c", PEER]
        else:
            print("pymicro-wakeword is not installed: no peer")
        costs: dict[str, list[Cost]] = {name: [] for name in programs}
        for _ in range(rounds):
            for name, command in programs.items():
                costs[name].append(measure(command, long, short, minutes * 60))
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}; {minutes:g} minutes of clips")
    print(f"{'':<28}{'CPU ms per s':>14}{'RSS MB':>10}{'start s':>10}")
    for name, found in costs.items():
        values = (
            statistics.median(getattr(cost, field) for cost in found)
            for field in ("cpu_ms", "rss_mb", "start_s")
        )
        print(
            f"{name:<28}"
            + "".join(f"{v:>{w}.2f}" for v, w in zip(values, (14, 10, 10), strict=True))
        )
    print("goals: " + ", ".join(f"{name} {goal:g}" for name, goal in GOALS.items()))


def make_stream(data: Path, minutes: float, long: Path, short: Path) -> None:
    """Clips of all labels in a seeded order, one a second."""
    clips = sorted(data.glob("*/*.wav"))
    chosen = random.Random(0).choices(clips, k=round(minutes * 60))
    audio = np.concatenate([one_window(read_audio(clip, 16000), 16000) for clip in chosen])
    write_wav(long, audio, 16000)
    write_wav(short, audio[:16000], 16000)


def measure(command: Sequence[str], long: Path, short: Path, seconds: float) -> Cost:
    start, short_cpu, _ = _run([*command, str(short)])
    _, long_cpu, rss = _run([*command, str(long)])
    return Cost((long_cpu - short_cpu) * 1000 / (seconds - 1), rss, start)


def _run(command: Sequence[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and MB at most of a process on one core."""
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise click.ClickException(f"{command[0]} ... failed with status {status}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _has_peer(python: str) -> bool:
    check = [python, "-c", "import pymicro_wakeword"]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    main()
