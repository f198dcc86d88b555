"""What listening costs, beside pymicro-wakeword on the same audio in the same run.

    python -m benchmarks.listening --data FOLDER [--peer-python PYTHON]

FOLDER holds clips (``gsc_test_public``). There are two streams of ten minutes: clips back to
back, and a quiet room with a clip every half minute. Each program runs as a process of its own
on one core, once over each and once over a second: the difference is CPU time per second of
audio, the latter start to the first window. kws-edge runs without and with the idle gate.
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

from kws_edge.audio.files import one_window, read_audio, write_wav
from kws_edge.model.file import bundled_models

PEER = """
import sys, wave
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model
detector, features = MicroWakeWord.from_builtin(Model.OKAY_NABU), MicroWakeWordFeatures()
with wave.open(sys.argv[1]) as file:
    while data := file.readframes(320):
        for feature in features.process_streaming(data):
            detector.process_streaming(feature)
"""
PEER_NAME = "pymicro-wakeword (1 word)"
GOALS = {"speech": 2.0, "RSS MB": 40.0, "start s": 0.4}
ROOM_DBFS, WORD_SECONDS = -66.0, 30


@dataclass(frozen=True)
class Cost:
    """Of one program: CPU in ms for a second of audio, MB of memory, s to the first window."""

    speech_ms: float
    quiet_ms: float
    rss_mb: float
    start_s: float


@dataclass(frozen=True)
class Streams:
    """Sound files: two of ``seconds``, and one second."""

    speech: Path
    quiet: Path
    short: Path
    seconds: float


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--peer-python", default=sys.executable, help="A Python with pymicro-wakeword.")
@click.option("--hop-ms", default=100.0, show_default=True, help="Between two decisions.")
@click.option("--gate-dbfs", default=-55.0, show_default=True)
@click.option("--model", "models", multiple=True, help="A bundled model; all by default.")
def main(
    data: Path,
    minutes: float,
    rounds: int,
    peer_python: str,
    hop_ms: float,
    gate_dbfs: float,
    models: tuple[str, ...],
) -> None:
    """Medians over interleaved rounds."""
    with tempfile.TemporaryDirectory() as folder:
        streams = make_streams(data, minutes, Path(folder))
        programs = {
            f"kws-edge {name}{note}": [
                sys.executable,
                "-m",
                "kws_edge",
                "listen",
                "--json",
                "--hop-ms",
                str(hop_ms),
                "--model",
                name,
                "--gate-dbfs",
                gate,
                "--input",
            ]
            for name in models or bundled_models()
            for note, gate in (("", "off"), (", gate", str(gate_dbfs)))
        }
        if _has_peer(peer_python):
            programs[PEER_NAME] = [peer_python, "-c", PEER]
        else:
            print("pymicro-wakeword is not installed: no peer")
        costs: dict[str, list[Cost]] = {name: [] for name in programs}
        for _ in range(rounds):
            for name, command in programs.items():
                costs[name].append(measure(command, streams))
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}; {minutes:g} minutes of each")
    print(
        f"gate at {gate_dbfs:g} dBFS, the quiet room at {ROOM_DBFS:g} dBFS, a word every"
        f" {WORD_SECONDS} s; CPU in ms per second of audio"
    )
    print(f"{'':<32}{'speech':>10}{'quiet':>10}{'RSS MB':>10}{'start s':>10}")
    for name, found in costs.items():
        values = (
            statistics.median(getattr(cost, field) for cost in found)
            for field in ("speech_ms", "quiet_ms", "rss_mb", "start_s")
        )
        print(f"{name:<32}" + "".join(f"{value:>10.2f}" for value in values))
    print("goals: " + ", ".join(f"{name} {goal:g}" for name, goal in GOALS.items()))
    if PEER_NAME in costs:
        print_ratios(costs)


def print_ratios(costs: dict[str, list[Cost]]) -> None:
    """CPU relative to the peer in the same round: median, lowest and highest."""
    print(f"CPU relative to {PEER_NAME} on the same audio in the same round")
    for name, found in costs.items():
        line = f"{name:<32}"
        for field in ("speech_ms", "quiet_ms"):
            pairs = zip(found, costs[PEER_NAME], strict=True)
            ratios = [getattr(one, field) / getattr(peer, field) for one, peer in pairs]
            line += f"  {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line)


def make_streams(data: Path, minutes: float, folder: Path) -> Streams:
    """Clips of all labels in a seeded order: one a second, and now and then one in noise."""
    seconds = round(minutes * 60)
    streams = Streams(folder / "speech.wav", folder / "quiet.wav", folder / "short.wav", seconds)
    chosen = random.Random(0).choices(sorted(data.glob("*/*.wav")), k=seconds)
    speech = np.concatenate([one_window(read_audio(clip, 16000), 16000) for clip in chosen])
    noise = np.random.default_rng(0).normal(0, 10 ** (ROOM_DBFS / 20), len(speech))
    quiet = noise.astype(np.float32)
    for start in range(WORD_SECONDS // 2 * 16000, len(speech), WORD_SECONDS * 16000):
        quiet[start : start + 16000] += speech[start : start + 16000]
    write_wav(streams.speech, speech, 16000)
    write_wav(streams.quiet, quiet, 16000)
    write_wav(streams.short, speech[:16000], 16000)
    return streams


def measure(command: Sequence[str], streams: Streams) -> Cost:
    start, short_cpu, _ = _run([*command, str(streams.short)])
    _, speech_cpu, rss = _run([*command, str(streams.speech)])
    _, quiet_cpu, _ = _run([*command, str(streams.quiet)])
    each = 1000 / (streams.seconds - 1)
    return Cost((speech_cpu - short_cpu) * each, (quiet_cpu - short_cpu) * each, rss, start)


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
