"""Trials on a real Ray cluster of two nodes on loopback, parts of which are killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from experiment_world import experiment_document, run_command, write_experiment
from tones import ROOT, needs, run, write_tones

from training.experiments.results import Results

pytest.importorskip("optuna", reason="needs the extra 'training'")

HEAD, SECOND = "127.0.0.3", "127.0.0.2"
TRIAL = b"ray::_task"
# Ray 2.50 and later ask for a token by default; this cluster is reached from loopback alone
OPEN = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


def longer(folder: Path, **resources: int) -> Path:
    """An experiment whose trainings are not over before anyone could be killed."""
    document = experiment_document(resources={"num_cpus": 1, "max_retries": 2, **resources})
    return write_experiment(folder, document, epochs=30)


@dataclass
class Node:
    """A node of the cluster, its processes all in one session."""

    process: "subprocess.Popen[str]"

    def processes(self) -> list[int]:
        """Those that are alive."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == self.process.pid and fields[0] != "Z":
                found.append(int(path.parent.name))
        return found

    def trials(self) -> list[int]:
        """Processes in which a trial is under way."""
        found = []
        for pid in self.processes():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if command.startswith(TRIAL):
                found.append(pid)
        return found

    def kill(self) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("data") / "tones")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, Node, Node]]:
    """Address, head node and second node, one core each."""
    needs("ray", "ray")
    needs("keras", "training")
    with socket.socket() as probe:
        probe.bind((HEAD, 0))
        address = f"{HEAD}:{probe.getsockname()[1]}"
    port = address.split(":")[1]
    head = ("--head", "--include-dashboard", "false", "--port", port, "--node-ip-address", HEAD)
    second = ("--address", address, "--node-ip-address", SECOND)
    with node(tmp_path, *head) as one, node(tmp_path, *second) as two:
        yield address, one, two


@contextmanager
def node(folder: Path, *arguments: str) -> Iterator[Node]:
    # away from this checkout: the code has to travel
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"} | OPEN
    log = (folder / f"node-{arguments[-1]}.log").open("w")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ray.scripts.scripts",
            "start",
            "--block",
            "--num-cpus",
            "1",
            "--disable-usage-stats",
            *arguments,
        ],
        cwd=folder,
        env=environment,
        stdout=log,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    started = Node(process)
    try:
        wait_for(lambda: "Ray runtime started" in Path(log.name).read_text(), process)
        yield started
    finally:
        started.kill()
        log.close()


def wait_for(condition: object, process: "subprocess.Popen[str]", seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["worker", "node"])
def test_a_trial_survives_what_it_ran_on(
    cluster: tuple[str, Node, Node], tones: Path, tmp_path: Path, lost: str
) -> None:
    address, _, second = cluster
    command = run_command(longer(tmp_path), tones.parent, "--ray", address)
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | OPEN,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as experiment:
        wait_for(second.trials, experiment)
        time.sleep(3)  # into the training
        victims = second.trials()
        assert victims
        if lost == "worker":
            os.kill(victims[0], signal.SIGKILL)
        else:
            second.kill()
        output, errors = experiment.communicate(timeout=600)
    assert experiment.returncode == 0, errors
    assert json.loads(output) == {"done": 3, "failed": 1, "left": 0}
    assert "the task will be retried" in errors or lost == "node"
    rows = list(Results(tmp_path / "study"))
    assert sorted(row["state"] for row in rows) == ["complete"] * 3 + ["failed"]
    networks = list((tmp_path / "study" / "networks").glob("[!.]*"))
    assert len(networks) == 3
    assert all(len((one / "history.csv").read_text().splitlines()) == 31 for one in networks)


@pytest.mark.slow
def test_a_trial_whose_worker_is_lost_too_often_fails_alone(
    cluster: tuple[str, Node, Node], tones: Path, tmp_path: Path
) -> None:
    address, head, second = cluster
    second.kill()
    config = longer(tmp_path, max_retries=0)
    command = run_command(config, tones.parent, "--ray", address, "--limit", "1")
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | OPEN,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as experiment:
        wait_for(head.trials, experiment)
        os.kill(head.trials()[0], signal.SIGKILL)
        output, errors = experiment.communicate(timeout=600)
    assert experiment.returncode == 0, errors
    tally = json.loads(output)
    assert tally["done"] == 0
    assert tally["failed"] >= 1
    assert any("WorkerCrashed" in row["reason"] for row in Results(tmp_path / "study"))


def test_without_ray_one_line_says_how_to_get_it(tones: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text('import sys\nsys.modules["ray"] = None\n')
    config = write_experiment(tmp_path, experiment_document())
    command = run_command(config, tones.parent, "--ray", "local")
    result = run(command, PYTHONPATH=f"{hidden}{os.pathsep}{ROOT}")
    assert result.returncode == 78
    assert result.stderr.splitlines()[-1].endswith("ray is not installed: pip install 'ray>=2.9'")
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_cluster_that_is_not_there_or_too_small(
    cluster: tuple[str, Node, Node], tones: Path, tmp_path: Path
) -> None:
    address, _, _ = cluster
    config = write_experiment(tmp_path, experiment_document(resources={"num_cpus": 64}))
    result = run(run_command(config, tones.parent, "--ray", address), **OPEN)
    assert result.returncode == 78, result.stderr
    assert "no node has the 64 CPUs" in result.stderr
    assert "Traceback" not in result.stderr
