"""Which pause between two words a sequence needs.

    python -m benchmarks.sequence_pauses --data FOLDER [--model default] [--verifier NAME]

FOLDER is Mini Speech Commands, whose validation part (official split) is used. Each stream has two
different keywords, of one speaker where possible, cut at their bounds (`measure_speech`), at one
level, with the pause between them and white noise at -60 dBFS around; the sequence of the two
within 3 s is to be found. Intervals are of 95 %.
"""

import random
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from benchmarks import machine
from kws_edge.audio.files import read_window
from kws_edge.audio.speech_level import measure_speech
from kws_edge.config.config import Config, DetectorOverrides
from kws_edge.detection.sequences import SequenceConfig
from kws_edge.engine import spot
from kws_edge.sources.base import Samples
from kws_edge.spotter import KeywordSpotter, load_model
from kws_edge.types import FloatArray
from kws_edge.verifier import Verification
from training.data.clips import Clip, scan
from training.data.splits import split_clips
from training.stats import wilson_interval

RATE = 16000
LEVEL_DBFS, NOISE_DBFS = -25.0, -60.0


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--model", default="default", show_default=True)
@click.option("--verifier", help="As docs/verifier.md has it, with the detector it names.")
@click.option("--pairs", default=200, show_default=True)
@click.option("--pauses", default="0,100,200,300,500,800,1200", show_default=True, help="In ms.")
def main(data: Path, model: str, verifier: str | None, pairs: int, pauses: str) -> None:
    """Prints for each pause how many sequences and how many single words were found."""
    classifier = load_model(model)
    manifest = classifier.manifest
    verification = Verification.load(verifier) if verifier else None
    overrides = DetectorOverrides(threshold=0.4, smoothing_ms=240, repeat_ms=1500)
    config = Config(detector=overrides if verifier else DetectorOverrides())
    detector = config.detector_of(0, manifest)
    clips = split_clips(scan(data), "official").validation
    chosen = choose(clips, pairs, manifest.keywords)
    print(f"{machine()}; {manifest.name}, {detector.describe()}; {len(chosen)} pairs")
    print(f"{'pause, ms':>10}{'sequences':>32}{'words':>10}")
    for pause in map(int, pauses.split(",")):
        joined = words = 0
        for seed, (first, second) in enumerate(chosen):
            spotter = KeywordSpotter(classifier, detector, verification=verification)
            sequence = SequenceConfig("joined", (first.label, second.label), parts=True)
            stream = make_stream(first, second, pause, seed)
            found = [one.label for one in spot(Samples(stream), spotter, [sequence])]
            joined += "joined" in found
            words += (first.label in found) + (second.label in found)
        low, high = wilson_interval(joined, len(chosen))
        share = f"{joined / len(chosen):.1%} ({low:.1%} to {high:.1%})"
        print(f"{pause:>10}{share:>32}{words / len(chosen) / 2:>10.1%}", flush=True)


def choose(clips: Sequence[Clip], pairs: int, keywords: tuple[str, ...]) -> list[tuple[Clip, Clip]]:
    """Two clips of different words, of one speaker where that speaker has two."""
    rng = random.Random(0)
    known = [clip for clip in clips if clip.label in keywords]
    found = []
    for first in rng.choices(known, k=pairs):
        others = [clip for clip in known if clip.label != first.label]
        same = [clip for clip in others if clip.speaker == first.speaker]
        found.append((first, rng.choice(same or others)))
    return found


def make_stream(first: Clip, second: Clip, pause_ms: int, seed: int) -> FloatArray:
    """2 s of noise, the words, 2 s of noise."""
    gap = np.zeros(pause_ms * RATE // 1000, np.float32)
    around = np.zeros(2 * RATE, np.float32)
    clean = np.concatenate([around, spoken(first), gap, spoken(second), around])
    noise = np.random.default_rng(seed).normal(0, 10 ** (NOISE_DBFS / 20), len(clean))
    return clean + noise.astype(np.float32)


def spoken(clip: Clip) -> FloatArray:
    """The word alone, from its first to its last sound, at `LEVEL_DBFS`."""
    samples = read_window(clip.path, RATE, RATE)
    levels = measure_speech(samples, RATE)
    first, end = levels.bounds
    word = samples[first:end]
    return word * np.float32(10 ** ((LEVEL_DBFS - levels.level_dbfs) / 20))


if __name__ == "__main__":
    main()
