"""A real Home Assistant without a browser: an owner, the integration MQTT, automations."""

import asyncio
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from conftest import ROOT
from mosquitto import free_port
from sink_parts import wait_for

# `scripts/test system` makes it.
PYTHON = ROOT / ".venv-home-assistant" / "bin" / "python"
needs_home_assistant = pytest.mark.skipif(
    not PYTHON.exists(),
    reason="needs Home Assistant, which scripts/test system installs with Python 3.13",
)
SECONDS = 600.0  # its first start installs what its integrations need


class HomeAssistant:
    """Keeps its configuration folder over `stop` and `start`."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder, self._log = folder, folder / "home-assistant.log"
        self._client = f"http://127.0.0.1:{self.port}/"
        self._token = ""
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        (folder / "automations.yaml").write_text("[]\n")
        (folder / "configuration.yaml").write_text(
            f"http: {{server_host: 127.0.0.1, server_port: {self.port}}}\n"
            "api:\nconfig:\nautomation: !include automations.yaml\n"
        )

    def start(self) -> "HomeAssistant":
        """Return when it answers; the first time it gets its owner."""
        path = f"{PYTHON.parent}:{os.environ['PATH']}"
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "homeassistant", "-c", self._folder],
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": path, "HOME": str(home)},
            )
        wait_for(self._answers, "Home Assistant", SECONDS)
        if not self._token:
            self._onboard()
        wait_for(lambda: self.get("config")["state"] == "RUNNING", "the end of its start", SECONDS)
        return self

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(90)
            self._process = None

    def connect(self, broker_port: int) -> None:
        """Add the integration MQTT, as a user does on its page."""
        done = self.add_integration("mqtt", {"broker": "127.0.0.1", "port": broker_port})
        assert done["type"] == "create_entry", done

    def add_integration(self, name: str, answers: dict[str, Any]) -> dict[str, Any]:
        """What its page says after it was filled in."""
        flow = self.post("config/config_entries/flow", {"handler": name})
        page = f"config/config_entries/flow/{flow['flow_id']}"
        done: dict[str, Any] = self.post(page, answers)
        return done

    def add_automation(self, name: str, trigger: dict[str, Any], action: dict[str, Any]) -> None:
        document = {"alias": name, "triggers": [trigger], "actions": [action], "mode": "queued"}
        self.post(f"config/automation/config/{name}", document)

    async def run_pipeline(self, pipeline: dict[str, Any], pcm: bytes) -> list[dict[str, Any]]:
        """Make an assistant and let it work through audio, from wake word to text; its events."""
        url = f"ws://127.0.0.1:{self.port}/api/websocket"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self._token})
            assert (await socket.receive_json())["type"] == "auth_ok"
            await socket.send_json({"id": 1, "type": "assist_pipeline/pipeline/create", **pipeline})
            created = await socket.receive_json()
            assert created["success"], created
            run = {"start_stage": "wake_word", "end_stage": "stt", "timeout": SECONDS}
            run["pipeline"] = created["result"]["id"]
            run["input"] = {"sample_rate": 16000, "timeout": SECONDS, "no_vad": True}
            await socket.send_json({"id": 2, "type": "assist_pipeline/run", **run})
            answer = await socket.receive_json()
            assert answer["success"], answer
            events = [(await socket.receive_json(timeout=SECONDS))["event"]]
            handler = bytes([events[0]["data"]["runner_data"]["stt_binary_handler_id"]])

            async def speak() -> None:
                for start in range(0, len(pcm), 2048):
                    await socket.send_bytes(handler + pcm[start : start + 2048])
                    await asyncio.sleep(1024 / 16000)  # as from a microphone
                await socket.send_bytes(handler)  # the end

            speaking = asyncio.create_task(speak())
            while events[-1]["type"] not in ("run-end", "error"):
                events.append((await socket.receive_json(timeout=SECONDS))["event"])
            await speaking
            return events

    def states(self) -> dict[str, dict[str, Any]]:
        """By entity."""
        return {state["entity_id"]: state for state in self.get("states")}

    def template(self, text: str) -> str:
        return self._call("template", {"template": text}).decode()

    def get(self, path: str) -> Any:
        return json.loads(self._call(path))

    def post(self, path: str, document: dict[str, Any]) -> Any:
        return json.loads(self._call(path, document))

    @property
    def log(self) -> str:
        return self._log.read_text()

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log[-3000:]
        try:
            self._call("onboarding" if not self._token else "config")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def _onboard(self) -> None:
        user = {"name": "Ann", "username": "ann", "password": "not-secret", "language": "en"}
        code = self.post("onboarding/users", {"client_id": self._client, **user})["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": self._client}
        data = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self._client}auth/token", data, timeout=30) as answer:  # noqa: S310
            self._token = json.load(answer)["access_token"]

    def _call(self, path: str, document: dict[str, Any] | None = None) -> bytes:
        data = None if document is None else json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(f"{self._client}api/{path}", data, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            content: bytes = answer.read()
        return content
