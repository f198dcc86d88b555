"""systemd: the notification protocol, and the installation of kws-edge as a service.

The protocol of sd_notify(3) is one datagram of ``NAME=value`` lines to the unix socket that
``NOTIFY_SOCKET`` names. kws-edge reports ready after the first decision, and alive only while there
is progress.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import ConfigError, KwsEdgeError
from kws_edge.files import write_atomically
from kws_edge.model.file import folder

NO_BUS = (
    "; this login has no session of its own (as after su or sudo): log in as the user, or"
    " run 'loginctl enable-linger USER' as root and set XDG_RUNTIME_DIR=/run/user/UID"
)
PLACEHOLDER = "@KWS_EDGE@"
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))  # what ProtectHome hides


@dataclass(frozen=True)
class Service:
    """The service of the system, or of this user: the microphone's, or the Wyoming server."""

    user: bool
    wyoming: bool = False

    @property
    def name(self) -> str:
        """Of its unit."""
        return "kws-edge-wyoming.service" if self.wyoming else "kws-edge.service"

    @property
    def path(self) -> Path:
        """Where its unit file goes."""
        if not self.user:
            return Path("/etc/systemd/system") / self.name
        home = os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
        return Path(home) / "systemd" / "user" / self.name

    def unit(self, program: Path) -> str:
        """The unit file for the ``kws-edge`` at ``program``."""
        template = folder("systemd") / ("user" if self.user else ".") / self.name
        return template.read_text().replace(PLACEHOLDER, _quoted(program))

    def install(self, start: bool = True) -> Iterator[str]:
        """Check the configuration, write the unit, enable it and start it; what is done, in words,
        as it is done.

        Raises `ConfigError` where the configuration has a fault, or the program lies where the
        service could not see it, and `KwsEdgeError` where the unit cannot be written or systemd
        refuses.
        """
        program = self._program()
        unit = self.unit(program)
        before = self.path.read_bytes() if self.path.exists() else None
        yield self._checked_configuration(program)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, unit.encode())
        except OSError as error:
            advice = "" if self.user else " (as root, or --user for your own service)"
            raise KwsEdgeError(f"{self.path}: {error.strerror}{advice}") from error
        yield f"wrote {self.path}"
        try:
            yield self._systemctl("daemon-reload")
        except KwsEdgeError:  # no manager took the unit over: leave what was there
            if before is None:
                self.path.unlink()
            else:
                write_atomically(self.path, before)
            raise
        if start:
            yield f"systemctl enable --now {self.name}, which waits until the model is loaded"
            self._systemctl("enable", "--now", self.name)
            yield self.status()[0]

    def _checked_configuration(self, program: Path) -> str:
        """`config check`, as the service would read it: without the settings of this shell."""
        everything = os.environ.items()
        environment = {name: v for name, v in everything if not name.startswith("KWS_EDGE_")}
        if not self.user:  # the service has no home folder, and so /etc alone
            environment.pop("XDG_CONFIG_HOME", None)
            environment["HOME"] = "/nonexistent"
        result = subprocess.run(
            [program, "config", "check", *["--wyoming"] * self.wyoming],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        lines = [line.removeprefix("kws-edge: ") for line in result.stderr.splitlines()]
        if result.returncode:
            raise ConfigError("; ".join(lines or ["the configuration cannot be checked"]))
        warnings = [line for line in lines if line.startswith("warning: ")]
        return "; ".join([f"configuration: {result.stdout.strip()}", *warnings])

    def uninstall(self) -> list[str]:
        """Stop and disable it and remove the unit; configuration and recordings stay."""
        if not self.path.exists():
            raise KwsEdgeError(f"{self.path}: is not installed")
        done = [self._systemctl("disable", "--now", self.name)]
        try:
            self.path.unlink()
        except OSError as error:
            raise KwsEdgeError(f"{self.path}: {error.strerror}") from error
        return [*done, f"removed {self.path}", self._systemctl("daemon-reload")]

    def status(self) -> tuple[str, bool]:
        """What systemd says of it, and whether it is running."""
        if not self.path.exists():
            return f"{self.path}: is not installed", False
        names = ["ActiveState", "SubState", "StatusText", "NRestarts", "MainPID", "Result"]
        names.append("ExecMainStatus")
        result = self._run("show", self.name, f"--property={','.join(names)}")
        if result.returncode:
            raise KwsEdgeError(f"systemctl: {' '.join(result.stderr.split())}")
        found = dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)
        text = (
            f"{found.get('ActiveState')} ({found.get('SubState')}), {found.get('NRestarts')}"
            f" restarts, process {found.get('MainPID')}: {found.get('StatusText')}"
        )
        if found.get("Result") not in (None, "success"):
            text += (
                f"; last end: {found['Result']}, exit code {found.get('ExecMainStatus')};"
                f" journalctl {'--user ' if self.user else ''}-u {self.name} has its log"
            )
        return text, found.get("ActiveState") == "active"

    def _program(self) -> Path:
        """The ``kws-edge`` of this Python, as systemd is to run it."""
        program = Path(sys.executable).parent / "kws-edge"
        if not program.exists():
            raise ConfigError(f"{program}: not there; run 'pip install .' in the checkout")
        if not self.user and any(program.is_relative_to(home) for home in HOMES):
            raise ConfigError(
                f"{program}: a service of the system does not see home folders; install into"
                " another place (python3 -m venv /opt/kws-edge, /opt/kws-edge/bin/pip install ...)"
                " and use that one, or --user"
            )
        return program

    def _systemctl(self, *arguments: str) -> str:
        result = self._run(*arguments)
        if result.returncode:
            lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
            remedy = NO_BUS if self.user and "connect to bus" in lines[-1] else ""
            raise KwsEdgeError(f"systemctl {' '.join(arguments)}: {lines[-1]}{remedy}")
        return f"systemctl {' '.join(arguments)}"

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        program = shutil.which("systemctl")
        if program is None:
            raise KwsEdgeError("systemctl: not found; this system is not run by systemd")
        scope = ["--user"] if self.user else []
        return subprocess.run(
            [program, *scope, *arguments], capture_output=True, text=True, check=False
        )


def _quoted(program: Path) -> str:
    """A program's path as ``ExecStart=`` reads it: in quotes, % doubled. systemd expands no
    variable in it, so that $ stays single; some characters it refuses."""
    if refused := set("\"'\\\n").intersection(str(program)):
        listed = ", ".join(sorted(map(repr, refused)))
        raise ConfigError(f"{str(program)!r}: systemd runs no program with {listed} in its path")
    return '"' + str(program).replace("%", "%%") + '"'


STATUS_SECONDS = 10.0


class ServiceManager:
    """All calls are cheap and do nothing where no service manager listens."""

    def __init__(self) -> None:
        self._ready = False
        self._watchdog = watchdog_interval()
        self._alive_at = self._status_at = 0.0

    def ready(self, status: Callable[[], str]) -> None:
        """READY the first time, then ``status()`` every ten seconds; called only when it is due."""
        now = time.monotonic()
        if not self._ready:
            self._ready = True
            sd_notify(f"READY=1\nSTATUS={status()}")
        elif now - self._status_at >= STATUS_SECONDS:
            sd_notify(f"STATUS={status()}")
        else:
            return
        self._status_at = now

    def alive(self) -> None:
        """A block went through the whole pipeline. At most three a watchdog interval."""
        now = time.monotonic()
        if self._watchdog and now - self._alive_at >= self._watchdog / 3:
            self._alive_at = now
            sd_notify("WATCHDOG=1")

    def reloading(self) -> None:
        """A reload has begun; READY follows."""
        self._ready = False
        sd_notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        sd_notify("STOPPING=1\nSTATUS=stopping")


def sd_notify(state: str) -> bool:
    """Send ``state``, such as ``READY=1\\nSTATUS=listening``; whether it was sent.

    Does nothing where no service manager listens, never waits and never raises: a lost
    message must not end the service.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    if address.startswith("@"):  # the abstract namespace of Linux
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            channel.connect(address)
            channel.sendall(state.encode())
    except OSError:
        return False
    return True


def is_main_process() -> bool:
    """Whether a service manager started this process itself, and no shell or terminal within a
    service did, whose variables it inherited."""
    started = os.environ.get("SYSTEMD_EXEC_PID", str(os.getpid()))  # systemd 248 and later
    return bool(os.environ.get("NOTIFY_SOCKET")) and started == str(os.getpid())


def watchdog_interval() -> float | None:
    """Seconds within which each ``WATCHDOG=1`` has to come; None where none is expected."""
    if os.environ.get("WATCHDOG_PID") not in (None, "", str(os.getpid())):
        return None  # meant for another process, which started this one
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None
