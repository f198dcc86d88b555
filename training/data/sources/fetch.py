"""Get data sets from their publishers: download, verify, unpack."""

import hashlib
import re
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kws_edge.errors import DataError, KwsEdgeError, MissingFileError


@dataclass(frozen=True)
class DataSet:
    """An archive at ``url`` of ``size`` bytes. Its files whose names match ``files`` are unpacked
    to ``folder``, under the name of the group ``path``."""

    folder: str
    url: str
    size: int
    sha256: str
    files: re.Pattern[str]

    @property
    def archive(self) -> str:
        """What the archive is called where it is kept: the folder's name and the suffixes."""
        return self.folder + "".join(re.findall(r"\.(?:zip|tar|gz)(?=\.|$)", self.url))


GOOGLE = "https://storage.googleapis.com/download.tensorflow.org/data"
NAME = r"[^/.\\][^/\\]*"  # of a file or folder, not hidden
DATA_SETS = {
    "mini_speech_commands": DataSet(
        "mini_speech_commands",
        f"{GOOGLE}/mini_speech_commands.zip",
        182_082_353,
        "49650f2341b26d886b46b3f4fb8fed59e30300b17550f1ee4a768b3106cf93a0",
        re.compile(rf"mini_speech_commands/(?P<path>{NAME}/{NAME}\.wav)"),
    ),
    # size and SHA-256 as tensorflow_datasets and torchaudio have them
    "speech_commands": DataSet(
        "speech_commands",
        f"{GOOGLE}/speech_commands_v0.02.tar.gz",
        2_428_923_189,
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        re.compile(rf"(?:\./)?(?P<path>{NAME}/{NAME}\.wav|(?:testing|validation)_list\.txt)"),
    ),
    # OpenSLR publishes an MD5 (5df7d4e78065366204ca6845bb08f490); several public programs that
    # check it have this SHA-256 too
    "librispeech": DataSet(
        "librispeech",
        "https://www.openslr.org/resources/31/train-clean-5.tar.gz",
        332_954_390,
        "47805806c8b15f7549f3c51bd6b7da72ec0128a34d32830c8014a88658c0292d",
        re.compile(
            r"LibriSpeech/train-clean-5/(?P<path>\d+/\d+/\d+-\d+(?:-\d+\.flac|\.trans\.txt))"
        ),
    ),
}
BLOCK = 1 << 16
LARGEST = 1 << 34  # bytes: of another archive than the expected one, and of all its files
LARGEST_FILE = 1 << 26

Progress = Callable[[int], None]


def download(target: Path, progress: Progress, url: str, sha256: str | None, most: int) -> Path:
    """Download at most ``most`` bytes to ``target``, going on where an earlier try broke off;
    verified by SHA-256.

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
            have = have if resumed else 0
            progress(have)
            with part.open("ab" if resumed else "wb") as file:
                while block := answer.read(BLOCK):
                    have += len(block)
                    if have > most:
                        raise DataError(
                            f"{url}: sends more than the {most} bytes expected; delete {part}"
                            " and fetch again, or give the file with --archive"
                        )
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


def unpack(archive: Path, destination: Path, data_set: DataSet, progress: Progress) -> Path:
    """Unpack the data set's files to ``destination/<folder>/``.

    The folder appears when it is complete. Leaves alone whatever else is in the archive, such as
    macOS debris, and never writes elsewhere. ``progress`` receives how many more bytes of the
    archive are done.
    """
    target = destination / data_set.folder
    partial = destination / f".{data_set.folder}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    form, members = ("zip", _zipped) if zipfile.is_zipfile(archive) else ("tar", _tarred)
    if form == "tar" and data_set.archive.endswith(".zip"):
        raise DataError(f"{archive}: not a zip file, or damaged")
    unpacked = 0
    try:
        for name, file, done in members(archive):
            progress(done)
            match = data_set.files.fullmatch(name)
            if match is None or ".." in match["path"]:
                continue
            content = file.read(LARGEST_FILE + 1)
            unpacked += len(content)
            if len(content) > LARGEST_FILE or unpacked > LARGEST:
                raise DataError(f"{archive}: {match['path']} is larger than a recording can be")
            path = partial / match["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: not a {form} file, or damaged ({error})") from error
    if not unpacked:
        raise DataError(f"{archive}: holds no files of {data_set.folder}")
    return partial.rename(target)


Member = tuple[str, IO[bytes], int]  # name, content, bytes of the archive since the one before


def _zipped(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            if not entry.is_dir():
                with file.open(entry) as content:
                    yield entry.filename, content, entry.compress_size


def _tarred(archive: Path) -> Iterator[Member]:
    at = 0
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r|*") as file:
        for entry in file:
            content = file.extractfile(entry) if entry.isreg() else None
            if content is not None:
                yield entry.name, content, raw.tell() - at
                at = raw.tell()
