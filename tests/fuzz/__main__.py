"""``python -m tests.fuzz``: run one kind of attack and print its row."""

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from . import Summary

HEAD = "| attack | count | tracebacks | crashes | hangs over 10 s | wrong answers | worst RSS |"


def attacks() -> dict[str, ModuleType]:
    """The modules of this folder that attack, by the first word of their ``NAME``."""
    names = [one.name for one in pkgutil.iter_modules([str(Path(__file__).parent)])]
    modules = [importlib.import_module(f"{__package__}.{n}") for n in names if n != "__main__"]
    return {one.NAME.split()[0].lower(): one for one in modules if hasattr(one, "NAME")}


def main() -> int:
    known = attacks()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("attack", choices=sorted(known))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    attack = known[given.attack]
    summary: Summary = attack.run(given.count, given.seed)
    sys.stdout.write("\n".join([*summary.wrong[:20], HEAD, summary.row(attack.NAME)]) + "\n")
    return 1 if summary.faults else 0


if __name__ == "__main__":
    sys.exit(main())
