"""Where the time of listening goes, stage by stage; the stages add up to the whole.

    python -m benchmarks.stages FILE [--model NAME] [--verifier NAME]

FILE is a recording of some minutes. A profiler adds to each Python call, so the shares of stages
with many short calls are somewhat too large; `benchmarks.listening` measures without one.
"""

import cProfile
import platform
import pstats
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click

import kws_edge
from kws_edge.engine import Engine
from kws_edge.model.interpreter import interpreter_name
from kws_edge.sources.base import BLOCK_SECONDS, AudioFile, Paced
from kws_edge.spotter import KeywordSpotter
from kws_edge.verifier import Verification

# By the beginning of a module's path in the package, the most specific first.
STAGES = {
    "sources/": "reading",
    "audio/files": "reading",
    "audio/buffer": "history",
    "detection/energy_gate": "idle gate",
    "features/": "features",
    "model/manifest": "quantising",
    "model/": "network",
    "verifier": "verifier",
    "detection/": "smoothing and detector",
    "events": "events",
    "spotter": "decisions",
    "engine": "engine",
}
OTHER = "other"
PACKAGE = str(Path(kws_edge.__file__).parent) + "/"
Function = tuple[str, int, str]


def stage_of(function: Function, callers: dict[Function, dict[Function, Any]]) -> str:
    """By the file of a function; outside the package by who calls it most."""
    seen = set()
    while not function[0].startswith(PACKAGE):
        seen.add(function)
        others = {one: cost for one, cost in callers[function].items() if one not in seen}
        if not others:
            return OTHER
        function = max(others, key=lambda one: others[one][2])
    name = function[0].removeprefix(PACKAGE)
    return next((stage for start, stage in STAGES.items() if name.startswith(start)), OTHER)


def stage_seconds(profile: cProfile.Profile) -> Counter[str]:
    """Seconds of each stage. What a function outside the package took is split by its callers."""
    found: dict[Function, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    callers = {function: values[4] for function, values in found.items()}
    seconds: Counter[str] = Counter()
    for function, (_, _, own, _, by) in found.items():
        if function[0].startswith(PACKAGE) or not by:
            seconds[stage_of(function, callers)] += own
            continue
        for caller, (_, _, part, _) in by.items():
            seconds[stage_of(caller, callers)] += part
    return seconds


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--model", default="default", show_default=True)
@click.option("--verifier", help="A second stage, as in `kws-edge listen`.")
@click.option("--live", is_flag=True, help="Blocks of 20 ms, as a microphone gives them.")
def main(file: Path, model: str, verifier: str | None, live: bool) -> None:
    """Profile a spotter over FILE, read at full speed."""
    verification = Verification.load(verifier) if verifier else None
    spotter = KeywordSpotter.load(model, verification=verification)
    rate = spotter.features.sample_rate
    source: Any = AudioFile(file, rate)
    if live:
        source = Paced(source, rate, speed=1e9)
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    detections = sum(1 for _ in Engine(spotter).run(source))
    profile.disable()
    seconds = stage_seconds(profile)
    total, length = sum(seconds.values()), spotter.samples_processed / rate
    machine = f"{platform.machine()}, Python {platform.python_version()}, {interpreter_name()}"
    print(f"{machine}; {length:.0f} s of audio, {detections} detections")
    print(f"blocks of {BLOCK_SECONDS if live else 0.25:g} s; ms for a second of audio, profiled")
    for stage, value in seconds.most_common():
        print(f"{stage:<24}{1000 * value / length:>8.3f}{value / total:>8.1%}")
    print(f"{'together':<24}{1000 * total / length:>8.3f}")


if __name__ == "__main__":
    main()
