"""``python -m training COMMAND``."""

import os

# Before TensorFlow is imported anywhere: its chatter says nothing to a user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from kws_edge.cli.run import run
from training.cli import main

if __name__ == "__main__":
    run(main, "python -m training")
