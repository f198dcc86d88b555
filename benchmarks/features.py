"""Time of one log-Mel window against the usual libraries, and of one hop in a stream.

All run in one process on one thread, on the same second of signal, in turns of a few calls
whose order is drawn anew each round, so that a machine that slows down slows down all alike.
The first call of a turn is not counted: it fills the caches that the others' turns emptied.
"""

import importlib.metadata
import json
import os
import platform
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

import kws_edge
from benchmarks import machine
from kws_edge.features.front_end import FeatureConfig, FeatureStream, FloatArray, FrontEnd
from kws_edge.model.probe import probe_signal

# 40 ms every 20 ms; 40 bands from 20 to 4000 Hz
CONFIG = FeatureConfig("log_mel", 16000, 40.0, 20.0, "frame_length", 40, 20.0, 4000.0)
CALLS_A_TURN = 6  # the first is not counted
WARM_UP_TURNS = 5
WINDOW, HOP = "kws_edge window", "kws_edge hop"
TF, PSF = "tf.function", "python_speech_features"
# what is divided by what, and the most that the ratio should be
GOALS = ((WINDOW, PSF, 0.35), (WINDOW, TF, 1.0), (HOP, WINDOW, 0.2))

Call = Callable[[], Any]


@dataclass(frozen=True)
class Peer:
    """A library's call that gives the log-Mel window, and the library's version."""

    call: Call
    version: str


def tensorflow_peer(signal: FloatArray) -> Peer:
    """The graph made once, the signal already a tensor: TensorFlow at its best."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    import tensorflow as tf

    from training.data.tf_dataset import extract

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tensor = tf.constant(signal)
    graph = tf.function(lambda samples: extract(samples, CONFIG)).get_concrete_function(
        tf.TensorSpec(signal.shape, tf.float32)
    )
    return Peer(lambda: graph(tensor).numpy(), tf.__version__)


def librosa_peer(signal: FloatArray) -> Peer:
    """Equal but for triangles straight in Hz; makes the filters in each call."""
    import librosa

    def call() -> Any:
        mel = librosa.feature.melspectrogram(
            y=signal,
            sr=CONFIG.sample_rate,
            n_fft=CONFIG.fft_samples,
            hop_length=CONFIG.frame_step,
            center=False,
            power=1.0,
            n_mels=CONFIG.num_mel_bins,
            fmin=CONFIG.lower_edge_hertz,
            fmax=CONFIG.upper_edge_hertz,
            htk=True,
            norm=None,
        )
        return np.log(mel + np.float32(CONFIG.log_offset)).T

    return Peer(call, importlib.metadata.version("librosa"))


def psf_peer(signal: FloatArray) -> Peer:
    """``fbank`` and a log, with a Hann window and no pre-emphasis, as near as it gets.

    It works on the power, not the magnitude, and makes the filters in each call.
    """
    import python_speech_features

    samples = np.round(signal * 32768).astype(np.int16)  # what its users feed it
    lengths = CONFIG.frame_length / CONFIG.sample_rate, CONFIG.frame_step / CONFIG.sample_rate
    filters = CONFIG.num_mel_bins, CONFIG.fft_samples
    edges = CONFIG.lower_edge_hertz, CONFIG.upper_edge_hertz
    settings = (CONFIG.sample_rate, *lengths, *filters, *edges, 0, np.hanning)

    def call() -> Any:
        return np.log(python_speech_features.fbank(samples, *settings)[0])

    return Peer(call, importlib.metadata.version("python_speech_features"))


MAKERS = {TF: tensorflow_peer, "librosa": librosa_peer, PSF: psf_peer}


def peers(signal: FloatArray) -> dict[str, Peer | None]:
    """Every peer by name, None where it is not installed."""
    found: dict[str, Peer | None] = {}
    for name, make in MAKERS.items():
        try:
            found[name] = peer = make(signal)
        except ImportError:
            found[name] = peer = None
        if peer and (shape := np.shape(peer.call())) != CONFIG.shape:
            raise RuntimeError(f"{name} gives {shape}, not {CONFIG.shape}: nothing to compare")
    return found


def measure(calls: dict[str, Call], seconds: float) -> dict[str, list[float]]:
    """Milliseconds of every counted call, all calls taking turns for ``seconds``."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    order, turn = list(calls), 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or turn <= WARM_UP_TURNS:
        random.shuffle(order)
        for name in order:
            call, taken = calls[name], []
            for _ in range(CALLS_A_TURN):
                started = time.perf_counter()
                call()
                taken.append((time.perf_counter() - started) * 1000)
            if turn >= WARM_UP_TURNS:
                times[name] += taken[1:]
        turn += 1
    return times


def run(seconds: float) -> dict[str, Any]:
    """Measure everything; the report as plain data."""
    signal = probe_signal(CONFIG)
    front_end, stream = FrontEnd(CONFIG), FeatureStream(CONFIG)
    stream.push(signal)
    hop = signal[: CONFIG.frame_step].copy()
    found = peers(signal)
    calls: dict[str, Call] = {WINDOW: lambda: front_end(signal), HOP: lambda: stream.push(hop)}
    calls |= {name: peer.call for name, peer in found.items() if peer}
    about = machine()  # before the benchmark itself is the load
    times = measure(calls, seconds)
    medians = {name: float(np.median(taken)) for name, taken in times.items()}
    ratios = [
        {"of": a, "to": b, "ratio": medians[a] / medians[b], "goal": goal}
        for a, b, goal in GOALS
        if b in medians
    ]
    versions = {"Python": platform.python_version(), "NumPy": np.__version__}
    versions |= {name: peer.version for name, peer in found.items() if peer}
    return {
        "machine": about,
        "versions": versions | {"kws_edge": kws_edge.__version__},
        "calls": min(len(taken) for taken in times.values()),
        "median_ms": medians,
        "p95_ms": {name: float(np.percentile(taken, 95)) for name, taken in times.items()},
        "ratios": ratios,
        "absent": [name for name, peer in found.items() if not peer],
    }


def as_text(report: dict[str, Any]) -> str:
    """The report as lines to read."""
    lines = [report["machine"], ", ".join(f"{k} {v}" for k, v in report["versions"].items())]
    lines += [f"one thread, at least {report['calls']} calls each"]
    for name, median in report["median_ms"].items():
        lines += [f"{name:<32}{median:8.3f} ms   p95 {report['p95_ms'][name]:8.3f} ms"]
    lines += [f"{name:<32}  absent: not installed" for name in report["absent"]]
    for row in report["ratios"]:
        verdict = "met" if row["ratio"] <= row["goal"] else "missed"
        pair = f"{row['of']} / {row['to']}"
        lines += [f"{pair:<48}{row['ratio']:7.3f}   goal <= {row['goal']:.2f}: {verdict}"]
    return "\n".join(lines)


@click.command()
@click.option("--seconds", type=click.FloatRange(min=0.1), default=10.0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def main(seconds: float, as_json: bool) -> None:
    """Compare the time of log-Mel features with TensorFlow, librosa and others.

    One window is 1 s, 40 ms frames every 20 ms, 40 bands from 20 to 4000 Hz; one hop is 20 ms.
    """
    report = run(seconds)
    click.echo(json.dumps(report) if as_json else as_text(report))


if __name__ == "__main__":
    main()
