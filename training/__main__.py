"""``python -m training COMMAND``."""

import os
import sys

# Before TensorFlow is imported anywhere: its log lines say nothing to a user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from kws_edge.cli import run
from kws_edge.errors import ConfigError
from kws_edge.extras import not_installed
from training.cli import main

NAME = "python -m training"


def entry_point() -> None:
    """Run the command; without the extra's packages, name the one to install."""
    try:
        run(main, NAME)
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in ("training", "kws_edge"):
            raise
        sys.stderr.write(f"{NAME}: {not_installed(package, 'training')}\n")
        sys.exit(ConfigError.exit_code)


if __name__ == "__main__":
    entry_point()
