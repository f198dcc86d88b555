"""Signals at random times of start and end, to a daemon with a hook for each detection.

Each run listens to the demo recording with a command hook, gets one to three signals at random
times (from the moment when its handlers are in place, or while it ends), and must end with exit
code 0, all that it wrote on stdout complete, each hook run or ended, and no traceback.
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from . import Summary

NAME = "signals"
ROOT = Path(__file__).parents[2]
HANG_SECONDS = 10.0  # after the last signal
START_SECONDS = 1.5  # of these, most is the load of the model
END_SECONDS = 1.5
NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# starts by naming itself, ends by saying so: one without the other was cut off, and must be gone
HOOK = 'echo $$ >> "$0/begun"; sleep 0.05; echo $$ >> "$0/ended"'


def run(count: int, seed: int) -> Summary:
    """``count`` signals in as many runs as they take; about a second each."""
    chance, summary = random.Random(seed), Summary()
    while summary.count < count:
        folder = Path(tempfile.mkdtemp(prefix="kws-edge-signals-"))
        signals = [chance.choice(NUMBERS) for _ in range(chance.randint(1, 3))]
        # the first falls into the start, or into running and its end; the rest soon after
        delays = [chance.uniform(0, START_SECONDS) * chance.choice((0.2, 1, 2))]
        delays += [chance.expovariate(1 / 0.1) % END_SECONDS for _ in signals[1:]]
        plan = list(zip(signals, delays, strict=True))
        microphone = chance.random() < 0.3
        try:
            _one(folder, plan, microphone, summary)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        summary.count += len(signals)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary.worst_rss_mb = usage.ru_maxrss / 1024
    return summary


def _one(
    folder: Path, plan: list[tuple[signal.Signals, float]], microphone: bool, summary: Summary
) -> None:
    config = folder / "config.yaml"
    hook = ["/bin/sh", "-c", HOOK, str(folder)]
    config.write_text(json.dumps({"commands": [{"run": hook, "concurrency": 4}]}))
    source = ["--wait"] if microphone else ["--demo", "--sinks", "--pace", "max"]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "kws_edge", "listen", "--json", *source, "--config", config],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            # under nohup this one ignores it, and so would that one, as it should
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        _wait_for_handlers(process)
        for number, delay in plan:
            with suppress(subprocess.TimeoutExpired):
                process.wait(delay)
            process.send_signal(number)
        hang = _hang(process)
    story = f"{'microphone' if microphone else 'demo'}, " + ", ".join(
        f"{number.name} after {delay:.3f} s" for number, delay in plan
    )
    if hang:
        summary.hangs += 1
        error = (folder / "err").read_text(errors="replace")
        summary.wrong.append(f"{story}: {hang}: {error[-3000:]}")
    else:
        _judge(folder, process.returncode, story, summary)


def _wait_for_handlers(process: "subprocess.Popen[bytes]") -> None:
    """Until SIGTERM is caught: before, a signal meets the interpreter, not this program."""
    bit = 1 << (signal.SIGTERM - 1)
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) & bit:
            return
        time.sleep(0.001)


def _hang(process: "subprocess.Popen[bytes]") -> str:
    """Wait for the end; where none comes within `HANG_SECONDS`, what every thread was at."""
    if process.poll() is not None:
        return ""
    before = _processor_seconds(process.pid)
    try:
        process.wait(HANG_SECONDS)
    except subprocess.TimeoutExpired:
        used = _processor_seconds(process.pid) - before
        process.send_signal(signal.SIGABRT)  # faulthandler writes the stacks on stderr
        with suppress(subprocess.TimeoutExpired):
            process.wait(HANG_SECONDS)
        process.kill()
        process.wait()
        # of little processor time under a high load, a wait for a turn and not for a lock
        return f"no end within {HANG_SECONDS:g} s ({used:.1f} s of processor, load {_load()})"
    return ""


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def _judge(folder: Path, code: int, story: str, summary: Summary) -> None:
    error = (folder / "err").read_text(errors="replace")
    out = (folder / "out").read_text()
    if "Traceback" in error or "Exception ignored" in error:
        summary.tracebacks += 1
        summary.wrong.append(f"{story}: traceback: {error[-500:]}")
    if code in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS):
        summary.crashes += 1
    if code:
        summary.wrong.append(f"{story}: exit code {code}: {error[-200:]}")
    events = [json.loads(line) for line in out.splitlines()]
    if out and (not out.endswith("\n") or events[-1]["type"] != "stopped"):
        summary.wrong.append(f"{story}: the last event is missing: {out[-200:]}")
    if [event["id"] for event in events] != list(range(1, len(events) + 1)):
        summary.wrong.append(f"{story}: events are missing")
    words = sum(event["type"] == "detection" for event in events)
    begun, ended = (_lines(folder / name) for name in ("begun", "ended"))
    cut_off = set(begun) - set(ended)
    if len(begun) != words and "sink" not in error:
        summary.wrong.append(f"{story}: {words} words, {len(begun)} hooks")
    if orphans := [pid for pid in cut_off if _alive(int(pid))]:
        summary.wrong.append(f"{story}: hooks left behind: {orphans}")


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
