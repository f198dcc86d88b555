"""Teaching on the page: the job, its end in every way, and servers that come and go meanwhile."""

import json
import os
import signal
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_training import fake_training
from sink_parts import wait_for

from kws_edge.audio.files import write_wav
from kws_edge.errors import DataError, MissingFileError, ModelError
from kws_edge.model.file import find_model
from kws_edge.sinks.base import ModelInForce
from kws_edge.sinks.page.job import LONGEST_LOG, BackgroundJob
from kws_edge.sinks.page.teach import Teach
from kws_edge.types import FloatArray

TONE: FloatArray = np.full(16000, 0.1, np.float32)
DONE = f'print("train: runs", flush=True)\nrelease({str(find_model("mfcc-int8"))!r})\n'


class Models:
    """The models of a daemon: loads whatever it is asked for."""

    def __init__(self) -> None:
        self.in_force = ModelInForce("default", "small-int8", ("no", "yes"))
        self.asked: list[str | None] = []

    def use(self, source: str | None) -> "Future[None]":
        self.asked.append(source)
        done: Future[None] = Future()
        done.set_exception(ModelError("does not load"))
        return done


def teach(tmp_path: Path, body: str, lacks: str = "", seconds: float = 60) -> Teach:
    """A page's part, as a server makes it; a second call is a server that was restarted."""
    recordings = tmp_path / "recordings"
    (recordings / "_unknown_").mkdir(parents=True, exist_ok=True)
    write_wav(recordings / "_unknown_" / "clips-20260101T000000Z-1.wav", TONE, 16000)
    return Teach(recordings, fake_training(tmp_path, body, lacks), Models(), seconds)


def wait_for_end(part: Teach, state: str) -> dict[str, Any]:
    wait_for(lambda: part.describe()["state"] != "running", "the end of the job")
    document = part.document()
    assert document["state"] == state, document
    return document


def test_a_job_makes_a_model_with_progress_log_and_comparison(tmp_path: Path) -> None:
    body = (
        'print("12:00:00 epoch 3/30: loss\\x1b[31m", flush=True)\nwait_for("go")\n'
        'print("tune: runs", flush=True)\n' + DONE
    )
    part = teach(tmp_path, body)
    assert part.document()["state"] == "none"
    assert part.takes() == {"_unknown_": 1}
    assert part.start(only=False) == "own-1"
    wait_for(lambda: part.describe().get("epoch"), "the epoch")
    found = part.describe()
    assert (found["state"], found["epoch"], found["epochs"]) == ("running", 3, 30)
    with pytest.raises(DataError, match="at work already"):
        part.start(only=False)
    (tmp_path / "go").touch()
    document = wait_for_end(part, "done")
    assert document["step"] == "train"
    assert document["log"][0] == "12:00:00 epoch 3/30: loss\\x1b[31m"
    assert document["comparison"][0]["after"] == 4
    assert document["file"] == str(
        tmp_path / "recordings" / ".teach" / "models" / "own-1" / "own-1.tflite"
    )
    (arguments,) = map(json.loads, (tmp_path / "calls").read_text().splitlines())
    assert arguments[0] == str(tmp_path / "recordings")
    assert arguments[-1] == f"--from={find_model('small-int8').parent / 'run'}"
    assert "--only" not in arguments
    assert part.start(only=True) == "own-2", "another one beside the first"
    wait_for_end(part, "done")


def test_a_failure_says_why_and_is_gone_on_with(tmp_path: Path) -> None:
    part = teach(tmp_path, 'print("too few takes of hey (1)", flush=True)\nsys.exit(78)\n')
    part.start(only=False)
    document = wait_for_end(part, "failed")
    assert document["file"] is None
    assert part._job.status()["code"] == 78
    assert document["log"] == ["too few takes of hey (1)"]
    fake_training(tmp_path, DONE)
    assert part.start(only=False) == "own-1", "what is done already is not done again"
    wait_for_end(part, "done")


def test_an_interpreter_that_goes_away_is_a_failure(tmp_path: Path) -> None:
    part = teach(tmp_path, DONE)
    assert part.unavailable() == ""
    (tmp_path / "fake-python").unlink()
    part.start(only=False)
    assert "No such file" in wait_for_end(part, "failed")["log"][-1]


def test_cancel_ends_all_its_processes(tmp_path: Path) -> None:
    body = (
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "(here / 'pid').write_text(str(child.pid))\ntime.sleep(1000)\n"
    )
    part = teach(tmp_path, body)
    part.start(only=False)
    child = int(wait_for(lambda: (tmp_path / "pid").exists() and _text(tmp_path / "pid"), "it"))
    assert part._job.cancel()
    assert not part._job.cancel()
    assert wait_for_end(part, "cancelled")["file"] is None
    wait_for(lambda: not _lives(child), "the end of the child's child")


def test_a_command_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    body = (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "(here / 'pid').write_text(str(os.getpid()))\ntime.sleep(1000)\n"
    )
    part = teach(tmp_path, body)
    part.start(only=False)
    child = int(wait_for(lambda: (tmp_path / "pid").exists() and _text(tmp_path / "pid"), "it"))
    assert part._job.cancel()
    wait_for_end(part, "cancelled")
    assert not _lives(child)


def test_another_server_finds_the_job_at_work_and_then_done(tmp_path: Path) -> None:
    body = 'print("train: runs", flush=True)\nwait_for("go")\n' + DONE
    teach(tmp_path, body).start(only=False)
    second = teach(tmp_path, body)
    wait_for(lambda: second.describe().get("step") == "train", "the step")
    with pytest.raises(DataError, match="at work already"):
        second.start(only=False)
    (tmp_path / "go").touch()
    wait_for_end(second, "done")
    assert teach(tmp_path, body).document()["comparison"]


def test_a_job_that_was_killed_is_seen_as_such(tmp_path: Path) -> None:
    part = teach(tmp_path, 'wait_for("never")\n')
    part.start(only=False)
    os.killpg(part._job.status()["pid"], signal.SIGKILL)
    wait_for_end(part, "died")
    fake_training(tmp_path, DONE)
    assert part.start(only=False) == "own-1"
    wait_for_end(part, "done")


def test_a_flood_of_output_is_bounded_and_stops_nothing(tmp_path: Path) -> None:
    body = 'sys.stdout.write("x" * 3_000_000 + "\\n" + "y\\n" * 20_000)\nprint("the end")\n' + DONE
    part = teach(tmp_path, body)
    part.start(only=False)
    assert "the end" in wait_for_end(part, "done")["log"]
    folder = tmp_path / "recordings" / ".teach"
    kept = sum(path.stat().st_size for path in folder.glob("log*"))
    assert LONGEST_LOG / 2 < kept < 2 * LONGEST_LOG + 5000
    assert {path.stat().st_mode & 0o777 for path in folder.glob("log*")} == {0o600}


def test_the_time_limit_ends_it(tmp_path: Path) -> None:
    part = teach(tmp_path, 'wait_for("never")\n', seconds=0.5)
    began = time.monotonic()
    part.start(only=False)
    wait_for_end(part, "time limit")
    assert time.monotonic() - began < 20


def test_it_is_not_offered_without_the_training_side(tmp_path: Path) -> None:
    part = teach(tmp_path, DONE, lacks="keras")
    assert "lacks keras" in part.document()["unavailable"]
    with pytest.raises(DataError, match="lacks keras"):
        part.start(only=False)
    assert "not set" in Teach(None, None, Models()).document()["unavailable"]
    assert not (tmp_path / "calls").exists()


def test_a_change_is_asked_of_the_daemon_with_a_file_that_was_made_here(tmp_path: Path) -> None:
    part = teach(tmp_path, DONE)
    part.start(only=False)
    wait_for_end(part, "done")
    for name in ("own-2", "../own-1", 7, "own-1/../own-1"):
        with pytest.raises(MissingFileError, match="was made here"):
            part.switch(name)
    part.switch("own-1")
    part.switch(None)
    models = part._models
    assert isinstance(models, Models)
    assert models.asked == [part.document()["file"], None]


def test_the_folder_is_the_owners_alone(tmp_path: Path) -> None:
    part = teach(tmp_path, DONE)
    part.start(only=False)
    wait_for_end(part, "done")
    assert (tmp_path / "recordings" / ".teach").stat().st_mode & 0o777 == 0o700
    assert BackgroundJob(tmp_path / "nowhere", 1).status() == {"state": "none"}


def _text(path: Path) -> str:
    return path.read_text()


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
