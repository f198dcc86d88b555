"""Mutated flatbuffers with the SHA-256 computed anew, through the first load of a model file.

Half of the cases for each interpreter that is installed. The path is the real one: file, manifest,
trial, verdict, interpreter, posteriors. Only the start of the trial's process is pooled: a process
that has imported the interpreter forks for each case, but for every 200th, which starts a new
one as a user's load does. What is under test forks too, so that a crash is counted and the next
case begins clean.
"""

import contextlib
import importlib
import importlib.util
import json
import multiprocessing
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from . import Summary

NAME = "flatbuffers"
# How often each is mutated: the smaller a model, the more of it is structure.
MODELS = {"small-int8": 8, "mfcc-int8": 1, "mfcc-side-by-side-dynamic": 1}
INTERPRETERS = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
HANG_SECONDS = 10
WORKERS = 2  # for each interpreter
PROGRESS = 250  # cases of a worker between two lines
UNPOOLED = 200  # every so many cases
ODD_WORDS = (0, 1, -1, 2, 127, 255, 65535, 2**31 - 1, -(2**31), 10**6)
REFUSED, RAN, TRACEBACK = 10, 11, 12  # exit codes of a case


def run(count: int, seed: int) -> Summary:
    """Load ``count`` model files, each with another network."""
    found = [name for name, module in INTERPRETERS.items() if _installed(module)] * WORKERS
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    workers = [
        context.Process(target=_work, args=(name, range(n, count, len(found)), seed, results))
        for n, name in enumerate(found)
    ]
    for worker in workers:
        worker.start()
    counts: dict[str, Counter[str]] = {}
    summary = Summary(count)
    for _ in workers:
        name, part, rss_mb, wrong = results.get()
        counts[name] = counts.get(name, Counter()) + part
        summary.worst_rss_mb = max(summary.worst_rss_mb, rss_mb)
        summary.wrong += wrong
    for worker in workers:
        worker.join()
    for name, part in counts.items():
        sys.stderr.write(f"{name}: {', '.join(f'{n} {kind}' for kind, n in part.items())}\n")
        summary.tracebacks += part["traceback"]
        summary.crashes += part["crash"]
        summary.hangs += part["hang"]
    return summary


def mutated(flatbuffer: bytes, random: random.Random) -> bytes:
    """``flatbuffer`` with 1 to 8 changes, most of them in what is structure and not weights."""
    content = bytearray(flatbuffer)
    words = struct.unpack(f"<{len(content) // 4}i", content[: len(content) // 4 * 4])
    structure = [index for index, word in enumerate(words) if abs(word) < len(content)]
    for _ in range(random.choice((1, 1, 1, 2, 4, 8))):
        index = random.choice(structure) if random.random() < 0.7 else random.randrange(len(words))
        place = index * 4
        match random.randrange(5):
            case 0:
                content[place + random.randrange(4)] = random.randrange(256)
            case 1:
                content[place + random.randrange(4)] ^= 1 << random.randrange(8)
            case 2:
                word = random.choice(
                    (*ODD_WORDS, len(content), words[index] + random.choice((-4, -1, 1, 4)))
                )
                content[place : place + 4] = struct.pack("<i", max(-(2**31), min(word, 2**31 - 1)))
            case 3:
                other = random.choice(structure) * 4
                content[place : place + 4] = content[other : other + 4]
            case 4:
                other = random.randrange(len(words)) * 4
                size = random.randrange(4, 64)
                content[place : place + size] = content[other : other + size]
    if random.random() < 0.03:
        del content[random.randrange(8, len(content)) :]
    return bytes(content)


def _work(interpreter: str, cases: range, seed: int, results: object) -> None:
    """All cases of one interpreter, in a process of its own."""
    os.environ["KWS_EDGE_INTERPRETER"] = interpreter
    memory = "/dev/shm"  # noqa: S108 - a load syncs its files to the disk, 20,000 times
    with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        server = _trial_server(interpreter)
        from kws_edge.features.front_end import FrontEnd
        from kws_edge.model.file import find_model, pack_model, read_model
        from kws_edge.model.interpreter import interpreter_name
        from kws_edge.model.probe import probe_signal

        models = [read_model(find_model(model)) for model in MODELS]
        windows = [FrontEnd(m.manifest.features)(probe_signal(m.manifest.features)) for m in models]
        interpreter_name()  # imports it, for all cases
        counts: Counter[str] = Counter()
        worst, wrong = 0, []
        for case in cases:
            rng = random.Random(f"{seed} {case}")
            chosen = rng.choices(range(len(models)), list(MODELS.values()))[0]
            path = folder / "case.tflite"
            flatbuffer = mutated(models[chosen].flatbuffer, rng)
            path.write_bytes(pack_model(models[chosen].manifest, flatbuffer))
            pooled = server if case % UNPOOLED else None
            pid = os.fork()
            if pid == 0:
                _case(path, windows[chosen], pooled)
            _, status, usage = os.wait4(pid, 0)
            kind = _kind(status)
            counts[kind] += 1
            worst = max(worst, usage.ru_maxrss)
            if kind == "hang" and pooled and select.select([server], [], [], HANG_SECONDS)[0]:
                server.recv(10_000)  # the answer that the case did not wait for
            if sum(counts.values()) % PROGRESS == 0:
                sys.stderr.write(f"{interpreter}, {os.getpid()}: {dict(counts)}\n")
            if kind in ("crash", "traceback", "hang"):
                keep = Path(tempfile.gettempdir()) / f"kws-edge-fuzz-{interpreter}-{case}.tflite"
                keep.write_bytes(path.read_bytes())
                wrong.append(f"{interpreter}, case {case}: {kind}, status {status}; {keep}")
        server.sendall(struct.pack("<I", 0))
        counts["trials crashed"] = json.loads(server.recv(1000))
    results.put((interpreter, counts, worst / 1024, wrong))  # type: ignore[attr-defined]


def _kind(status: int) -> str:
    if os.WIFSIGNALED(status):
        return "hang" if os.WTERMSIG(status) == signal.SIGALRM else "crash"
    return {REFUSED: "refused", RAN: "ran", TRACEBACK: "traceback"}.get(
        os.WEXITSTATUS(status), "crash"
    )


def _case(path: Path, window: object, server: socket.socket | None) -> None:
    """What a user's process does with a model file; ends the process."""
    from kws_edge.errors import KwsEdgeError
    from kws_edge.model import first_load
    from kws_edge.model.classifier import Classifier

    signal.alarm(HANG_SECONDS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    quiet = os.open(os.devnull, os.O_WRONLY)
    errors = os.dup(2)
    os.dup2(quiet, 2)

    def pooled(flatbuffer: bytes, num_threads: int) -> tuple[str, bool]:
        assert server
        limit = first_load.memory_limit(flatbuffer, num_threads)
        server.sendall(struct.pack("<IQ", len(flatbuffer), limit) + flatbuffer)
        code, answer = json.loads(server.recv(10_000))
        return first_load.judge(code, answer, limit)

    if server:
        first_load._run_trial = pooled
    try:
        classifier = Classifier.load(path)
        for level in (1, -1):
            classifier(window * level)  # type: ignore[operator, arg-type]
        os._exit(RAN)
    except KwsEdgeError as error:
        message = str(error)
        os._exit(REFUSED if message.isprintable() and len(message) < 3000 else TRACEBACK)
    except BaseException:
        os.write(errors, traceback.format_exc().encode())
        os._exit(TRACEBACK)


def _trial_server(interpreter: str) -> socket.socket:
    """A process that has imported the interpreter and forks for each trial: a socket to it."""
    from kws_edge.model import first_load

    here, there = socket.socketpair()
    previous = dict(os.environ)
    os.environ.update(first_load.SPEAKING_UP | first_load.ONE_THREAD)
    multiprocessing.get_context("spawn").Process(
        target=_serve_trials, args=(interpreter, there), daemon=True
    ).start()
    os.environ.clear()
    os.environ.update(previous)
    there.close()
    return here


def _serve_trials(interpreter: str, connection: socket.socket) -> None:
    from kws_edge.model import trial
    from kws_edge.model.first_load import TRIAL_SECONDS

    factory = importlib.import_module(INTERPRETERS[interpreter]).Interpreter
    quiet = os.open(os.devnull, os.O_WRONLY)
    crashes = 0
    for flatbuffer, limit in _requests(connection):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            verdict = trial.limited_trial(factory, flatbuffer, 1, limit, TRIAL_SECONDS)
            os.write(write, verdict.encode("utf-8", "backslashreplace"))
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answer:
            text = answer.read().decode("utf-8", "replace")
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        crashes += code < 0
        connection.sendall(json.dumps((code, text)).encode())
    connection.sendall(json.dumps(crashes).encode())


def _requests(connection: socket.socket) -> Iterator[tuple[bytes, int]]:
    with connection.makefile("rb") as stream:
        while (size := struct.unpack("<I", stream.read(4))[0]) != 0:
            limit = struct.unpack("<Q", stream.read(8))[0]
            yield stream.read(size), limit


def _installed(module: str) -> bool:
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.util.find_spec(module) is not None
    return False
