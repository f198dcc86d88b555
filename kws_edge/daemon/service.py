"""Installing kws-edge as a systemd service, for the system or for a user."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import ConfigError, KwsEdgeError
from kws_edge.model.bundled import folder

UNIT = "kws-edge.service"
PLACEHOLDER = "@KWS_EDGE@"
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))  # what ProtectHome hides


@dataclass(frozen=True)
class Service:
    """The service of the system, or of this user."""

    user: bool

    @property
    def path(self) -> Path:
        """Where its unit file goes."""
        if not self.user:
            return Path("/etc/systemd/system") / UNIT
        home = os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
        return Path(home) / "systemd" / "user" / UNIT

    def unit(self, program: Path) -> str:
        """The unit file for the ``kws-edge`` at ``program``."""
        template = folder("systemd") / ("user" if self.user else ".") / UNIT
        return template.read_text().replace(PLACEHOLDER, str(program))

    def install(self, start: bool = True) -> list[str]:
        """Write the unit, enable it and start it; what was done, in words.

        Raises `ConfigError` where the program lies where the service could not see it, and
        `KwsEdgeError` where the unit cannot be written or systemd refuses.
        """
        program = self._program()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.unit(program))
        except OSError as error:
            advice = "" if self.user else " (as root, or --user for your own service)"
            raise KwsEdgeError(f"{self.path}: {error.strerror}{advice}") from error
        done = [f"wrote {self.path}"]
        done.append(self._systemctl("daemon-reload"))
        if start:
            done.append(self._systemctl("enable", "--now", UNIT))
        return done

    def uninstall(self) -> list[str]:
        """Stop and disable it and remove the unit; configuration and recordings stay."""
        if not self.path.exists():
            raise KwsEdgeError(f"{self.path}: is not installed")
        done = [self._systemctl("disable", "--now", UNIT)]
        try:
            self.path.unlink()
        except OSError as error:
            raise KwsEdgeError(f"{self.path}: {error.strerror}") from error
        return [*done, f"removed {self.path}", self._systemctl("daemon-reload")]

    def status(self) -> tuple[str, bool]:
        """What systemd says of it, and whether it is running."""
        if not self.path.exists():
            return f"{self.path}: is not installed", False
        names = ("ActiveState", "SubState", "StatusText", "NRestarts", "MainPID")
        result = self._run("show", UNIT, f"--property={','.join(names)}")
        if result.returncode:
            raise KwsEdgeError(f"systemctl: {' '.join(result.stderr.split())}")
        found = dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)
        text = (
            f"{found.get('ActiveState')} ({found.get('SubState')}), {found.get('NRestarts')}"
            f" restarts, process {found.get('MainPID')}: {found.get('StatusText')}"
        )
        return text, found.get("ActiveState") == "active"

    def _program(self) -> Path:
        """The ``kws-edge`` of this Python, as systemd is to run it."""
        program = Path(sys.executable).parent / "kws-edge"
        if not program.exists():
            raise ConfigError(f"{program}: not there; install the package: pip install .")
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
            raise KwsEdgeError(f"systemctl {' '.join(arguments)}: {lines[-1]}")
        return f"systemctl {' '.join(arguments)}"

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        program = shutil.which("systemctl")
        if program is None:
            raise KwsEdgeError("systemctl: not found; this system is not run by systemd")
        scope = ["--user"] if self.user else []
        return subprocess.run(
            [program, *scope, *arguments], capture_output=True, text=True, check=False
        )
