"""Optuna's journal of a sweep: which trials are waiting, running and told."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from kws_edge.errors import ConfigError


@contextmanager
def open_journal(path: Path) -> Iterator[JournalStorage]:
    """The storage in ``path``, for this process alone.

    Raises `ConfigError` where another process has it. What a killed process left behind, a
    lock and half a line, is cleared away.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{path}: another sweep is running on these results") from None
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
        file.seek(0)
        content = file.read()
        # Optuna would append to half a line, and then refuse the whole journal
        file.truncate(content.rfind(b"\n") + 1)
        yield JournalStorage(JournalFileBackend(str(path)))
