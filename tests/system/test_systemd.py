"""The units, and the service under a real systemd."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Command
from system_manager import CGROUPS, CONFIG, own_cgroup, wait_for
from virtual_microphone import VirtualMicrophone, missing_programs

from kws_edge.daemon.systemd import Service
from kws_edge.errors import ConfigError
from kws_edge.model.file import demo_recording

pytestmark = pytest.mark.xdist_group("sound")

SYSTEMD = Path("/lib/systemd/systemd")
needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"
)


@needs_analyze
@pytest.mark.parametrize("wyoming", [False, True])
@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("folder", ["plain", "with spaces, 100 %h and $HOME"])
def test_systemd_has_nothing_to_say_about_the_units(
    wyoming: bool, user: bool, folder: str, program: Path, tmp_path: Path
) -> None:
    service = Service(user, wyoming)
    (tmp_path / folder).mkdir()
    program = program.rename(tmp_path / folder / "kws-edge")  # verify looks for it
    unit = tmp_path / service.name
    unit.write_text(service.unit(program))
    scope = ["--user"] if user else []
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    result = subprocess.run(
        ["systemd-analyze", *scope, "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        check=False,
        env=runtime,
    )
    assert result.returncode == 0
    ours = [line for line in result.stderr.splitlines() if "kws-edge" in line]
    assert ours == []  # verify returns 0 on unknown keys, but names them


@pytest.mark.parametrize("folder", ['"quoted"', "it's", "back\\slash", "line\nbreak"])
def test_a_path_that_systemd_refuses_is_refused_before(folder: str) -> None:
    with pytest.raises(ConfigError, match="systemd runs no program with"):
        Service(user=True).unit(Path("/opt") / folder / "kws-edge")


@needs_analyze
@pytest.mark.parametrize(
    ("service", "exposure"),
    [
        (Service(user=False), 15),
        (Service(user=True), 40),
        (Service(user=False, wyoming=True), 13),
        (Service(user=True, wyoming=True), 40),
    ],
)
def test_the_units_are_hardened(
    service: Service, exposure: int, program: Path, tmp_path: Path
) -> None:
    unit = tmp_path / service.name
    unit.write_text(service.unit(program))
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={exposure}", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-300:]
    assert "Overall exposure level" in result.stdout


def needs_a_manager_of_its_own() -> None:
    """Skip where systemd cannot be run in namespaces with a virtual microphone."""
    if not SYSTEMD.exists() or shutil.which("unshare") is None:
        pytest.skip("needs systemd and unshare")
    if os.geteuid() != 0:
        pytest.skip("needs root, to give systemd namespaces of its own")
    if missing := missing_programs():
        pytest.skip(f"needs {', '.join(missing)}")


@pytest.mark.slow
@pytest.mark.parametrize("wyoming", [False, True])
def test_started_reloaded_killed_hung_and_stopped(
    wyoming: bool, program: Path, tmp_path: Path
) -> None:
    needs_a_manager_of_its_own()
    service = Service(user=True, wyoming=wyoming)
    unit = tmp_path / service.name
    unit.write_text(service.unit(program))
    with VirtualMicrophone() as microphone:
        names = ("XDG_CONFIG_HOME", "PULSE_SERVER", "PULSE_COOKIE", "ALSA_CONFIG_PATH")
        variables = {name: microphone.environment[name] for name in names}
        (tmp_path / "environment.json").write_text(json.dumps(variables))
        scenario = [
            sys.executable,
            ROOT / "tests" / "support" / "systemd_scenario.py",
            tmp_path,
            unit,
        ]
        result = subprocess.run(
            [
                "timeout",
                "-s",
                "KILL",
                "240",
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "--ipc",
                *map(str, scenario),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    logs = "".join(path.read_text()[-1500:] for path in tmp_path.glob("*.log"))
    assert result.returncode == 0, result.stderr + logs
    seen = json.loads(result.stdout)
    assert seen["start"] == "", logs
    assert seen["state"] == "active"
    assert ("0 of 16 clients" if wyoming else "microphone open, processed") in seen["status"]
    assert seen["reload"] == ""
    assert seen["same process after reload"]
    assert seen["restarted after a kill"]
    assert seen["restarted by the watchdog"], logs
    assert seen["restarts"] == "2"
    assert seen["stop"] == ""
    assert seen["seconds to stop"] < (1 if os.getloadavg()[0] < 6 else 5)
    assert seen["result"] == "success"
    assert seen["refused start"].startswith("FAILED")
    assert seen["refused state"] == "failed"
    assert seen["refused restarts"] == "0"
    assert seen["refused status"].startswith("1 failed")
    assert "detector.threshold: 7.0 is not within 0 to 1" in seen["refused status"]
    assert "last end: exit-code, exit code 78" in seen["refused status"]
    lines = (tmp_path / "Output.log").read_text().splitlines()
    # the queues were flushed
    assert not lines if wyoming else json.loads(lines[-1])["type"] == "stopped"


def test_install_checks_what_the_service_will_read_before_it_writes(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "home" / "kws-edge" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("detector: {threshold: 7, hop_ms: -1}\n")
    monkeypatch.setattr(Service, "_program", lambda _: program)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KWS_EDGE_MODEL", "none-of-these")  # of this shell, not of the service
    with pytest.raises(ConfigError, match=r"threshold: 7\.0 is not within .*hop_ms: -1") as raised:
        list(Service(user=True).install())
    assert "none-of-these" not in str(raised.value)
    assert not Service(user=True).path.exists()
    config.write_text("")
    assert next(Service(user=True).install()).startswith("configuration: ")


def test_install_of_the_wyoming_server_checks_what_that_needs(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "home" / "kws-edge" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("commands: [{run: [no-such-program]}]\nwyoming: {zeroconf: true}\n")
    monkeypatch.setattr(Service, "_program", lambda _: program)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    service = Service(user=True, wyoming=True)
    with pytest.raises(ConfigError, match="nobody else can reach tcp://127") as raised:
        list(service.install())
    assert "no-such-program" not in str(raised.value)  # it has no commands
    assert not service.path.exists()
    config.write_text("commands: [{run: [no-such-program]}]\nwyoming: {max_clients: 2}\n")
    assert next(service.install()).startswith("configuration: ")


def test_install_says_what_it_needs(run_command: Command, tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    status = run_command("service", "status", "--user", env=environment)
    assert status.returncode == 1
    assert "is not installed" in status.stdout
    gone = run_command("service", "uninstall", "--user", env=environment)
    assert gone.returncode == 1
    assert "is not installed" in gone.stderr
    assert "Traceback" not in gone.stderr


@pytest.mark.slow
def test_the_system_service_runs_as_a_user_of_its_own(tmp_path: Path) -> None:
    """`config init` in /etc and `service install`, as documented; then words and a reload."""
    needs_a_manager_of_its_own()
    kinds = ("mount", "pid", "fork", "kill-child", "mount-proc", "ipc", "uts", "net", "cgroup")
    spaces = [f"--{kind}" for kind in kinds]
    possible = subprocess.run(["unshare", *spaces, "true"], capture_output=True, check=False)
    if possible.returncode or not os.access(CGROUPS, os.W_OK):
        pytest.skip("needs namespaces and control groups, which this machine does not give")
    (tmp_path / "systemd.log").touch()
    with VirtualMicrophone() as microphone:
        settings = {
            "folder": str(tmp_path),
            "sound": microphone.environment["PULSE_SERVER"].removeprefix("unix:"),
            "asound": microphone.environment["ALSA_CONFIG_PATH"],
            "python": sys.base_prefix,
            "packages": [str(ROOT), *(p for p in sys.path if p.endswith("-packages"))],
            "speech": str(demo_recording()),
            "words": 6,
        }
        (tmp_path / "settings.json").write_text(json.dumps(settings))
        script = ROOT / "tests" / "support" / "system_manager.py"
        command = ["unshare", *spaces, sys.executable, str(script)]
        command.append(str(tmp_path / "settings.json"))
        with own_cgroup(), (tmp_path / "layout.log").open("w") as log:
            manager = subprocess.Popen(command, stdout=log, stderr=log)
            done = wait_for(
                lambda: (tmp_path / "seen.json").exists() or manager.poll() is not None, 240
            )
            manager.kill()
            manager.wait()
    with contextlib.suppress(OSError):  # the empty folder that it mounted its own on
        CONFIG.parent.rmdir()
    logs = "".join(path.read_text()[-1500:] for path in tmp_path.glob("*.log"))
    assert done, logs
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["config init /etc/kws-edge/config.yaml"].startswith("0 "), logs
    assert seen["mode"] == "0o644"
    assert seen["service install"].startswith("0 "), seen
    assert seen["state"] == "active", seen
    assert seen["user"] not in (0, os.getuid())
    assert seen["words"], logs
    assert (seen["reload"], seen["refusal in the log"]) == (0, True), logs
    assert seen["same process"]
    assert "cpuinfo" not in logs  # without it LiteRT is many times slower
    assert seen["uninstall"] == 0
    assert seen["wyoming install"].startswith("0 "), seen
    assert "configuration: /etc/kws-edge/config.yaml: ok" in seen["wyoming install"]
    assert seen["wyoming state"] == "active", logs
    assert seen["wyoming user"] not in (0, os.getuid())
    assert seen["wyoming status"].startswith("0 active (running)")
    assert "0 of 3 clients" in seen["wyoming status"]
    assert seen["wyoming words"] == ["left"], logs
    assert seen["wyoming reload"] == [0, True, "active"], logs
    assert seen["wyoming seconds to stop"] < (1 if os.getloadavg()[0] < 6 else 20)
    assert seen["wyoming result"] == "success"
