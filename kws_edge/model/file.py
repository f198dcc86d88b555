"""The model file: a TFLite flatbuffer with a zip appended that holds ``manifest.json``.

So TFLite Metadata does it for label files: TFLite interpreters ignore what follows the
flatbuffer, and ``unzip -p model.tflite manifest.json`` prints the manifest.
"""

import dataclasses
import hashlib
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

from kws_edge.boundary import printable
from kws_edge.config.schema import shortened
from kws_edge.errors import MissingFileError, ModelError, ValidationErrors
from kws_edge.model.manifest import MAX_NETWORK_BYTES, Manifest

MANIFEST = "manifest.json"
MAX_FILE_BYTES = MAX_NETWORK_BYTES + 2**20
MAX_MANIFEST_BYTES = 2**20
MAX_TAIL_BYTES = MAX_MANIFEST_BYTES + 2**16  # the manifest, stored, and the zip's directory
MAX_FAULTS, MAX_FAULT_CHARACTERS = 20, 300  # in a message
TFLITE_IDENTIFIER = b"TFL3"  # at byte 4 of every TFLite flatbuffer


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """A model file that has been read and verified."""

    path: Path
    manifest: Manifest
    flatbuffer: bytes = dataclasses.field(repr=False)
    size: int


def read_model(path: Path) -> ModelFile:
    """Read and verify a model file, before any of it is given to an interpreter.

    Raises `MissingFileError` where it cannot be read and `ModelError`, naming the file and
    the field, where anything in it is missing, odd, unknown or damaged.
    """
    content = _read(path)
    try:
        manifest = Manifest.from_json(_manifest_bytes(content))
        flatbuffer = content[: manifest.flatbuffer.size]
        _verify(manifest, content)
    except ValidationErrors as error:
        raise ModelError(f"{path}: {_message(error.faults)}") from error
    return ModelFile(path, manifest, flatbuffer, len(content))


def pack_model(manifest: Manifest, flatbuffer: bytes) -> bytes:
    """The content of a model file; size and SHA-256 in the manifest are those of the network."""
    described = dataclasses.replace(
        manifest.flatbuffer,
        size=len(flatbuffer),
        sha256=hashlib.sha256(flatbuffer).hexdigest(),
    )
    text = dataclasses.replace(manifest, flatbuffer=described).to_json()
    buffer = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        # a fixed date, so that the same model is the same file
        entry = zipfile.ZipInfo(MANIFEST, date_time=(1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, text)
    return buffer.getvalue()


def _message(faults: tuple[str, ...]) -> str:
    """``faults`` for a log line: foreign text in them cannot be long or hold control codes."""
    shown = [fault[:MAX_FAULT_CHARACTERS] for fault in faults[:MAX_FAULTS]]
    if len(faults) > MAX_FAULTS:
        shown.append(f"and {len(faults) - MAX_FAULTS} more")
    return printable("; ".join(shown))


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise MissingFileError(f"{path}: is a folder, expected a model file (.tflite)")
    try:
        with path.open("rb") as file:
            size = min(os.fstat(file.fileno()).st_size, MAX_FILE_BYTES)
            content = file.read(size + 1)  # allocates as many bytes as it may read
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB, not a keyword model")
    return content


def _manifest_bytes(content: bytes) -> bytes:
    if content[4:8] != TFLITE_IDENTIFIER:
        raise ValidationErrors(["not a TFLite model (no TFL3 at byte 4)"])
    # only the end can hold the manifest, so that a directory of a million entries stays unread
    tail = content[-MAX_TAIL_BYTES:]
    try:
        with zipfile.ZipFile(io.BytesIO(tail)) as archive:
            return _read_entry(archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise ValidationErrors(
            [
                f"no {MANIFEST} at its end ({error}): the file is cut short, or a plain TFLite"
                " model that 'python -m training export' has not described"
            ]
        ) from error
    except ValidationErrors:
        raise
    except (zlib.error, struct.error, RuntimeError, EOFError, OSError, ValueError) as error:
        # what zipfile makes of damaged fields: encryption, unknown compression, bad offsets
        raise ValidationErrors([f"{MANIFEST}: damaged ({error})"]) from error


def _read_entry(archive: zipfile.ZipFile) -> bytes:
    names = archive.namelist()
    if names != [MANIFEST]:
        listed = ", ".join(name[:40] for name in names[:5]) + (", ..." if len(names) > 5 else "")
        raise ValidationErrors([f"holds {listed or 'no entry'}, expected {MANIFEST} alone"])
    entry = archive.getinfo(MANIFEST)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile bounds no read of the others: 60 KB of bzip2 become 4 GB
        raise ValidationErrors(
            [f"{MANIFEST}: compressed by method {entry.compress_type}, expected stored or deflated"]
        )
    if entry.file_size > MAX_MANIFEST_BYTES:
        raise ValidationErrors([f"{MANIFEST}: larger than {MAX_MANIFEST_BYTES >> 20} MiB"])
    with archive.open(entry) as file:
        return file.read(MAX_MANIFEST_BYTES)  # whatever its size was said to be


def _verify(manifest: Manifest, content: bytes) -> None:
    described = manifest.flatbuffer
    if not 8 <= described.size < len(content):
        raise ValidationErrors(
            [f"flatbuffer.size: {described.size} bytes of a file of {len(content)}"]
        )
    digest = hashlib.sha256(content[: described.size]).hexdigest()
    if digest != described.sha256:
        raise ValidationErrors(
            [
                f"flatbuffer.sha256: found {digest[:12]}..., expected "
                f"{described.sha256[:12]}...: the file is damaged"
            ]
        )
    if content[described.size : described.size + 4] != b"PK\x03\x04":
        raise ValidationErrors(
            [f"flatbuffer.size: the manifest does not follow byte {described.size}"]
        )


DEFAULT_MODEL = "default"


def find_model(name: str | Path = DEFAULT_MODEL) -> Path:
    """The path of a model: the name of a bundled model, a file, or a folder ``NAME`` that holds
    ``NAME.tflite``.

    Names come before paths, so a file or folder in the current directory never hides a bundled
    model; ``./NAME`` is always a path. Raises `MissingFileError` for a bare name that is neither.
    """
    bundled = bundled_models()
    if str(name) in bundled:
        return bundled[str(name)]
    path = Path(name)
    try:
        if (inside := path / f"{path.resolve().name}.tflite").is_file():
            return inside
        if path.exists() or path.suffix or "/" in str(name):
            return path  # the reader of the file reports what is wrong with it
    except (OSError, ValueError) as error:  # too long, a loop of links, NUL, half a character
        reason = error.strerror if isinstance(error, OSError) else "is no name of a file"
        raise MissingFileError(f"{shortened(str(name))}: {reason}") from error
    raise MissingFileError(
        f"{name}: no such file, and no model of that name ships ({', '.join(bundled) or 'none'})"
    )


def bundled_models() -> dict[str, Path]:
    """The bundled models, by name."""
    found = sorted(folder("models").glob("*/*.tflite"))
    return {path.stem: path for path in found if path.stem == path.parent.name}


def demo_recording() -> Path:
    """About 20 s of speech with all keywords and some other words; its labels lie beside it."""
    return folder("recordings") / "demo.wav"


def folder(name: str) -> Path:
    """``models``, ``recordings`` or ``systemd``: inside the package in an installed wheel (see
    setup.py), beside the package in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / name
    return installed if installed.is_dir() else package.parent / name
