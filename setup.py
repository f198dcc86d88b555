"""Finds the packages and names the repository; setup.cfg holds everything else.

The folders of data stand at the top level of the checkout, where people look for them. In the
wheel they lie inside ``kws_edge``, so that the program finds them wherever it is installed.

What GitHub builds states the repository that it comes from, and the links of the README lead there.
A build elsewhere states none, since nothing here knows where it is published.
"""

import os
import re
from pathlib import Path

from setuptools import find_packages, setup

DATA = {f"kws_edge.{name}": name for name in ("models", "recordings", "systemd")}


def published() -> dict[str, object]:
    """The metadata that depends on the repository; nothing outside GitHub's workflows."""
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if not (server and name):
        return {}
    home = f"{server}/{name}"
    root = Path(__file__).parent
    readme = (root / "README.md").read_text(encoding="utf-8")
    links = re.sub(r"(!\[[^]]*\]\()(?!https?:)", rf"\1{home}/raw/HEAD/", readme)
    links = re.sub(r"(?<!!)(\[[^]]*\]\()(?!https?:|#)", rf"\1{home}/blob/HEAD/", links)
    pages = {"Changelog": "CHANGELOG.md", "Documentation": "docs/architecture.md"}
    urls = {page: f"{home}/blob/HEAD/{path}" for page, path in pages.items()}
    return {"url": home, "long_description": links, "project_urls": {"Source": home, **urls}}


setup(
    packages=[*find_packages(include=["kws_edge", "kws_edge.*", "training", "training.*"]), *DATA],
    package_dir=DATA,
    **published(),
)
