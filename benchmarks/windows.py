"""Training windows a second: drawn by one process and by all, beside what a network eats.

The recordings are noise, so that anybody can run it; the work does not depend on what is in them.
"""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks import machine

if TYPE_CHECKING:
    from training.config import TrainingConfig

RATE = 16000
CLIPS = 400  # of each word
SECONDS = 60  # of noise and of speech


def write_recordings(config: "TrainingConfig", folder: Path) -> None:
    """A second of noise for every clip, and a minute for each folder of noise or speech."""
    from kws_edge.audio.files import write_wav

    random = np.random.default_rng(0)

    def write(path: Path, seconds: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = random.normal(0, 0.001, round(seconds * RATE))
        third = len(samples) // 3
        samples[third : 2 * third] += random.normal(0, 0.1, third)
        write_wav(path, samples.astype(np.float32), RATE)

    source = config.data.sources[0].folder
    for word in (*config.data.words, "other"):
        for number in range(CLIPS):
            write(folder / source / word / f"s{number}_nohash_0.wav", 1)
    for other in config.data.sources[1:]:
        write(folder / other.folder / "other" / "s0_nohash_0.wav", 1)
    for running in (*config.data.noise, *config.data.speech, *config.data.mined):
        for number in range(10):
            write(folder / running / f"s{number}_nohash_0.wav", SECONDS)


def drawn_per_second(config: "TrainingConfig", data: Path, workers: int) -> float:
    """Windows a second of ``workers`` processes, their start not counted."""
    from training.data.material import find_recordings
    from training.data.passes import WindowPool

    recordings = find_recordings(config, data)
    pool = WindowPool(config, recordings, "training", data / "cache", workers)
    for chunk in pool.start(0):  # each worker has started by its end
        chunk.result()
    started = time.perf_counter()
    count = sum(len(chunk.result().targets) for number in (1, 2) for chunk in pool.start(number))
    return count / (time.perf_counter() - started)


def trained_per_second(config: "TrainingConfig", steps: int = 20) -> float:
    """Windows a second that the network learns from, on the backend of Keras."""
    import keras

    from training.networks.network import network
    from training.train.trainer import make_optimizer

    model, size = network(config), config.schedule.batch_size
    optimizer = make_optimizer(config, steps)
    model.compile(optimizer, keras.losses.CategoricalCrossentropy())
    features = np.zeros((size, *config.features.shape, 1), np.float32)
    targets = np.full((size, len(config.labels)), 1 / len(config.labels), np.float32)
    model.train_on_batch(features, targets)
    started = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(features, targets)
    return steps * size / (time.perf_counter() - started)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def main(config: Path, output: Path | None) -> None:
    """Draw the windows of a training CONFIG (YAML) from recordings of noise."""
    from kws_edge.config.yaml_file import load
    from training.config import TrainingConfig

    what, cores = load(config, TrainingConfig), os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        write_recordings(what, Path(folder))
        rates: dict[str, Any] = {
            f"drawn, {workers} workers": drawn_per_second(what, Path(folder), workers)
            for workers in sorted({1, cores})
        }
    rates["trained"] = trained_per_second(what)
    for name, rate in rates.items():
        click.echo(f"{name:>18}: {rate:7.0f} windows a second")
    if output:
        output.write_text(json.dumps({**rates, "machine": machine()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
