"""How quiet a word may be before the idle gate costs it.

    python -m benchmarks.gate --data FOLDER [--noise-dbfs -70]

FOLDER is Mini Speech Commands, whose validation part (official split) is used: each clip
turned to the same level of its speech (as `measure_speech` measures it), 2 s of pause before
it, in white noise. The same stream runs without a gate and with gates of several levels;
a detection is lost where the one without a gate has it and the other has not.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click
import numpy as np

from benchmarks import machine
from kws_edge.audio.files import one_window, read_audio
from kws_edge.detection.detector import Detection
from kws_edge.detection.scoring import SpokenWord, score
from kws_edge.engine import spot
from kws_edge.sources.base import Samples
from kws_edge.spotter import KeywordSpotter
from kws_edge.types import FloatArray
from training.data.clips import Clip, scan
from training.data.splits import split_clips
from training.evaluation.recordings.measures import measure

RATE = 16000
PAUSE = 2 * RATE
LEAST_SNR_DB = 20.0  # the noise in a clip is turned up and down with its word


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--model", default="default", show_default=True)
@click.option("--noise-dbfs", default=-70.0, show_default=True)
@click.option("--levels", default="-20,-30,-40,-45,-50,-55,-60", show_default=True)
@click.option("--gates", default="-60,-55,-50,-45,-40", show_default=True)
@click.option("--clips", default=10000, show_default=True, help="At most so many.")
def main(data: Path, model: str, noise_dbfs: float, levels: str, gates: str, clips: int) -> None:
    """Prints what is spotted at each level, and what each gate loses of it."""
    words = [
        (clip, samples)
        for clip in split_clips(scan(data), "official").validation[:clips]
        if (samples := loud_and_clear(clip)) is not None
    ]
    steps = [float(gate) for gate in gates.split(",")]
    print(f"{machine()}; {model}, {len(words)} clips, noise at {noise_dbfs:g} dBFS")
    print(f"{'speech':>10}{'spotted':>9}" + "".join(f"{f'gate {g:g}':>16}" for g in steps))
    for level in levels.split(","):
        stream, spoken = make_stream(words, float(level), noise_dbfs)
        without, _ = listen(model, "off", stream)
        right = len(score(without, spoken, [word.label for word in spoken]).hits)
        cells = []
        for gate in steps:
            found, rested = listen(model, gate, stream)
            lost = len(places(without) - places(found))
            cells.append(f"{lost} lost, {rested:.0%}")
        print(f"{level:>10}{right:>9}" + "".join(f"{cell:>16}" for cell in cells), flush=True)
    print("spotted: rightly, without a gate; a gate's percentage: how much of the time it rests")


def loud_and_clear(clip: Clip) -> FloatArray | None:
    """A clip of 1 s with its speech at 0 dBFS; None where noise hides the word."""
    samples = one_window(read_audio(clip.path, RATE), RATE)
    found = measure(samples)
    if found.snr_db is None or found.snr_db < LEAST_SNR_DB:
        return None
    return samples * np.float32(10 ** (-found.level_dbfs / 20))


def make_stream(
    words: Sequence[tuple[Clip, FloatArray]], level: float, noise_dbfs: float
) -> tuple[FloatArray, list[SpokenWord]]:
    """The words at ``level`` dBFS in noise, and when each is spoken."""
    parts, spoken, end = [], [], 0
    for clip, samples in words:
        parts += [np.zeros(PAUSE, np.float32), samples * np.float32(10 ** (level / 20))]
        end += PAUSE + len(samples)
        spoken.append(SpokenWord((end - len(samples)) / RATE, end / RATE, clip.label))
    noise = np.random.default_rng(0).normal(0, 10 ** (noise_dbfs / 20), end)
    return np.concatenate(parts) + noise.astype(np.float32), spoken


def listen(
    model: str, gate: float | Literal["off"], stream: FloatArray
) -> tuple[list[Detection], float]:
    """The detections, and the share of the stream in which the network rested."""
    spotter = KeywordSpotter.load(model)
    spotter.prepare(dataclasses.replace(spotter.config, gate_dbfs=gate))()
    found = list(spot(Samples(stream), spotter))
    return found, spotter.samples_idle / spotter.samples_processed


def places(detections: Sequence[Detection]) -> set[tuple[str, int]]:
    return {(detection.label, detection.sample) for detection in detections}


if __name__ == "__main__":
    main()
