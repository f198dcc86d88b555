"""``python -m training sweep`` as a user runs it: killed in the middle, and called again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_world import CONFIG, ROOT, needs, run, sweep_command, write_tones

pytest.importorskip("optuna", reason="needs the extra 'training'")


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("data") / "tones")


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition: object, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds children in /proc")
@pytest.mark.parametrize("when", ["in the first trial", "in the second trial"])
def test_a_killed_sweep_takes_up_where_it_was(tones: Path, tmp_path: Path, when: str) -> None:
    needs("tensorflow", "training")
    runs = tmp_path / "results" / "runs"
    command = sweep_command(tmp_path, tones)
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        wanted = 1 if when == "in the first trial" else 2
        for line in process.stderr:
            wanted -= "| start " in line
            if not wanted:
                break
        time.sleep(2.0)
        workers = children(process.pid)
        assert workers
        process.kill()
    wait_for(lambda: not any(map(alive, workers)), 30)  # no training without a sweep
    before = {path.name: path.read_bytes() for path in runs.glob("*.json")} if runs.exists() else {}
    assert sum(b'"complete"' in content for content in before.values()) == (
        0 if when == "in the first trial" else 1
    )
    result = run(command)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"done": 3, "failed": 1, "left": 0}
    assert all((runs / name).read_bytes() == content for name, content in before.items())
    assert result.stderr.count("| start ") == 3 - sum(b'"complete"' in c for c in before.values())
    assert len(list((tmp_path / "models").glob("[!.]*"))) == 3
    record = json.loads(
        next(p for p in runs.glob("*.json") if "complete" in p.read_text()).read_text()
    )
    assert len(record["history"]["loss"]) == 2
    assert record["metrics"]["git_commit"]
    assert record["config"]["test"] is False


@pytest.mark.slow
def test_a_trial_whose_process_dies_stops_nothing(tones: Path, tmp_path: Path) -> None:
    needs("tensorflow", "training")
    command = sweep_command(tmp_path, tones, "--limit", 2)
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        next(line for line in process.stderr if "| start " in line)
        wait_for(lambda: any(_is_worker(pid) for pid in children(process.pid)))
        (worker,) = [pid for pid in children(process.pid) if _is_worker(pid)]
        os.kill(worker, signal.SIGKILL)
        rest = process.stderr.read()
    assert process.returncode == 0, rest
    assert "exit code -9" in rest
    result = run([*sweep_command(tmp_path, tones), "--retry-failed"])
    assert json.loads(result.stdout) == {"done": 3, "failed": 1, "left": 0}


def _is_worker(pid: int) -> bool:
    return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.slow
def test_a_trial_s_network_is_converted(tones: Path, tmp_path: Path) -> None:
    needs("tensorflow", "training")
    (tmp_path / "sweep.yaml").write_text(CONFIG.replace("epochs: 2", "epochs: 6"))
    result = run(sweep_command(tmp_path, tones, "--limit", 1))
    assert result.returncode == 0, result.stderr
    (folder,) = (tmp_path / "models").iterdir()
    converted = run(
        [
            sys.executable,
            "-m",
            "training",
            "convert",
            str(folder),
            "--data",
            str(tones),
            "-q",
            "float32",
            "--output",
            str(tmp_path / "tflite"),
        ]
    )
    assert converted.returncode == 0, converted.stderr
    assert (tmp_path / "tflite" / f"{folder.name}-float32.tflite").exists()


def test_other_data_than_the_results_is_refused(tones: Path, tmp_path: Path) -> None:
    runs = tmp_path / "results" / "runs"
    runs.mkdir(parents=True)
    record = {
        "key": "mfcc-0",
        "state": "complete",
        "reason": "",
        "sweep": "tones",
        "plan": "search",
        "seed": 0,
        "point": {},
        "config": {"split": "official"},
        "data": "others",
        "metrics": {},
        "history": {},
        "finished": "",
    }
    (runs / "mfcc-0.json").write_text(json.dumps(record))
    result = run(sweep_command(tmp_path, tones))
    assert result.returncode == 78
    assert "was trained on other clips (others)" in result.stderr


def test_a_search_that_the_configuration_lacks(tones: Path, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(CONFIG.split("search:")[0])
    result = run(sweep_command(tmp_path, tones, "--plan", "search"))
    assert result.returncode == 78
    assert "search: missing" in result.stderr
    assert "Traceback" not in result.stderr
