"""What two models in one process cost beside one, with and without shared features.

    python -m benchmarks.several_models

CPU time of the spotter for a second of audio, each model alone and with the first, in turn over the
same two seconds of the demo recording: the ratios are what counts. `small-int8` beside itself shows
the cost of a second network of the same size.
"""

import time
from collections.abc import Callable

import click
import numpy as np

from benchmarks import machine
from kws_edge.audio.files import read_audio
from kws_edge.model.file import demo_recording
from kws_edge.spotter import KeywordSpotter
from kws_edge.spotter_group import AnySpotter, SpotterGroup

RATE, BLOCK = 16000, 1600


@click.command()
@click.option("--first", default="small-int8", show_default=True)
@click.option("--shared", default="large-int8", show_default=True, help="With its features.")
@click.option("--other", default="mfcc-int8", show_default=True, help="With others.")
@click.option("--rounds", default=100, show_default=True, help="Of two seconds.")
def main(first: str, shared: str, other: str, rounds: int) -> None:
    """Medians and quartiles of the ratios within a round."""
    ways: dict[str, Callable[[], AnySpotter]] = {
        name: lambda name=name: KeywordSpotter.load(name)  # type: ignore[misc]
        for name in dict.fromkeys((first, shared, other))
    }
    for name in (first, shared, other):
        ways[f"{first} and {name}"] = lambda name=name: pair(first, name)  # type: ignore[misc]
    audio = read_audio(demo_recording(), RATE)[4 * RATE : 6 * RATE]  # "stop", "yes"
    spotters = {way: make() for way, make in ways.items()}
    costs: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, spotter in spotters.items():
            costs[way].append(cost(spotter, audio))
    taken = {way: np.array(found[1:]) for way, found in costs.items()}  # the first warms up
    print(f"{machine()}; {rounds} rounds of {len(audio) / RATE:.0f} s")
    print(f"{'':<32}{'ms per s':>10}{'to ' + first:>22}{'to the sum':>22}")
    for way, found in taken.items():
        names = way.split(" and ")
        alone = np.sum([taken[name] for name in names], axis=0)
        ratios = (found / taken[first], found / alone)
        cells = "".join(f"{_spread(ratio):>22}" for ratio in ratios)
        print(f"{way:<32}{np.median(found):>10.2f}{cells}")


def pair(first: str, second: str) -> SpotterGroup:
    """Two models together; one model twice under two names."""
    spotters = [KeywordSpotter.load(name) for name in (first, second)]
    if first == second:
        spotters[1].name = f"{second} again"
        object.__setattr__(spotters[1].manifest, "name", spotters[1].name)
    return SpotterGroup(spotters)


def cost(spotter: AnySpotter, audio: np.ndarray) -> float:  # type: ignore[type-arg]
    """CPU in ms for a second of audio."""
    started = time.process_time()
    for start in range(0, len(audio), BLOCK):
        spotter.push(audio[start : start + BLOCK])
    return (time.process_time() - started) * 1000 * RATE / len(audio)


def _spread(values: np.ndarray) -> str:  # type: ignore[type-arg]
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
