"""The bundled models and the demo recording, in a checkout and in an installed wheel.

``models/NAME/NAME.tflite`` is the model NAME, ``models/NAME/card.md`` its card.
"""

from pathlib import Path

from kws_edge.errors import MissingFileError

DEFAULT_MODEL = "small-int8"


def find_model(name: str | Path = "default") -> Path:
    """The path of a model: ``default``, the name of a bundled model, a file, or a folder
    ``NAME`` that holds ``NAME.tflite``.

    Names come before paths, so a file or folder in the current directory never hides a bundled
    model; ``./NAME`` is always a path. Raises `MissingFileError` for a bare name that is neither.
    """
    bundled = bundled_models()
    wanted = DEFAULT_MODEL if str(name) == "default" else str(name)
    if wanted in bundled:
        return bundled[wanted]
    path = Path(name)
    if (inside := path / f"{path.resolve().name}.tflite").is_file():
        return inside
    if path.exists() or path.suffix or "/" in str(name):
        return path  # the reader of the file reports what is wrong with it
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
