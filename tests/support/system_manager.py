"""What test_systemd.py runs in namespaces of its own: a real systemd as process 1 of a system.

    system_manager.py SETTINGS.json      as process 1: lays the system out, becomes systemd
    system_manager.py SETTINGS.json go   its only unit at the start: installs and uses the service

The system sees nothing of this one's units, state and control groups, and cannot change its
kernel settings. kws-edge lies in /opt, as it would on a real one, and sound comes from PulseAudio.
Writes what was seen as one JSON object into the folder that the settings name.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

UNIT, WYOMING = "kws-edge.service", "kws-edge-wyoming.service"
SETTINGS: dict[str, Any] = {}  # the test's, read at the start
PLACE = Path("/run/kws-edge-test")  # of what this system shares with the one around it
OUTPUT, SOUND = PLACE / "output", PLACE / "pulse.sock"
HOME = Path("/opt/kws-edge")
UNITS = Path("/etc/systemd/system")
CONFIG = Path("/etc/kws-edge/config.yaml")
UNIFIED = Path("/sys/fs/cgroup/unified")
CGROUPS = UNIFIED if UNIFIED.is_dir() else Path("/sys/fs/cgroup")
SCENARIO = """[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart={python} {script} {settings} go
StandardOutput=append:{output}/scenario.log
StandardError=append:{output}/scenario.log
"""
SERVICE = """[Service]
Environment=PULSE_SERVER=unix:{sound} ALSA_CONFIG_PATH={place}/asound.conf
StandardOutput=append:{output}/events
StandardError=append:{output}/service.log
"""
WYOMING_SERVICE = """[Service]
StandardError=append:{output}/wyoming.log
"""
WYOMING_CONFIG = """
wyoming:
  uri: unix:///run/kws-edge-wyoming/wake.sock
  max_clients: 3
"""


@contextlib.contextmanager
def own_cgroup() -> Iterator[None]:
    """Around the start of the namespaces: the manager takes its group for the root of all."""
    group = CGROUPS / f"kws-edge-test-{uuid.uuid4().hex[:8]}"
    group.mkdir()
    (group / "cgroup.procs").write_text("0")
    try:
        yield
    finally:
        (CGROUPS / "cgroup.procs").write_text("0")
        wait_for(lambda: remove(group), 10)  # the manager's processes take a moment to end


def remove(group: Path) -> bool:
    """Remove a control group and those in it, the innermost first; was that all?"""
    with contextlib.suppress(OSError):
        inner = [path for path in group.rglob("*") if path.is_dir()]
        for folder in sorted([group, *inner], reverse=True):
            folder.rmdir()
    return not group.exists()


def call(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=100
    )


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def bind(source: object, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if Path(str(source)).is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    mount("--bind", source, target)


def lay_out() -> None:
    """Folders of its own wherever systemd, kws-edge or this scenario writes."""
    mount("-t", "tmpfs", "tmpfs", "/run")
    bind(SETTINGS["folder"], OUTPUT)
    bind(SETTINGS["sound"], SOUND)
    bind(SETTINGS["asound"], PLACE / "asound.conf")
    for name in ("/opt", "/etc/systemd", "/etc/kws-edge", "/var/lib", "/var/cache"):
        Path(name).mkdir(exist_ok=True)
        mount("-t", "tmpfs", "tmpfs", name)
    bind(SETTINGS["python"], HOME / "python")
    for number, folder in enumerate(SETTINGS["packages"]):
        bind(folder, HOME / f"packages-{number}")
    python = install()
    mount("-t", "tmpfs", "tmpfs", "/tmp")  # noqa: S108 - of the new system
    mount("-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    for name in ("/proc/sys", "/sys"):
        mount("--bind", name, name)
        mount("-o", "remount,bind,ro", name)
    bind(OUTPUT / "systemd.log", Path("/dev/console"))
    UNITS.mkdir()
    files = {"script": __file__, "settings": OUTPUT / "settings.json", "output": OUTPUT}
    (UNITS / "scenario.service").write_text(SCENARIO.format(python=python, **files))
    for name in ("sysinit", "basic", "shutdown", "multi-user"):
        (UNITS / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    text = SERVICE.format(sound=SOUND, place=PLACE, output=OUTPUT)
    for unit, lines in ((UNIT, text), (WYOMING, WYOMING_SERVICE.format(output=OUTPUT))):
        (UNITS / f"{unit}.d").mkdir()
        (UNITS / f"{unit}.d" / "test.conf").write_text(lines)


def install() -> Path:
    """A virtual environment in `HOME` with the packages of the one around; its Python."""
    call(HOME / "python/bin/python3", "-m", "venv", "--without-pip", HOME)
    (site,) = HOME.glob("lib/python*/site-packages")
    folders = [str(HOME / f"packages-{n}") for n in range(len(SETTINGS["packages"]))]
    (site / "all.pth").write_text("\n".join(folders))
    program = HOME / "bin/kws-edge"
    entry = "from kws_edge.cli import entry_point; entry_point()"
    program.write_text(f"#!{HOME}/bin/python3\n{entry}\n")
    program.chmod(0o755)
    return HOME / "bin/python3"


def become_systemd() -> None:
    environment = {"container": "kws-edge-test", "PATH": os.environ["PATH"]}
    environment["SYSTEMD_UNIT_PATH"] = str(UNITS)
    arguments = ["--unit=scenario.service", "--log-target=console", "--show-status=no"]
    os.execve("/lib/systemd/systemd", ["systemd", "--system", *arguments], environment)  # noqa: S606


def property_of(name: str, unit: str = UNIT) -> str:
    return call("systemctl", "show", unit, f"--property={name}", "--value").stdout.strip()


def wait_for(condition: Callable[[], object], seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return bool(met)


def detected() -> list[str]:
    lines = (OUTPUT / "events").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [event["label"] for event in events if event["type"] == "detection"]


def scenario() -> dict[str, object]:
    """As root on a new machine: a configuration, the service, words; then another setting."""
    kws_edge = HOME / "bin/kws-edge"
    seen: dict[str, object] = {}
    for command in (["config", "init", CONFIG], ["service", "install"]):
        done = call(kws_edge, *command)
        seen[" ".join(map(str, command))] = f"{done.returncode} {done.stdout}{done.stderr}"
    seen["mode"] = oct(CONFIG.stat().st_mode & 0o777)
    seen["state"] = property_of("ActiveState")
    seen["status"] = call("systemctl", "status", UNIT).stdout
    if seen["state"] != "active":
        return seen
    process = Path("/proc", property_of("MainPID"))
    seen["user"] = process.stat().st_uid
    environment = {**os.environ, "PULSE_SERVER": f"unix:{SOUND}"}
    subprocess.run(["paplay", "--device=speaker", SETTINGS["speech"]], env=environment, check=True)
    seen["words"] = wait_for(lambda: len(detected()) >= SETTINGS["words"], 10) and detected()
    with CONFIG.open("a") as file:
        file.write("detector: {threshold: 7}\n")
    seen["reload"] = call("systemctl", "reload", UNIT).returncode
    log = OUTPUT / "service.log"
    refusal = "the configuration stays as it was: /etc/kws-edge/config.yaml"
    seen["refusal in the log"] = wait_for(lambda: refusal in log.read_text(), 10)
    seen["same process"] = process.name == property_of("MainPID")
    seen["uninstall"] = call(kws_edge, "service", "uninstall").returncode
    return seen | {f"wyoming {key}": value for key, value in wyoming(kws_edge).items()}


def wyoming(kws_edge: Path) -> dict[str, object]:
    """The Wyoming server as a service of its own, and a client."""
    from wyoming_server import demo_pcm, detections_in

    CONFIG.write_text("model: mfcc-int8\n" + WYOMING_CONFIG)
    done = call(kws_edge, "service", "install", "--wyoming")
    seen: dict[str, object] = {"install": f"{done.returncode} {done.stdout}{done.stderr}"}
    seen["state"] = property_of("ActiveState", WYOMING)
    if seen["state"] != "active":
        return seen
    seen["user"] = Path("/proc", property_of("MainPID", WYOMING)).stat().st_uid
    status = call(kws_edge, "service", "status", "--wyoming")
    seen["status"] = f"{status.returncode} {status.stdout}"
    uri = "unix:///run/kws-edge-wyoming/wake.sock"
    found = asyncio.run(detections_in(uri, demo_pcm(), ["left"]))
    seen["words"] = sorted({str(one.name) for one in found})
    CONFIG.write_text("detector: {threshold: 7}\n" + WYOMING_CONFIG)
    reload = call("systemctl", "reload", WYOMING).returncode
    log, refusal = OUTPUT / "wyoming.log", "the configuration stays as it was"
    refused = wait_for(lambda: refusal in log.read_text(), 10)
    seen["reload"] = [reload, refused, property_of("ActiveState", WYOMING)]
    before = time.monotonic()
    call("systemctl", "stop", WYOMING)
    seen["seconds to stop"] = time.monotonic() - before
    seen["result"] = property_of("Result", WYOMING)
    return seen


if __name__ == "__main__":
    SETTINGS.update(json.loads(Path(sys.argv[1]).read_text()))
    if "go" in sys.argv:
        (OUTPUT / "seen.part").write_text(json.dumps(scenario()))
        (OUTPUT / "seen.part").rename(OUTPUT / "seen.json")
    else:
        lay_out()
        become_systemd()
