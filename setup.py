"""The packages; everything else about the distribution stands in setup.cfg."""

from setuptools import find_packages, setup

# These folders stand at the top level for those who work here. In the wheel they lie within the
# package, so that it works wherever it is installed.
DATA = {f"kws_edge.{name}": name for name in ("models", "recordings", "systemd")}

setup(
    packages=[*find_packages(include=["kws_edge", "kws_edge.*"]), *DATA],
    package_dir={"kws_edge": "kws_edge", **DATA},
)
