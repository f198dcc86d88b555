"""``python -m tests.fuzz``: run one kind of attack and print its row."""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path

from . import Summary

HEAD = "| attack | count | tracebacks | crashes | hangs over 10 s | wrong answers | worst RSS |"


def attacks() -> dict[str, Callable[[int, int], Summary]]:
    """``run`` of each module of this folder, by its ``NAME``."""
    names = [one.name for one in pkgutil.iter_modules([str(Path(__file__).parent)])]
    modules = [importlib.import_module(f"{__package__}.{n}") for n in names if n != "__main__"]
    return {module.NAME: module.run for module in modules if hasattr(module, "NAME")}


def main() -> int:
    known = attacks()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("attack", choices=sorted(known))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    summary = known[given.attack](given.count, given.seed)
    sys.stdout.write("\n".join([*summary.wrong[:20], HEAD, summary.row(given.attack)]) + "\n")
    return 1 if summary.faults else 0


if __name__ == "__main__":
    sys.exit(main())
