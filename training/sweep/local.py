"""Trials one after the other, each in a process of its own.

A trial that runs out of memory or crashes the interpreter takes only itself along.
"""

import multiprocessing
import os
import signal
import tempfile
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from training.config import RunConfig
from training.data.cache import cached_arrays
from training.data.splits import Split
from training.sweep.executor import Epoch, Failure, Finished, one_line
from training.sweep.trial import Trial
from training.train.trained import TrainingResult

Message = tuple[int, float] | TrainingResult | Failure


class LocalExecutor:
    """One trial at a time: Keras uses all cores for it."""

    slots = 1

    def __init__(self, split: Split, cache: Path) -> None:
        self._split, self._cache = split, cache
        self._log = tempfile.NamedTemporaryFile(prefix="kws-edge-sweep-")  # noqa: SIM115
        self._running: tuple[Trial, RunConfig, BaseProcess, Connection] | None = None

    def submit(self, trial: Trial, run: RunConfig) -> None:
        # spawn, not fork: a forked TensorFlow hangs
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        self._log.seek(0)
        self._log.truncate()
        arguments = (sender, run, self._split, self._cache, Path(self._log.name))
        process = context.Process(target=_child, args=arguments)
        process.start()
        sender.close()  # so that the child's end is the only one, and its death is heard
        self._running = trial, run, process, receiver

    def wait(self) -> Finished | Epoch:
        if self._running is None:
            raise RuntimeError("nothing was submitted")
        trial, run, process, receiver = self._running
        try:
            message: Message = receiver.recv()
        except EOFError:
            process.join()
            message = Failure(self._last_words(process.exitcode))
        if isinstance(message, tuple):
            return Epoch(trial, message[0], run.optimizer.epochs, message[1])
        process.join()
        self._running = None
        return Finished(trial, run, message)

    def close(self) -> None:
        if self._running:
            self._running[2].kill()
        self._log.close()

    def _last_words(self, code: int | None) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f"its process ended with exit code {code}" + (f": {lines[-1]}" if lines else "")


def _child(sender: Connection, run: RunConfig, split: Split, cache: Path, log: Path) -> None:
    # TensorFlow's chatter would tear the progress display; after a crash it is the reason
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        from training.sweep.work import work  # brings Keras, which the parent does without

        arrays = cached_arrays(split, run.labels, run.features, cache)
        sender.send(work(run, arrays, lambda number, accuracy: sender.send((number, accuracy))))
    except Exception as error:
        sender.send(Failure(one_line(error)))


def _die_with_parent() -> None:
    """A sweep that was killed must not leave a training behind that nobody waits for."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
