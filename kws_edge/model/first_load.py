"""The first load of a model file that does not come with the package.

A model is a program for its interpreter, and interpreters are written for models that a converter
made: a flatbuffer with one changed byte can end the process. The SHA-256 in the manifest does not
keep that out, since anybody can compute it. So a child process with limits on memory and time
(`kws_edge.model.trial`) loads and runs the network first, once: the verdict is kept by the hash of
the network and the version of the interpreter.

This finds damaged files. It keeps out no author of a hostile one, who can make a network behave
while it is tried: load models only from people you trust.
"""

import contextlib
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

from kws_edge.errors import ConfigError, InterpreterError, ModelError
from kws_edge.files import private_folder, write_atomically
from kws_edge.model import trial
from kws_edge.model.file import ModelFile, bundled_models
from kws_edge.model.interpreter import interpreter_module, interpreter_name

TRIAL_SECONDS = 8
START_SECONDS = 120  # TensorFlow as the interpreter, on a slow card
MEMORY_BYTES = 96 * 2**20  # and six times the network, and what each thread reserves
THREAD_BYTES = 10 * 2**20
MAX_VERDICTS = 200  # files in the cache; the oldest go first
MAX_VERDICT_BYTES = 200
# That one network always does; other signals come from limits, and from outside.
CRASHES = {"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"}
SIGNALS = set(signal.Signals)
SPEAKING_UP = {"MALLOC_PERTURB_": "165", "MALLOC_ARENA_MAX": "1"}  # glibc: stray reads show
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def check_first_load(model: ModelFile, num_threads: int = 1) -> None:
    """Return where the network may be loaded into this process.

    Raises `ModelError` where the interpreter refuses it, crashes, or takes more than its limits
    of memory and time, and `InterpreterError` where no child process can be started.
    """
    if _is_bundled(model.path):
        return
    kept = _verdict_file(model.flatbuffer)
    verdict = _read_verdict(kept) if kept else ""
    note = f" (its first load, as {kept} says)" if verdict else ""
    if not verdict:
        verdict, lasting = _run_trial(model.flatbuffer, num_threads)
        if lasting and kept:
            _keep_verdict(kept, verdict)
    if verdict != trial.OK:
        raise ModelError(f"{model.path}: {verdict}{note}")


def _is_bundled(path: Path) -> bool:
    return path.resolve() in {bundled.resolve() for bundled in bundled_models().values()}


def _run_trial(flatbuffer: bytes, num_threads: int) -> tuple[str, bool]:
    """The verdict, and whether it is that of any further trial."""
    limit = memory_limit(flatbuffer, num_threads)
    options = {
        "path": sys.path,
        "module": interpreter_module(),
        "threads": num_threads,
        "memory_bytes": limit,
        "seconds": TRIAL_SECONDS,
    }
    try:
        result = subprocess.run(
            [sys.executable, "-I", trial.__file__, json.dumps(options)],
            input=flatbuffer,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=START_SECONDS,
            check=False,
            start_new_session=True,  # Ctrl-C is for the parent, which then ends the child
            env={**os.environ, **SPEAKING_UP, **ONE_THREAD},
        )
    except (OSError, TypeError) as error:  # TypeError: an embedded Python has no executable
        raise InterpreterError(f"cannot start a process to try a model: {error}") from error
    except subprocess.TimeoutExpired:
        return f"was not tried within {START_SECONDS} s", False
    return judge(result.returncode, result.stdout.decode("utf-8", "replace"), limit)


def memory_limit(flatbuffer: bytes, num_threads: int) -> int:
    """Bytes that a trial may take besides its interpreter."""
    return MEMORY_BYTES + 6 * len(flatbuffer) + num_threads * THREAD_BYTES


def judge(return_code: int, answer: str, memory_bytes: int) -> tuple[str, bool]:
    """The verdict on a trial by how its process ended, and whether to keep it."""
    if return_code == 0 and answer == trial.OK:
        return trial.OK, True
    if return_code == 0 and answer:
        return f"refused by the interpreter: {answer}", False
    name = signal.Signals(-return_code).name if -return_code in SIGNALS else ""
    if name == "SIGALRM":
        return f"does not run within {TRIAL_SECONDS} s", False
    if name in CRASHES:
        room = f", given {memory_bytes >> 20} MiB" if name == "SIGABRT" else ""
        how = f"crashes {interpreter_name()} ({name}{room}): the file is damaged, or hostile"
        return how, True
    return f"cannot be tried: the process ended with status {return_code}", False


def _verdict_file(flatbuffer: bytes) -> Path | None:
    """Where the verdict on a network lies, by its hash, interpreter, version and machine; None
    where there is no folder that this user alone can write."""
    # systemd gives a service a folder of its own
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    cache = os.environ.get("CACHE_DIRECTORY") or os.path.join(home, "kws-edge")
    folder = Path(cache) / "first-loads"
    try:
        private_folder(folder, "cache")
    except ConfigError:
        return None
    digest = hashlib.sha256(flatbuffer).hexdigest()
    return folder / f"{digest}-{interpreter_name()}-{platform.machine()}".replace(" ", "-")


def _read_verdict(path: Path) -> str:
    """The verdict that is kept; empty where there is none."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_VERDICT_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
    return text if text.isprintable() else ""


def _keep_verdict(path: Path, verdict: str) -> None:
    """For the next load, which is a first one again where nothing can be written."""
    with contextlib.suppress(OSError):
        write_atomically(path, verdict[:MAX_VERDICT_BYTES].encode("ascii", "replace"), 0o600)
        verdicts = sorted(path.parent.iterdir(), key=lambda file: file.stat().st_mtime)
        for old in verdicts[:-MAX_VERDICTS]:
            old.unlink(missing_ok=True)
