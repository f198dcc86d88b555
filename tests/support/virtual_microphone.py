"""A real sound server with a virtual microphone, private to the tests, no hardware needed.

PulseAudio with a null sink whose monitor is the default source: what `play` plays, the
microphone records, bit for bit. ALSA's default device, which PortAudio opens, goes to it.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# norewinds: it renders 50 ms at a time, not 2 s, and so it arrives at once
SPEAKER = "sink_name=speaker rate=16000 channels=1 format=s16le norewinds=1"
PROGRAMS = ("pulseaudio", "pactl", "paplay")


def missing_programs(others: tuple[str, ...] = ()) -> list[str]:
    return [program for program in (*PROGRAMS, *others) if not shutil.which(program)]


class VirtualMicrophone:
    """A context manager; ``environment`` is what a program needs to record from it."""

    def __enter__(self) -> "VirtualMicrophone":
        self._folder = Path(tempfile.mkdtemp(prefix="microphone-"))
        config = self._folder / "config" / "pulse"
        config.mkdir(parents=True)
        (self._folder / "run").mkdir(mode=0o700)
        (config / "daemon.conf").write_text(
            "default-sample-rate = 16000\ndefault-sample-format = s16le\n"
            "default-sample-channels = 1\nenable-memfd = no\nenable-shm = no\n"
        )
        asound = self._folder / "asound.conf"
        asound.write_text(
            "</usr/share/alsa/alsa.conf>\n"
            "pcm.!default { type pulse }\nctl.!default { type pulse }\n"
        )
        self.environment = {
            # the terminal of a test is its own, whatever the tests themselves run on
            **{name: value for name, value in os.environ.items() if name != "TERM"},
            "XDG_RUNTIME_DIR": str(self._folder / "run"),
            "XDG_CONFIG_HOME": str(self._folder / "config"),
            "PULSE_SERVER": f"unix:{self._folder}/pulse.sock",
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "ALSA_CONFIG_PATH": str(asound),
        }
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the sound server and wait until it answers."""
        socket = f"socket={self._folder}/pulse.sock"
        self._server = subprocess.Popen(
            [
                "pulseaudio",
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--use-pid-file=no",
                "--system=no",
                "--high-priority=no",
                "--realtime=no",
                "-L",
                f"module-native-protocol-unix {socket} auth-anonymous=1",
                "-L",
                f"module-null-sink {SPEAKER}",
            ],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "pulseaudio.log").open("w"),
        )
        deadline = time.monotonic() + 20
        while self._call("pactl", "info").returncode:
            if time.monotonic() > deadline:
                raise RuntimeError((self._folder / "pulseaudio.log").read_text())
            time.sleep(0.05)
        self._call("pactl", "set-default-source", "speaker.monitor")

    def stop(self) -> None:
        """Kill the sound server: the microphone is gone."""
        self._server.kill()
        self._server.wait()

    def unplug(self) -> None:
        """Take every source away; the sound server stays."""
        self.control("unload-module", "module-null-sink")

    def plug(self) -> None:
        self.control("load-module", "module-null-sink", *SPEAKER.split())

    def pause(self) -> None:
        """Stop the sound server without ending it: it answers nobody."""
        self._server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._server.send_signal(signal.SIGCONT)

    def control(self, *command: str) -> str:
        """Run ``pactl COMMAND``; what it says."""
        result = self._call("pactl", *command)
        if result.returncode:
            raise RuntimeError(result.stderr)
        return result.stdout.strip()

    def add_device(self, name: str, source: str) -> None:
        """Another device in PortAudio's list: a source of the server, by an ALSA name."""
        with (self._folder / "asound.conf").open("a") as file:
            file.write(f"pcm.{name} {{ type pulse device {source} }}\n")

    def play(self, path: Path, sink: str = "speaker") -> None:
        """Play a WAV file at 16 kHz to its end, in real time."""
        result = self._call("paplay", f"--device={sink}", str(path))
        if result.returncode:
            raise RuntimeError(result.stderr)

    def _call(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )


def virtual_microphone() -> Iterator[VirtualMicrophone]:
    """For `pytest.fixture`, of whichever scope: a microphone, or a skip that says why."""
    if missing := missing_programs():
        pytest.skip(f"needs {', '.join(missing)}: apt install pulseaudio pulseaudio-utils")
    with VirtualMicrophone() as virtual:
        yield virtual
