"""Finds the packages; setup.cfg holds everything else.

The folders of data stand at the top level of the checkout, where people look for them. In the
wheel they lie inside ``kws_edge``, so that the program finds them wherever it is installed.
"""

from setuptools import find_packages, setup

DATA = {f"kws_edge.{name}": name for name in ("models", "recordings", "systemd")}

setup(
    packages=[*find_packages(include=["kws_edge", "kws_edge.*", "training", "training.*"]), *DATA],
    package_dir=DATA,
)
