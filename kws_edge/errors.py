"""The faults that a user can mend, each with the exit code that the commands end with."""

from collections.abc import Iterable


class KwsEdgeError(Exception):
    """Base of every fault that is reported as one line, without a traceback."""

    exit_code = 1


class DataError(KwsEdgeError):
    """Audio or a data set that cannot be used."""

    exit_code = 65


class ModelError(KwsEdgeError):
    """A model file that is damaged, incomplete, or not made for this program."""

    exit_code = 65


class MissingFileError(KwsEdgeError):
    """A file or folder that is not there or may not be read."""

    exit_code = 66


class AudioDeviceError(KwsEdgeError):
    """No microphone, no PortAudio, or a device that does not open."""

    exit_code = 69


class AddressError(KwsEdgeError):
    """An address to listen on that is taken, not there, or may not be used."""

    exit_code = 69


class InterpreterError(KwsEdgeError):
    """No TFLite interpreter is installed, or the one asked for does not work."""

    exit_code = 69


class ConfigError(KwsEdgeError):
    """A setting that makes no sense; the message lists every fault found."""

    exit_code = 78


class ValidationErrors(KwsEdgeError, ValueError):  # noqa: N818 - it is several
    """Every fault of one value, collected so that one report names them all."""

    exit_code = 78

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))
