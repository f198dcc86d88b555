#!/usr/bin/env python3
"""Check that a release's tag, the package's version and the changelog name the same version.

    scripts/check_tag.py v0.2.0

Prints the changelog's section, for the notes of the release. Reads files alone, so that it runs
before anything is installed. Exit code 1 where the three differ.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def release_notes(tag: str, root: Path = ROOT) -> str:
    """The changelog's section for ``tag``. Raises `ValueError` where something does not fit."""
    code = (root / "kws_edge" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "(.+)"$', code, re.MULTILINE)
    version = str(found[1]) if found else "missing"
    if tag != f"v{version}":
        raise ValueError(f"kws_edge.__version__ is {version}: expected tag v{version}, got {tag}")
    for section in re.split(r"^## ", (root / "CHANGELOG.md").read_text(), flags=re.MULTILINE):
        heading, _, text = section.partition("\n")
        if re.match(rf"\[?{re.escape(version)}\]?( |$)", heading):
            return text.strip() + "\n"
    raise ValueError(f"CHANGELOG.md has no section '## {version}'")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: scripts/check_tag.py TAG")
    try:
        sys.stdout.write(release_notes(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
