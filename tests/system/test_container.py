"""The container images, run: ``scripts/container build``, then ``scripts/container try``.

buildah runs each program in a container of the image, with the network of this machine.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mosquitto import Broker, Subscriber, free_port, needs_mosquitto, running_broker
from sink_parts import wait_for
from virtual_microphone import VirtualMicrophone, virtual_microphone
from wyoming_server import connected, demo_pcm, stream

from kws_edge import __version__
from kws_edge.model.file import demo_recording

IMAGE = os.environ.get("KWS_EDGE_IMAGE", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (IMAGE and shutil.which("buildah")), reason="needs an image: scripts/container try"
    ),
]
SPOTTED = {"stop", "yes", "right", "no", "left", "down", "up"}  # in the demo

broker = pytest.fixture(running_broker)
microphone = pytest.fixture(virtual_microphone)


class Container:
    """A container of ``image``, which its fixture removes; ``options`` are of buildah."""

    def __init__(self, image: str, *options: str) -> None:
        self.name = buildah("from", *options, image).strip()

    def command(self, *arguments: object, **environment: str) -> list[str]:
        """What runs a program in it; arguments before ``--`` are options of ``buildah run``."""
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        split = arguments.index("--") if "--" in arguments else 0
        options, program = arguments[:split], arguments[split + ("--" in arguments) :]
        parts = ("run", *variables, *options, self.name, "--", *program)
        return ["buildah", *map(str, parts)]

    def run(self, *arguments: object) -> str:
        result = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=300, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    @contextmanager
    def running(self, log: Path, *arguments: object, **environment: str) -> Iterator[Path]:
        """The path of its output. buildah passes no signals on: the program is ended itself."""
        with log.open("wb") as out:
            process = subprocess.Popen(
                self.command(*arguments, **environment),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            yield log
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def buildah(*arguments: str) -> str:
    result = subprocess.run(
        ["buildah", *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    made = Container(IMAGE)
    yield made
    buildah("rm", made.name)


@pytest.fixture
def app() -> Iterator[Container]:
    made = Container(f"{IMAGE}-app", "--add-host=supervisor:127.0.0.9")
    yield made
    buildah("rm", made.name)


def labels(lines: str) -> set[str]:
    """The keywords that were spotted; other lines and events are passed over."""
    events = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    return {event["label"] for event in events if event.get("type", "detection") == "detection"}


def test_the_demo_runs_without_root(container: Container) -> None:
    assert container.run("id", "-u").strip() == "1000"
    assert container.run("kws-edge", "--version").split()[-1] == __version__
    assert "litert" in container.run("kws-edge", "check")
    assert (
        labels(container.run("kws-edge", "listen", "--demo", "--pace", "max", "--json")) >= SPOTTED
    )


def test_a_wyoming_client_outside_gets_the_detections(container: Container, tmp_path: Path) -> None:
    uri = f"tcp://127.0.0.1:{free_port()}"

    async def session() -> set[str | None]:
        async with connected(uri) as client:
            return {detection.name for detection in await stream(client, demo_pcm())}

    with container.running(tmp_path / "log", "kws-edge", "wyoming", "--uri", uri) as log:
        wait_for(lambda: "listening at" in log.read_text(), "the server")
        assert asyncio.run(session()) >= SPOTTED


@needs_mosquitto
def test_a_broker_outside_gets_the_events(
    container: Container, broker: Broker, tmp_path: Path
) -> None:
    subscriber = Subscriber(broker, tmp_path)
    where = ("--mqtt-host", "127.0.0.1", "--mqtt-port", broker.port)
    container.run("kws-edge", "listen", "--demo", "--pace", "max", "--sinks", "--json", *where)
    subscriber.stop()
    assert labels("\n".join(subscriber.messages("kws-edge/event"))) >= SPOTTED
    assert subscriber.messages("kws-edge/status")[-1] == "offline"


def test_sound_comes_by_the_socket_of_a_sound_server(
    container: Container, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    socket = microphone.environment["PULSE_SERVER"].removeprefix("unix:")
    share = ("-v", f"{socket}:/run/pulse", "--", "kws-edge", "listen", "--json")
    with container.running(tmp_path / "log", *share, PULSE_SERVER="unix:/run/pulse") as log:
        wait_for(lambda: '"open"' in log.read_text(), "the microphone")
        microphone.play(demo_recording())
        assert len(labels(log.read_text()) & SPOTTED) >= 5, log.read_text()


class Supervisor(BaseHTTPRequestHandler):
    """Names the broker to the app, as Home Assistant's Supervisor does."""

    port = 0

    def do_GET(self) -> None:
        allowed = self.headers["Authorization"] == "Bearer a-token"
        data = {
            "host": "127.0.0.1",
            "port": self.port,
            "ssl": False,
            "username": "",
            "password": "",
        }
        self.send_response(200 if allowed and self.path == "/services/mqtt" else 403)
        self.end_headers()
        self.wfile.write(json.dumps({"result": "ok", "data": data}).encode())


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: port 80, and files as the Supervisor has")
def test_the_app_reads_its_options_and_answers_the_ingress_alone(
    app: Container, broker: Broker, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "shared").mkdir()
    options = tmp_path / "data" / "options.json"
    options.write_text(json.dumps({"model": "small-int8", "keywords": ["yes"], "save_clips": True}))
    options.chmod(0o600)
    Supervisor.port = broker.port
    server = HTTPServer(("127.0.0.9", 80), Supervisor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    subscriber = Subscriber(broker, tmp_path)
    socket = microphone.environment["PULSE_SERVER"].removeprefix("unix:")
    share = [f"-v={tmp_path}/data:/data", f"-v={tmp_path}/shared:/config"]
    start = ("/opt/kws-edge/bin/python", "/usr/local/lib/kws-edge/start.py")
    variables = {"PULSE_SERVER": "unix:/run/pulse", "SUPERVISOR_TOKEN": "a-token"}
    with app.running(
        tmp_path / "log", *share, f"-v={socket}:/run/pulse", "--", *start, **variables
    ) as log:
        wait_for(lambda: "page: answers 172.30.32.2 alone" in log.read_text(), "the page")
        wait_for(lambda: subscriber.messages("kws-edge/status"), "MQTT")
        client = HTTPConnection("127.0.0.1", 9755, timeout=30)
        client.request("GET", "/")
        assert client.getresponse().status == 403
        microphone.play(demo_recording())
        wait_for(lambda: list((tmp_path / "shared" / "clips").glob("*.wav")), "a clip")
        owner = (tmp_path / "shared" / "clips").stat().st_uid
        assert owner == 1000, "the user of the image, not root"
        assert not re.search("Traceback|rror", log.read_text()), log.read_text()
    subscriber.stop()
    server.shutdown()
    assert labels("\n".join(subscriber.messages("kws-edge/event"))) == {"yes"}
