"""Errors that a user can fix, each with the exit code of a command that it ends."""

from collections.abc import Iterable

from kws_edge.boundary import printable


class KwsEdgeError(Exception):
    """Base of every error that a command reports as one line, without a traceback.

    Its text is `printable`, whatever it quotes: a path, a label, a setting of a foreign file.
    """

    exit_code = 1

    def __str__(self) -> str:
        return printable(super().__str__())


class DataError(KwsEdgeError):
    """Audio or a data set that cannot be used."""

    exit_code = 65


class ModelError(KwsEdgeError):
    """A model file that is damaged, incomplete, or not made for this program."""

    exit_code = 65


class MissingFileError(KwsEdgeError):
    """A missing or unreadable file or folder."""

    exit_code = 66


class AudioDeviceError(KwsEdgeError):
    """No microphone, no PortAudio, or a device that does not open.

    ``remedy``: what a user can do about it, for a command that ends.
    """

    exit_code = 69

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason}; {remedy}" if remedy else reason)


class AddressError(KwsEdgeError):
    """A listening address that is in use, does not exist, or is not permitted."""

    exit_code = 69


class InterpreterError(KwsEdgeError):
    """No TFLite interpreter is installed, or the one asked for does not work."""

    exit_code = 69


class ConfigError(KwsEdgeError):
    """Invalid settings; the message lists every fault found."""

    exit_code = 78


class ValidationErrors(KwsEdgeError, ValueError):  # noqa: N818 - it is several
    """All faults of one value, so that one report names them all."""

    exit_code = 78

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(map(printable, faults))
        super().__init__("; ".join(self.faults))
