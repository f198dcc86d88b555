"""A real MQTT broker on a loopback port, and mosquitto's own clients."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sink_parts import wait_for

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.model.file import demo_recording

PROGRAMS = ("mosquitto", "mosquitto_sub", "mosquitto_pub", "mosquitto_passwd")
needs_mosquitto = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)),
    reason="needs a broker: apt install mosquitto mosquitto-clients",
)


class Broker:
    """Keeps sessions and what is queued for them over `stop` and `start`."""

    def __init__(self, folder: Path, options: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._log = folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "broker.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{options}\n"
            f"persistence true\npersistence_location {folder}/\n"
            "log_type all\nlog_dest stderr\n" + ("user root\n" if os.getuid() == 0 else "")
        )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> "Broker":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["mosquitto", "-c", self._config], stdout=log, stderr=log
            )
        wait_for(self._answers, "the broker")
        return self

    def stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
            self._process = None

    def publish(self, topic: str, text: str, retain: bool = True) -> None:
        """Retained; then an empty text takes back what is."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-t", topic]
        what = ["-m", text] if text else ["-n"]
        options = [*where, *(["-r"] if retain else []), *what]
        subprocess.run(["mosquitto_pub", *options], check=True, timeout=30)

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def running_broker(tmp_path: Path) -> Iterator[Broker]:
    """For a fixture of each file that needs one."""
    broker = Broker(tmp_path).start()
    yield broker
    broker.stop()


class Subscriber:
    """``mosquitto_sub`` on all topics, with a session of its own that outlives connections."""

    def __init__(self, broker: Broker, folder: Path, *options: str) -> None:
        self._out = folder / "subscriber.out"
        command = [
            "mosquitto_sub",
            "-h",
            "127.0.0.1",
            "-p",
            str(broker.port),
            "-c",
            "-i",
            "sub",
            "-q",
            "1",
            "-t",
            "#",
            *options,
        ]
        subprocess.run([*command, "-E"], check=True, timeout=30)  # until it is subscribed
        with self._out.open("wb") as out:
            self._process = subprocess.Popen([*command, "-F", "%t %r %p"], stdout=out)
        # from here on what is retained is not sent to it a second time
        wait_for(lambda: broker.log.count("Sending SUBACK to sub") == 2, "the subscriber")

    def messages(self, topic: str) -> list[str]:
        """The payloads on a topic so far; whole lines only."""
        lines = self._out.read_text().rpartition("\n")[0].splitlines()
        split = (line.split(" ", 2) for line in lines)
        return [payload for name, _, payload in split if name == topic]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@contextmanager
def listening(broker: Broker, folder: Path, *options: str) -> Iterator[Path]:
    """kws-edge on ten minutes of the demo, as fast as it was spoken; the path of its log."""
    recording, log = folder / "ten-minutes.wav", folder / f"kws-edge-{free_port()}.log"
    if not recording.exists():
        write_wav(recording, np.tile(read_audio(demo_recording(), 16_000), 30), 16_000)
    command = [sys.executable, "-m", "kws_edge", "listen", "--input", str(recording)]
    command += ["--pace", "real", "--sinks", "--mqtt-host", "127.0.0.1"]
    command += ["--mqtt-port", str(broker.port), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=out)
    try:
        yield log
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def retained(broker: Broker, topic: str, *options: str) -> str:
    """The retained message that a new subscriber gets at once."""
    result = subprocess.run(
        [
            "mosquitto_sub",
            "-h",
            "127.0.0.1",
            "-p",
            str(broker.port),
            "-t",
            topic,
            "-C",
            "1",
            "-W",
            "20",
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return result.stdout.strip()
