"""Benchmarks, each a command: ``python -m benchmarks.NAME``. One thread for every library.

An edge device's other cores have other work. The libraries read these settings when they are
first imported, so they are made here, before any benchmark imports anything.
"""

import os
import platform
from pathlib import Path

for _name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"


def machine() -> str:
    """Processor, cores, system, and how busy it is."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []  # not Linux
    names = ("model name", "Model")  # the second is a Raspberry Pi's
    found = [line.split(":", 1)[1].strip() for line in lines if line.startswith(names)]
    name = found[0] if found else platform.processor() or "unknown processor"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} cores, {platform.machine()}, {platform.system()}{load}"
