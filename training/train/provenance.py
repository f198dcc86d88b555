"""Which code made a result, on which machine."""

import platform
import subprocess
import sys
from pathlib import Path

CODE = ("kws_edge", "training")


def git_commit() -> str:
    """The commit checked out, with ``+changes`` where the code differs from it."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        result = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
        return result.stdout.strip()

    commit = git("rev-parse", "HEAD") or "unknown"
    # a run from changed files cannot be made again from the commit alone: say so
    dirty = git("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    return commit + ("+changes" if dirty else "")


def library_versions() -> dict[str, str]:
    """Versions of Keras and of the backend that it runs on here."""
    import keras  # and with it the backend: only where something is trained

    backend = keras.backend.backend()
    return {backend: sys.modules[backend].__version__, "keras": keras.__version__}


def machine() -> str:
    """Architecture, processor and Python, in one line."""
    return f"{platform.machine()}, {_processor()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
