"""Reloads under speech: is a word lost, added or moved by a sample?

    python -m benchmarks.reloads [--minutes 5] [--hertz 10]

``kws-edge listen`` gets the demo recording over and over at the speed of speech, and SIGHUP at a
steady rate. The file of its configuration changes between two reloads, so that each makes a sink
anew. A second run, at full speed and without signals, must give the same detections.
"""

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click

from benchmarks.soak import feed, main_loop
from kws_edge.files import write_atomically

RATE = 16000
Spotted = list[tuple[str, int, float]]  # keyword, sample, score


def command(config: Path, *arguments: str) -> list[str]:
    listen = [sys.executable, "-m", "kws_edge", "listen", "--input", "-", "--json"]
    return [*listen, "--config", str(config), *arguments]


def detections(lines: str) -> Spotted:
    events = [json.loads(line) for line in lines.splitlines()]
    return [(e["label"], e["sample"], e["score"]) for e in events if e["type"] == "detection"]


def without_reloads(loops: int, config: Path) -> Spotted:
    audio = main_loop() * loops
    done = subprocess.run(command(config), input=audio, capture_output=True, check=True)
    return detections(done.stdout.decode())


def change(config: Path, number: int) -> None:
    """Another hook in each configuration, in one step: a reload must not read half a file."""
    hooks = [{"run": ["true"], "timeout_seconds": 10 + number % 2}]
    write_atomically(config, json.dumps({"commands": hooks}).encode())


def with_reloads(
    loops: int, config: Path, hertz: float, speed: str = "real"
) -> tuple[Spotted, int]:
    """What was spotted, and how many reloads took place."""
    arguments = command(config, "--sinks", "--pace", "real", "--reload-on-hangup")
    process = subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stderr.readline()  # it listens
    threading.Thread(target=feed, args=(process.stdin, main_loop(), loops), daemon=True).start()
    log: list[bytes] = []
    reader = threading.Thread(target=log.extend, args=(process.stderr,), daemon=True)
    reader.start()
    out: list[bytes] = []
    words = threading.Thread(target=out.extend, args=(process.stdout,), daemon=True)
    words.start()
    began, number = time.monotonic(), 0
    while process.poll() is None:
        number += 1
        change(config, number)
        process.send_signal(signal.SIGHUP)
        time.sleep(max(0.0, began + number / hertz - time.monotonic()))
    words.join()
    reader.join()
    reloads = sum(b"configuration reloaded" in line for line in log)
    return detections(b"".join(out).decode()), reloads


@click.command()
@click.option("--minutes", default=5.0, show_default=True)
@click.option("--hertz", default=10.0, show_default=True, help="Of SIGHUP.")
def main(minutes: float, hertz: float) -> None:
    """Prints the figures; exit code 1 where the detections differ."""
    seconds = len(main_loop()) / 2 / RATE
    loops = max(1, round(minutes * 60 / seconds))
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        change(config, 0)
        expected = without_reloads(loops, config)
        found, reloads = with_reloads(loops, config, hertz)
    lost, added = set(expected) - set(found), set(found) - set(expected)
    print(
        f"{loops * seconds / 60:.1f} min of speech, {reloads} reloads"
        f" ({reloads / loops / seconds:.1f} a second): {len(expected)} detections without them,"
        f" {len(lost)} lost, {len(added)} added"
    )
    sys.exit(1 if expected != found else 0)


if __name__ == "__main__":
    main()
