"""Atomic writes, and files and folders that only their owner may read."""

import errno
import os
import stat
from pathlib import Path

from kws_edge.errors import ConfigError

BINARY = getattr(os, "O_BINARY", 0)  # Windows would change the ends of lines


def write_atomically(
    path: Path, data: bytes, mode: int = 0o666, like: os.stat_result | None = None
) -> None:
    """Write ``data`` under another name in the same folder, then rename. Raises `OSError`.

    The other name starts with a dot and does not end as ``path`` does, so that no program
    mistakes a file that a power cut left for the finished one. ``mode`` is the file's
    mode before the umask; with ``like`` it gets the owner, the group and the mode of that one.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)  # of a process that had this number before
    mode = 0o600 if like else mode
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if like:
                _resemble(descriptor, like)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _resemble(descriptor: int, like: os.stat_result) -> None:
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def append_line(path: Path, line: str, mode: int = 0o600) -> None:
    """Append a line, all of it or nothing; one that a power cut left unfinished is closed first.

    Raises `OSError`. ``mode`` is that of a new file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | BINARY, mode)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0
        if torn:
            os.lseek(descriptor, size - 1, os.SEEK_SET)
            torn = os.read(descriptor, 1) != b"\n"
        data = f"{chr(10) if torn else ''}{line}\n".encode()
        try:
            if os.write(descriptor, data) < len(data):  # the disk is full
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # which cannot open one
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_secret(path: Path, where: str) -> str:
    """The text of a file that others may not read, without the space around it.

    Raises `ConfigError`, beginning with the setting ``where``. Credentials of systemd
    (``LoadCredential=``) are trusted: their access control shows as rights of a group.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077 and not _is_credential(path):
                raise ConfigError(
                    f"{where}: {path} is open to others (mode {mode:03o}); chmod 600 {path}"
                )
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text in UTF-8"
        raise ConfigError(f"{where}: {path}: {reason}") from error


def private_folder(path: Path, where: str) -> None:
    """Create the folder for its owner alone, if it does not exist.

    Raises `ConfigError` where it cannot be made or written, or is open to others: it may
    be one that is used for more, so its rights are not changed here.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{where}: {path}: {error.strerror}") from error
    if fault := check_private_folder(path, where):
        raise ConfigError(fault)


def check_private_folder(path: Path, where: str) -> str:
    """The reason why `private_folder` would fail, or an empty string; changes nothing."""
    try:
        nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        mode = stat.S_IMODE(nearest.stat().st_mode)
    except OSError as error:
        return f"{where}: {path}: {error.strerror}"
    if not nearest.is_dir():
        return f"{where}: {nearest}: is no folder"
    if nearest == path and (fault := _foreign(path)):
        return f"{where}: {path} {fault}; name a folder of your own"
    if nearest == path and mode & 0o077:
        return (
            f"{where}: {path} is open to others (mode {mode:03o}); chmod 700 {path},"
            " or name a folder that is not there yet"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"{where}: {nearest}: may not be written to"
    return ""


def _foreign(path: Path) -> str:
    """Whose a folder is, or the link that leads to it, where that is somebody else."""
    if not hasattr(os, "geteuid"):  # Windows: its rights are not looked at
        return ""
    if (owner := path.stat().st_uid) != os.geteuid():
        return f"belongs to the user {owner}"
    # of root: systemd makes such a link for the StateDirectory of a dynamic user
    if path.is_symlink() and (owner := path.lstat().st_uid) not in (0, os.geteuid()):
        return f"is a link of the user {owner}"
    return ""


def _is_credential(path: Path) -> bool:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.resolve().is_relative_to(Path(str(folder)).resolve())
