"""The models and the demo recording that ship, in a checkout and in an installed wheel."""

from pathlib import Path

from kws_edge.errors import MissingFileError

DEFAULT_MODEL = "small-int8"


def find_model(name: str | Path = "default") -> Path:
    """The path of a model: a file, ``default``, or the name of one that ships."""
    path = Path(name)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path  # reading it tells what is wrong with it
    wanted = DEFAULT_MODEL if str(name) == "default" else str(name)
    found = bundled_models()
    if wanted not in found:
        raise MissingFileError(
            f"{name}: no such file, and no model of that name ships ({', '.join(found) or 'none'})"
        )
    return found[wanted]


def bundled_models() -> dict[str, Path]:
    """The models that ship, by name."""
    return {path.stem: path for path in sorted(folder("models").glob("*.tflite"))}


def demo_recording() -> Path:
    """About 20 s of speech with all keywords and some other words; its labels lie beside it."""
    return folder("recordings") / "demo.wav"


def folder(name: str) -> Path:
    """What ships in ``name``: in a wheel within the package (setup.cfg), else beside it."""
    package = Path(__file__).parents[1]
    installed = package / name
    return installed if installed.is_dir() else package.parent / name
