"""``python -m training COMMAND``."""

import os

# Before TensorFlow is imported anywhere: its chatter says nothing to a user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from kws_edge.cli.run import run  # noqa: E402
from training.cli import main  # noqa: E402

if __name__ == "__main__":
    run(main, "python -m training")
