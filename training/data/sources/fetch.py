"""Get Mini Speech Commands: download, verify, unpack."""

import hashlib
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from kws_edge.errors import DataError, KwsEdgeError, MissingFileError

URL = "https://storage.googleapis.com/download.tensorflow.org/data/mini_speech_commands.zip"
SHA256 = "49650f2341b26d886b46b3f4fb8fed59e30300b17550f1ee4a768b3106cf93a0"
SIZE = 182_082_353  # bytes of the zip
FOLDER = "mini_speech_commands"
BLOCK = 1 << 16

Progress = Callable[[int], None]


def download(target: Path, progress: Progress, url: str = URL, sha256: str | None = SHA256) -> Path:
    """Download to ``target``, going on where an earlier try broke off; verified by SHA-256.

    ``progress`` receives how many more bytes are there. What has come so far is kept in
    ``<target>.part``. Raises `KwsEdgeError` where the server cannot be reached and
    `DataError` where the file is not the one expected.
    """
    part = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - https above
            resumed = answer.status == 206  # else the server sends the whole file
            progress(have if resumed else 0)
            with part.open("ab" if resumed else "wb") as file:
                while block := answer.read(BLOCK):
                    file.write(block)
                    progress(len(block))
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: nothing is missing, the part is whole
            raise KwsEdgeError(f"{url}: {error}") from error
    except OSError as error:
        raise KwsEdgeError(
            f"{url}: {getattr(error, 'reason', error)}; run it again to go on where it stopped,"
            " or give the file with --archive"
        ) from error
    verify(part, sha256)
    return part.replace(target)


def verify(archive: Path, sha256: str | None) -> None:
    """Raises `MissingFileError` or, where the SHA-256 is another, `DataError`."""
    digest = hashlib.sha256()
    try:
        with archive.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise MissingFileError(f"{archive}: {error.strerror}") from error
    if sha256 and digest.hexdigest() != sha256:
        raise DataError(
            f"{archive}: its SHA-256 is {digest.hexdigest()[:12]}..., expected {sha256[:12]}...;"
            " it is incomplete or another file: delete it and fetch again"
        )


def unpack(archive: Path, destination: Path, progress: Progress) -> Path:
    """Unpack the clips of the zip to ``destination/mini_speech_commands/<label>/``.

    The folder appears when it is complete. Leaves alone what is no WAV below
    mini_speech_commands/, such as the archive's macOS debris, and never writes elsewhere.
    """
    target = destination / FOLDER
    partial = destination / f".{FOLDER}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as file:
            clips = [entry for entry in file.infolist() if _is_clip(entry.filename)]
            if not clips:
                raise DataError(f"{archive}: holds no {FOLDER}/<label>/*.wav")
            for entry in clips:
                path = partial.joinpath(*PurePosixPath(entry.filename).parts[1:])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.read(entry))
                progress(entry.compress_size)
    except zipfile.BadZipFile as error:
        raise DataError(f"{archive}: not a zip file, or damaged ({error})") from error
    return partial.rename(target)


def _is_clip(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return (
        len(parts) == 3
        and parts[0] == FOLDER
        and parts[2].endswith(".wav")
        and not any(part.startswith(".") for part in parts)
        and "\\" not in name
    )
