"""Text that comes from elsewhere, and addresses that others can reach.

Model files, clients, brokers, sound cards, programs and file systems supply text. Whatever is
shown to people or handed on passes `printable`: in the log by `CleanFormatter`, on the terminal
where a command prints a line, in events and answers where they are made.
"""

import logging
import os
from ipaddress import ip_address

JOINERS = "\u200c\u200d"  # zero-width, not printable to Python, but letters of Persian and Hindi
_KEPT = frozenset(JOINERS + "\u00a0\u202f\u3000")  # and the spaces of French and Japanese


def printable(text: str) -> str:
    """``text`` in one line that any terminal, file or protocol takes.

    Line breaks, control codes, direction marks and halves of characters become their escapes,
    ``\\x1b``; a tab becomes a space.
    """
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or character in _KEPT:
        return character
    return " " if character == "\t" else ascii(character)[1:-1]


class CleanFormatter(logging.Formatter):
    """One line a record, whatever is in it; a traceback follows indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as logging has it
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - as logging has it
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]
        return "\n".join(f"  {printable(line)}" for line in lines)


def os_reason(error: OSError) -> str:
    """Why a system call failed, in the words of the system alone."""
    number = error.errno or 0  # below 0 where a name is not known
    return os.strerror(number) if number > 0 else error.strerror or str(error)


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address, is this machine alone."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False
