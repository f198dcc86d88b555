"""A word in streams: exported for microWakeWord and run by pymicro-wakeword, beside our runtime.

Both have the same network, on the same features. Scores are averaged over the same number of
decisions; where they reach a threshold, one rule decides for both.
"""

import contextlib
import dataclasses
import io
from collections import deque
from pathlib import Path

import click
import numpy as np

from kws_edge.audio.files import to_pcm16
from kws_edge.detection.detector import DetectorConfig
from kws_edge.detection.replay import Smoothed, replay, smooth
from kws_edge.model.file import read_model
from kws_edge.sources.base import AudioFile
from training.evaluation.streams.compose import StreamFile, find_streams
from training.evaluation.streams.evaluate import StreamDetections, figures, score_stream
from training.evaluation.tuning.posteriors import posteriors_of

RATE, FRAME, STEP = 16_000, 480, 160  # Hz, samples, samples


def theirs(description: Path, stream: StreamFile, sliding: int) -> Smoothed:
    """What pymicro-wakeword compares with its cutoff, decision by decision."""
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

    with contextlib.redirect_stdout(io.StringIO()):  # it prints the JSON
        model = MicroWakeWord.from_config(description)
    model.sliding_window_size, model._probabilities = sliding, deque(maxlen=sliding)
    features, means, samples, frames = MicroWakeWordFeatures(), [], [], 0
    for block in AudioFile(stream.path, RATE).blocks():
        for row in features.process_streaming(to_pcm16(block.samples).tobytes()):
            mean = model.process_streaming_prob(row)
            frames += 1
            if frames % model.stride == 0:
                means.append(mean)
                samples.append(FRAME + (frames - 1) * STEP)
    scores = np.array(means)[:, None]
    return Smoothed(np.array(samples), scores, np.zeros(len(scores), np.int64), scores[:, 0])


def ours(model: Path, stream: StreamFile, config: DetectorConfig, cache: Path) -> Smoothed:
    """The smoothed posteriors of a model file in our runtime."""
    loaded = read_model(model)
    found = posteriors_of(stream, loaded, config, cache)
    return smooth(found.samples, found.values, loaded.manifest.labels, config, RATE)


@click.command()
@click.argument("description", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("streams", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--threshold", "thresholds", type=float, multiple=True, default=(0.5, 0.7, 0.9))
@click.option("--cache", type=click.Path(path_type=Path), default=Path(".cache/posteriors"))
def main(
    description: Path,
    model: Path,
    streams: tuple[Path, ...],
    thresholds: tuple[float, ...],
    cache: Path,
) -> None:
    """Recall and false accepts of DESCRIPTION (.json) in pymicro-wakeword and of MODEL, the same
    network exported with ``--streaming -q int8``, in STREAMS."""
    manifest = read_model(model).manifest
    word, config = manifest.keywords[0], manifest.detector
    sliding = max(1, -int(-config.smoothing_ms // config.hop_ms))
    files = find_streams(streams)
    runs = {
        "pymicro-wakeword": ((word,), [theirs(description, file, sliding) for file in files]),
        "kws-edge": (manifest.labels, [ours(model, file, config, cache) for file in files]),
    }
    click.echo("| threshold | runtime | recall (95 %) | false accepts | per hour (95 %) |")
    for threshold in thresholds:
        setting = dataclasses.replace(config, threshold=threshold, thresholds={})
        for runtime, (labels, smoothed) in runs.items():
            results = [
                score_stream(
                    StreamDetections(
                        file,
                        AudioFile(file.path, RATE).seconds,
                        tuple(replay(scores, labels, setting, RATE)),
                    ),
                    (word,),
                )
                for file, scores in zip(files, smoothed, strict=True)
            ]
            f = figures(results, (word,))
            click.echo(
                f"| {threshold:g} | {runtime} | {f['hits']}/{f['spoken']}"
                f" {f['recall'] or 0:.1%} ({f['recall_lower'] or 0:.1%} to"
                f" {f['recall_upper'] or 0:.1%}) | {f['false_accepts']} in {f['hours']:.2f} h |"
                f" {f['false_accepts_per_hour']:.1f} ({f['false_accepts_per_hour_lower']:.1f} to"
                f" {f['false_accepts_per_hour_upper']:.1f}) |"
            )


if __name__ == "__main__":
    main()
