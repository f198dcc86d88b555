"""A digest of source code, so that a cache knows when the code that filled it has changed."""

import hashlib
from pathlib import Path
from types import ModuleType


def code_digest(*packages: ModuleType) -> str:
    """SHA-256 (hexadecimal) of every Python file of ``packages``, those in sub-folders too."""
    digest = hashlib.sha256()
    for package in packages:
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()
