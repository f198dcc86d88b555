"""What test_systemd.py runs inside namespaces of its own: a real ``systemd --user``.

    systemd_scenario.py FOLDER UNIT

No booted systemd is needed. Prints what was seen as one JSON object. FOLDER/environment.json
holds what the service needs to reach the microphone.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FOLDER, SOURCE = Path(sys.argv[1]), Path(sys.argv[2])
UNIT = SOURCE.name
SEEN: dict[str, object] = {}


def call(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def systemctl(*arguments: str) -> str:
    result = call("systemctl", "--user", *arguments)
    return result.stdout.strip() if result.returncode == 0 else f"FAILED {result.stderr.strip()}"


def property_of(name: str) -> str:
    return systemctl("show", UNIT, f"--property={name}", "--value")


def wait_for(condition: Callable[[], bool], seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


CGROUPS = next(p for p in map(Path, ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup")) if p.is_dir())


def enter_cgroup() -> Path:
    """A control group of our own: a manager takes that in which it starts for all its own."""
    group = CGROUPS / f"kws-edge-test-{uuid.uuid4().hex[:8]}"
    group.mkdir()
    (group / "cgroup.procs").write_text("0")
    return group


def leave_cgroup(group: Path) -> None:
    (CGROUPS / "cgroup.procs").write_text("0")
    with suppress(OSError):  # what still ends in there: it goes with the machine
        for folder in sorted(group.rglob("*"), reverse=True):
            if folder.is_dir():
                folder.rmdir()
        group.rmdir()


def start_manager() -> "subprocess.Popen[bytes]":
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    Path("/run/systemd/system").mkdir(parents=True)  # sd_booted() is true in here alone
    runtime = FOLDER / "runtime"
    runtime.mkdir(mode=0o700)
    units = FOLDER / "home/.config/systemd/user"
    (units / f"{UNIT}.d").mkdir(parents=True)
    (units / UNIT).write_text(SOURCE.read_text())
    variables = json.loads((FOLDER / "environment.json").read_text())
    lines = [f'Environment="{name}={value}"' for name, value in variables.items()]
    quick = "WatchdogSec=4\nRestartSec=200ms\nRestart=always\n"
    logs = "".join(f"Standard{s}=append:{FOLDER}/{s}.log\n" for s in ("Output", "Error"))
    drop_in = "[Service]\n" + quick + logs + "\n".join(lines) + "\n"
    (units / f"{UNIT}.d" / "test.conf").write_text(drop_in)
    home = FOLDER / "home"
    os.environ.update(
        HOME=str(home), XDG_CONFIG_HOME=str(home / ".config"), XDG_RUNTIME_DIR=str(runtime)
    )
    os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
    log = (FOLDER / "systemd.log").open("w")
    manager = subprocess.Popen(
        ["/lib/systemd/systemd", "--user", "--log-target=console"], stdout=log, stderr=log
    )
    if not wait_for((runtime / "systemd/private").exists):
        raise RuntimeError((FOLDER / "systemd.log").read_text())
    return manager


def scenario() -> None:
    started = systemctl("start", UNIT)  # returns when the service says READY
    SEEN["start"] = started
    SEEN["state"] = property_of("ActiveState")
    SEEN["status"] = property_of("StatusText")
    process = property_of("MainPID")
    if SEEN["state"] != "active" or int(process) <= 1:
        return  # to signal process 0 would be to signal ourselves

    SEEN["reload"] = systemctl("reload", UNIT)
    SEEN["same process after reload"] = property_of("MainPID") == process

    os.kill(int(process), signal.SIGKILL)
    SEEN["restarted after a kill"] = wait_for(
        lambda: (
            property_of("MainPID") not in ("0", process) and property_of("ActiveState") == "active"
        )
    )
    process = property_of("MainPID")

    os.kill(int(process), signal.SIGSTOP)  # hung: alive, but without progress
    SEEN["restarted by the watchdog"] = wait_for(
        lambda: (
            property_of("MainPID") not in ("0", process) and property_of("ActiveState") == "active"
        )
    )
    SEEN["restarts"] = property_of("NRestarts")

    before = time.monotonic()
    SEEN["stop"] = systemctl("stop", UNIT)
    SEEN["seconds to stop"] = time.monotonic() - before
    SEEN["result"] = property_of("Result")
    refused()


def refused() -> None:
    """A configuration that no restart mends, though the unit here says Restart=always."""
    settings = json.loads((FOLDER / "environment.json").read_text())["XDG_CONFIG_HOME"]
    config = Path(settings) / "kws-edge" / "config.yaml"
    config.parent.mkdir()
    config.write_text("detector: {threshold: 7}\n")
    SEEN["refused start"] = systemctl("start", UNIT)
    time.sleep(2)  # ten times RestartSec
    SEEN["refused state"] = property_of("ActiveState")
    SEEN["refused restarts"] = property_of("NRestarts")
    which = ["--wyoming"] if "wyoming" in UNIT else []
    status = call(str(FOLDER / "kws-edge"), "service", "status", "--user", *which)
    SEEN["refused status"] = f"{status.returncode} {status.stdout}{status.stderr}"


if __name__ == "__main__":
    group = enter_cgroup()
    manager = start_manager()
    try:
        scenario()
    finally:
        manager.kill()
        manager.wait()
        leave_cgroup(group)
    sys.stdout.write(json.dumps(SEEN))
