"""A day of audio at full speed: does memory grow, is an event lost, does time drift?

    python -m benchmarks.soak [--hours 24]

``kws-edge listen --input -`` processes the demo recording over and over through a pipe. The
loop is a whole number of decisions long, so that each must give the same events exactly one
loop later.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import click
import numpy as np

from kws_edge.audio.files import read_audio, to_pcm16
from kws_edge.model.file import demo_recording

HOP = 1600  # samples between two decisions


def main_loop() -> bytes:
    """The demo as PCM, with near-silence up to the next decision."""
    samples = read_audio(demo_recording(), 16000)
    rest = -len(samples) % HOP
    quiet = np.random.default_rng(0).normal(0, 1e-4, rest).astype(np.float32)
    return to_pcm16(np.concatenate([samples, quiet])).tobytes()


def feed(pipe: IO[bytes], loop: bytes, loops: int) -> None:
    for _ in range(loops):
        pipe.write(loop)
    pipe.close()


def resident_kb(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


@click.command()
@click.option("--hours", default=24.0, show_default=True)
def main(hours: float) -> None:
    """Prints the figures; exit code 1 where an event is missing or out of place."""
    loop = main_loop()
    length = len(loop) // 2
    loops = round(hours * 3600 * 16000 / length)
    process = subprocess.Popen(
        [sys.executable, "-m", "kws_edge", "listen", "--input", "-", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    threading.Thread(target=feed, args=(process.stdin, loop, loops), daemon=True).start()
    places: dict[int, list[tuple[str, int]]] = {}
    after_a_minute = last = 0
    started = time.monotonic()
    for line in process.stdout:
        event = json.loads(line)
        turn, place = divmod(event["sample"] - 1, length)
        places.setdefault(turn, []).append((event["label"], place))
        if event["time_s"] > 60:
            last = resident_kb(process.pid)
            after_a_minute = after_a_minute or last
    seconds = time.monotonic() - started
    code = process.wait()
    # the first loop begins without a past, the last ends in silence
    expected = places[1]
    wrong = [turn for turn in range(1, loops - 1) if places.get(turn) != expected]
    audio_s = loops * length / 16000
    print(
        f"{audio_s / 3600:.2f} h of audio in {seconds:.0f} s "
        f"({audio_s / seconds:.0f} times real time)"
    )
    print(
        f"memory after a minute of it {after_a_minute} KB, at the end {last} KB: "
        f"{last - after_a_minute:+d} KB"
    )
    print(
        f"{len(expected)} events in each of {loops} loops of {length} samples;"
        f" {len(wrong)} loops with an event missing, added or moved by a sample"
    )
    sys.exit(1 if wrong or code else 0)


if __name__ == "__main__":
    main()
