"""A program that takes the place of a Python with the training side, for tests of its caller."""

import sys
from pathlib import Path

PROGRAM = """#!{python}
import json, os, shutil, subprocess, sys, time
from pathlib import Path
if sys.argv[1] == "-c":
    print("{lacks}")
    sys.exit()
arguments = sys.argv[4:]  # after -m training adapt
given = dict(zip(arguments, arguments[1:]))
here = Path(__file__).parent
def wait_for(name):
    while not (here / name).exists():
        time.sleep(0.02)
def release(model):
    name = given["--name"]
    folder = Path(given["--build"], name)
    folder.mkdir(parents=True)
    shutil.copyfile(model, folder / (name + ".tflite"))
    change = dict(clips="own takes, held back", spots=True, count=4, before=1, after=4)
    (folder / "comparison.json").write_text(json.dumps([change]))
with (here / "calls").open("a") as file:
    file.write(json.dumps(arguments) + "\\n")
"""


def fake_training(folder: Path, body: str, lacks: str = "") -> Path:
    """An executable that answers the search for packages with ``lacks``, and else runs ``body``.

    ``body`` has ``given`` (the command's options), ``wait_for(NAME)`` (a file beside the program)
    and ``release(MODEL)``; the file ``calls`` beside it has a line of arguments for each run.
    """
    path = folder / "fake-python"
    path.write_text(PROGRAM.format(python=sys.executable, lacks=lacks) + body)
    path.chmod(0o755)
    return path
