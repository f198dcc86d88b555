"""The page's server with a real HTTP client: state, stream, clips, and what it refuses."""

import asyncio
import http.client
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import numpy as np
import pytest
from sink_parts import detections, wait_for

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.config.config import Config, SettingsChange, parse_config
from kws_edge.config.schema import parse
from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.metrics import Metrics, Relay
from kws_edge.recorder.collection import Collection, SampleName
from kws_edge.sinks.base import ModelInForce, SettingsInForce, SinkContext, SinkWorker
from kws_edge.sinks.build import plan_sinks
from kws_edge.sinks.page import PageConfig, PageSink
from kws_edge.sinks.page.server import MAX_CONNECTIONS
from kws_edge.sinks.page.teach import Teach
from kws_edge.sinks.wav_clips import WavClipsConfig
from kws_edge.sources.base import Block
from kws_edge.spotter import Decision
from kws_edge.types import FloatArray

LABELS = ("no", "yes", "_unknown_", "_silence_")
RATE = 16000
TOKEN = "0123456789abcdef-token"  # noqa: S105


def word(seconds: float = 2.0, start: float = 0.8, end: float = 1.3) -> FloatArray:
    """Noise at -60 dBFS with a loud tone in it, as a word."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    quiet = np.random.default_rng(0).normal(0, 0.001, len(time_s))
    tone = 0.3 * np.sin(2 * np.pi * 500 * time_s) * ((time_s >= start) & (time_s < end))
    return (quiet + tone).astype(np.float32)


class Control:
    """The settings as a daemon has them that gets no audio."""

    in_force = SettingsInForce(False, None, ("yes",), {"no": 0.8, "yes": 0.9})
    presets: ClassVar = {"quiet": DetectorConfig(threshold=0.95)}
    file: ClassVar = Path("/etc/kws-edge/config.yaml")

    def __init__(self) -> None:
        self.asked: Future[None] = Future()

    def change(self, document: object) -> "Future[None]":
        parse(SettingsChange, document)
        return self.asked

    def write(self) -> list[str]:
        raise ConfigError("config.yaml: was changed since it was read")


class Models:
    """The model of a daemon that gets no audio."""

    in_force = ModelInForce("default", "toy", LABELS)

    def use(self, source: str | None) -> "Future[None]":
        return Future()


class Page:
    """A page that is served, its clips, and a client."""

    client = "127.0.0.1"  # the address from which it asks

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder, self.recordings = folder / "clips", folder / "recordings"
        self.relay, self.metrics = Relay(), Metrics("toy", LABELS)
        self.detector = Control()
        settings = {"port": 0, "recordings": self.recordings, **settings}
        page = PageConfig(**settings)  # type: ignore[arg-type]
        clips = WavClipsConfig(self.folder)
        context = SinkContext(
            LABELS,
            "toy",
            RATE,
            metrics=self.metrics,
            relay=self.relay,
            detector=self.detector,
            models=Models(),
        )
        (plan,) = plan_sinks(Config(sinks={"page": page, "clips": clips}), context)
        assert isinstance(plan.sink, PageSink)
        self.sink, self.worker = plan.sink, SinkWorker(plan.sink)
        self.port: int = wait_for(lambda: self.sink.port, "the server")

    def save(self, name: str = "a.wav", samples: FloatArray | None = None, **entry: object) -> str:
        """A clip as the sink of clips saves it."""
        self.folder.mkdir(exist_ok=True)
        write_wav(self.folder / name, word() if samples is None else samples, RATE)
        line = {"file": name, "type": "detection", "label": "yes", "score": 0.91, "start": 8000}
        line |= {"sample": 32000, "time_s": 2.0, "utc": "2026-01-31T10:00:03.412+00:00"} | entry
        with (self.folder / "manifest.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        return name

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, document or bytes, and headers; ``_`` in a header's name stands for ``-``."""
        client = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=30, source_address=(self.client, 0)
        )
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        client.request(method, path, data, given)
        answer = client.getresponse()
        content, found = answer.read(), dict(answer.getheaders())
        client.close()
        is_json = found.get("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(content) if is_json else content, found

    def watch(self, count: int, then: Callable[[], object], path: str = "/api/stream") -> list[Any]:
        """``count`` messages of the stream; after the first, ``then`` is called."""

        async def messages() -> list[Any]:
            found: list[Any] = []
            async with (
                aiohttp.ClientSession(f"http://127.0.0.1:{self.port}") as client,
                client.ws_connect(path) as stream,
            ):
                while len(found) < count:
                    found.append(await stream.receive_json(timeout=30))
                    if len(found) == 1:
                        then()
            return found

        return asyncio.run(messages())

    def watchers(self) -> int:
        return int(self.ask("GET", "/api/state")[1]["watchers"])


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    served = Page(tmp_path)
    yield served
    assert served.worker.close(5)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Page]:
    """A page with a token."""
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o600)
    served = Page(tmp_path, token_file=token)
    yield served
    assert served.worker.close(5)


def test_the_state_has_thresholds_counts_and_events(page: Page) -> None:
    page.metrics.event(detections(1)[0])
    page.worker.put(detections(1)[0])
    wait_for(lambda: page.worker.handled == 1, "the event")
    status, state, _ = page.ask("GET", "/api/state")
    assert status == 200
    assert state["thresholds"] == {"no": 0.8, "yes": 0.9}
    assert state["presets"] == {"quiet": {"no": 0.95, "yes": 0.95}}
    assert state["preset"] is None
    assert (state["mute"], state["active"]) == (False, ["yes"])
    assert state["settings"] == {"file": "/etc/kws-edge/config.yaml"}
    assert state["detections"] == {"no": 0, "yes": 1}
    assert state["events"] == [detections(1)[0].as_dict() | {"utc": state["events"][0]["utc"]}]
    assert state["microphone"] is None
    assert state["clips"]["saved"]


def test_the_stream_brings_state_scores_and_events(page: Page) -> None:
    scores = np.array([0.1, 0.75, 0.1, 0.05], np.float32)

    def listen() -> None:
        page.relay.block(Block(np.full(1280, 0.1, np.float32)))
        page.relay.decision(Decision(17280, scores, 0.001, scores=scores))
        page.worker.put(detections(1)[0])

    state, *rest = page.watch(3, listen, "/api/stream?scores=1")
    assert state["type"] == "state"
    shown = next(one for one in rest if one["type"] == "scores")
    assert shown == {
        "type": "scores",
        "sample": 17280,
        "level_dbfs": -20.0,
        "idle": False,
        "scores": [0.1, 0.75, 0.1, 0.05],
    }
    event = next(one for one in rest if one["type"] == "detection")
    assert (event["label"], event["schema"]) == ("yes", 1)


def test_nothing_touches_the_audio_while_nobody_watches_scores(page: Page) -> None:
    nothing: Any = None  # reading it raises
    page.relay.block(nothing)
    page.watch(1, lambda: page.relay.block(nothing), "/api/stream")
    with pytest.raises(AttributeError):
        page.watch(1, lambda: page.relay.block(nothing), "/api/stream?scores=1")
    wait_for(lambda: page.watchers() == 0, "the end of the watcher")
    page.relay.block(nothing)


def test_a_watcher_who_reads_nothing_delays_neither_audio_nor_end(tmp_path: Path) -> None:
    page = Page(tmp_path)
    with socket.create_connection(("127.0.0.1", page.port)) as client:
        client.sendall(
            b"GET /api/stream?scores=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )
        wait_for(lambda: page.watchers() == 1, "the watcher")
        scores = np.zeros(4, np.float32)
        began = time.thread_time()
        for n in range(20_000):
            page.relay.decision(Decision(n, scores, 0.001, scores=scores))
        assert (time.thread_time() - began) / 20_000 < 0.001  # 1 % of the time between decisions
        assert page.ask("GET", "/api/state")[0] == 200
        assert page.worker.close(3)


def test_a_change_without_audio_is_not_confirmed(page: Page) -> None:
    status, answer, _ = page.ask("POST", "/api/settings", {"mute": True})
    assert (status, answer["error"]) == (503, "no audio comes: the change waits for it")
    assert not page.detector.asked.cancelled(), "it is made when audio comes"
    assert page.ask("GET", "/api/settings")[0] == 405


@pytest.mark.parametrize(
    "body", [{"hop_ms": 20}, {"mute": 1}, {"keywords": []}, {"thresholds": {"yes": 2}}]
)
def test_what_is_no_setting_is_refused(page: Page, body: dict[str, object]) -> None:
    assert page.ask("POST", "/api/settings", body)[0] == 422
    assert page.ask("POST", "/api/settings", {"reset": True, **body})[0] == 422


def test_the_file_is_written_by_post_alone(page: Page) -> None:
    status, answer, _ = page.ask("POST", "/api/settings/file", {})
    assert (status, answer["error"]) == (422, "config.yaml: was changed since it was read")
    assert page.ask("GET", "/api/settings/file")[0] == 405
    assert page.ask("POST", "/api/settings/file", {}, Origin="http://evil.example")[0] == 403


@pytest.fixture
def behind_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page whose proxy is the test; a proxy on loopback is otherwise refused."""
    monkeypatch.setattr("kws_edge.sinks.page._check_proxy", lambda address, host: None)
    served = Page(tmp_path, host="0.0.0.0", proxy=Page.client)  # noqa: S104
    yield served
    assert served.worker.close(5)


def test_only_the_proxy_is_answered(behind_proxy: Page) -> None:
    assert behind_proxy.ask("GET", "/api/state")[0] == 200
    behind_proxy.client = "127.0.0.2"
    for path in ("/", "/page.js", "/api/state", "/api/stream"):
        assert behind_proxy.ask("GET", path, X_Forwarded_For="127.0.0.1")[0] == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("homeassistant.local:8123", "http://homeassistant.local:8123"),
        ("home.example", "https://home.example"),
        ("172.30.32.1", "https://forwarded.example"),  # another proxy before Home Assistant
    ],
)
def test_a_browser_reaches_it_by_the_names_of_the_proxy(
    behind_proxy: Page, host: str, origin: str
) -> None:
    named = {"Host": host, "Origin": origin, "X_Forwarded_Host": "forwarded.example"}
    status, _, headers = behind_proxy.ask("GET", "/", Host=host, Sec_Fetch_Site="same-origin")
    assert status == 200
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert behind_proxy.ask("POST", "/api/teach/cancel", {}, **named)[0] == 422
    for foreign in ("https://evil.example", "null", f"https://{host}.evil.example"):
        assert behind_proxy.ask("POST", "/api/teach/cancel", {}, **named | {"Origin": foreign})[
            0
        ] == (403)
    assert behind_proxy.ask("GET", "/api/state", Host=host, Sec_Fetch_Site="cross-site")[0] == 403


@pytest.mark.parametrize(
    "proxy",
    ["127.0.0.1", "::1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "10.0.0.0/8", "supervisor", ""],  # noqa: S104
)
def test_a_proxy_is_an_address_beyond_loopback(proxy: str) -> None:
    with pytest.raises(ValidationErrors, match="expected the IP address from which the proxy"):
        PageConfig(proxy=proxy, host="0.0.0.0")  # noqa: S104


def test_a_proxy_must_reach_the_page() -> None:
    with pytest.raises(ValidationErrors, match=r"set page\.host: 0\.0\.0\.0"):
        PageConfig(proxy="172.30.32.2")


def test_a_proxy_of_this_machine_may_add_tls(tmp_path: Path) -> None:
    """It passes on the name that the browser asked for, which `page.names` allows."""
    page = Page(tmp_path, names=("kws.example",))
    named = {"Host": "kws.example", "Origin": "https://kws.example"}
    assert page.ask("POST", "/api/teach/cancel", {}, **named)[0] == 422
    foreign = named | {"Origin": "https://other.example"}
    assert page.ask("POST", "/api/teach/cancel", {}, **foreign)[0] == 403
    assert page.worker.close(5)


def test_the_page_works_below_any_path(page: Page) -> None:
    for path in FILES:
        text = page.ask("GET", path)[1].decode()
        assert not re.findall(r"""["'`(]/(?!/|\^)[a-z]""", text), f"{path}: not relative"


FILES = ("/", "/page.css", "/page.js", "/watch.js", "/clips.js", "/record.js", "/settings.js")


@pytest.mark.parametrize("path", [*FILES, "/api/state", "/api/clips", "/api/record", "/nothing"])
def test_every_answer_forbids_what_the_page_does_not_need(page: Page, path: str) -> None:
    status, _, headers = page.ask("GET", path)
    assert status == (404 if path == "/nothing" else 200)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_the_page_needs_no_other_host(page: Page) -> None:
    for path in FILES:
        text = page.ask("GET", path)[1].decode()
        found = text.replace("http://www.w3.org/2000/svg", "").replace("/^http/", "")
        assert "http:" not in found
        assert "https:" not in found
        assert "<script>" not in found


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:9755", "localhost.x", ""])
def test_a_foreign_name_gets_nothing(page: Page, host: str) -> None:
    page.save()
    for method, path in (("GET", "/"), ("GET", "/api/state"), ("DELETE", "/api/clips/a.wav")):
        assert page.ask(method, path, Host=host)[0] in (400, 421)
    assert (page.folder / "a.wav").exists()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:80", "192.168.1.7", "kitchen.lan"]
)
def test_names_and_addresses_of_this_machine_work(tmp_path: Path, host: str) -> None:
    page = Page(tmp_path, names=("kitchen.lan",))
    assert page.ask("GET", "/api/state", Host=host)[0] == 200
    assert page.ask("GET", "/api/state", Host=socket.gethostname())[0] == 200
    assert page.worker.close(5)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},  # another port of this machine
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
    ],
)
def test_another_site_changes_nothing(page: Page, headers: dict[str, str]) -> None:
    page.save()
    label = {"label": "yes"}
    assert page.ask("POST", "/api/clips/a.wav", label, **headers)[0] == 403
    assert page.ask("DELETE", "/api/clips/a.wav", **headers)[0] == 403
    if headers.get("Sec_Fetch_Mode") != "navigate":  # a link to the page may be followed
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
        assert page.ask("GET", "/api/stream", **upgrade, **headers)[0] == 403
    assert (page.folder / "a.wav").exists()
    assert not page.recordings.exists()


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("", {"only": 1}, "expected true or false"),
        ("", {"only": False}, "no takes to learn from yet"),
        ("/cancel", {}, "no job is at work"),
        ("/switch", {}, "model: missing"),
        ("/switch", {"model": "../own-1"}, "no ../own-1 was made here"),
    ],
)
def test_what_cannot_be_taught_is_refused_with_a_reason(
    page: Page, monkeypatch: pytest.MonkeyPatch, path: str, body: object, reason: str
) -> None:
    monkeypatch.setattr(Teach, "unavailable", lambda self: "")
    status, answer, _ = page.ask("POST", f"/api/teach{path}", body)
    assert (status, reason in answer["error"]) == (422, True), answer
    assert page.ask("GET", f"/api/teach{path}")[0] == (200 if path == "" else 405)
    assert page.ask("GET", "/api/state")[1]["teach"] == {"state": "none"}


def test_a_form_or_a_get_changes_nothing(page: Page) -> None:
    page.save()
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert page.ask("POST", "/api/clips/a.wav", b"label=yes", **form)[0] == 415
    assert page.ask("POST", "/api/clips/a.wav", b'{"label":"yes"}', Content_Type="text/plain")[
        0
    ] == (415)
    for path in ("/api/clips/a.wav?label=yes", "/api/login?token=x", "/api/state?delete=a.wav"):
        page.ask("GET", path)
    assert page.ask("PUT", "/api/clips/a.wav", {"label": "yes"})[0] == 405
    assert (page.folder / "a.wav").exists()
    assert not page.recordings.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * 5000, 413),
        (b"{", 400),
        (b"[" * 4000, 400),
        (b"[]", 400),
        ({"label": "maybe"}, 422),
        ({"label": ["yes"]}, 422),
        ({"label": "../../etc"}, 422),
        ({"label": "yes", "speaker": "../x"}, 422),
    ],
)
def test_a_wrong_body_is_refused_with_a_reason(page: Page, body: object, status: int) -> None:
    page.save()
    found, answer, _ = page.ask("POST", "/api/clips/a.wav", body)
    assert found == status
    assert answer["error"]
    assert (page.folder / "a.wav").exists()


def test_a_clip_is_listed_played_and_deleted(page: Page) -> None:
    page.save("a.wav")
    page.save("b.wav", type="near_miss")
    assert [clip["file"] for clip in page.ask("GET", "/api/clips")[1]] == ["b.wav", "a.wav"]
    status, data, headers = page.ask("GET", "/api/clips/a.wav")
    assert (status, headers["Content-Type"]) == (200, "audio/wav")
    assert data == (page.folder / "a.wav").read_bytes()
    assert page.ask("DELETE", "/api/clips/a.wav")[0] == 200
    assert page.ask("DELETE", "/api/clips/a.wav")[0] == 404
    assert [path.name for path in page.folder.glob("*.wav")] == ["b.wav"]


@pytest.mark.parametrize("label", ["no", "_unknown_", "_silence_"])
def test_a_labelled_clip_is_a_sample_as_the_recorder_writes_it(page: Page, label: str) -> None:
    page.save(samples=word(2.0, 0.8, 1.3))
    status, answer, _ = page.ask("POST", "/api/clips/a.wav", {"label": label, "speaker": "ana"})
    assert (status, answer["notes"]) == (200, [])
    path = Path(answer["path"])
    assert path.parent == page.recordings / label
    name = SampleName.parse(path.name)
    assert name
    assert name.speaker == "ana"
    sample = read_audio(path, RATE)
    assert len(sample) == RATE
    # the word is in its middle; of a sample of noise, the clip's
    loud = np.flatnonzero(np.abs(sample) > 0.1) / RATE
    assert loud.mean() == pytest.approx(0.55 if label == "_silence_" else 0.5, abs=0.03)
    (entry,) = Collection(page.recordings).entries()
    assert (entry["path"], entry["label"]) == (f"{label}/{path.name}", label)
    assert not list(page.folder.glob("*.wav"))
    assert page.ask("POST", "/api/clips/a.wav", {"label": label})[0] == 404


def test_the_word_of_the_decision_is_taken_from_a_long_clip(page: Page) -> None:
    samples = np.concatenate([word(4.0, 0.5, 1.0) * 1.5, word(2.0, 0.8, 1.3), word(4.0, 2.0, 2.5)])
    # the clip starts at 1 s of the stream; the decision fell at 5.5 s of the clip
    page.save(samples=samples, start=16000, sample=round(6.5 * RATE), time_s=6.5)
    _, answer, _ = page.ask("POST", "/api/clips/a.wav", {"label": "yes"})
    assert np.abs(read_audio(Path(answer["path"]), RATE)).max() < 0.32  # not the loudest of all


def test_what_the_recorder_would_refuse_is_noted(page: Page) -> None:
    page.save(samples=word() * 0.01)
    _, answer, _ = page.ask("POST", "/api/clips/a.wav", {"label": "yes"})
    assert any("quiet" in note or "silent" in note for note in answer["notes"])
    page.save("b.wav", samples=np.zeros(32000, np.float32))
    status, answer, _ = page.ask("POST", "/api/clips/b.wav", {"label": "_silence_"})
    assert (status, "silent" in answer["error"]) == (422, True)
    page.save("c.wav", samples=word(0.9, 0.2, 0.5))
    assert "clips.seconds" in page.ask("POST", "/api/clips/c.wav", {"label": "yes"})[1]["error"]


def test_no_path_leaves_the_folder(page: Page, tmp_path: Path) -> None:
    page.save()
    (tmp_path / "secret.wav").write_bytes(b"secret")
    (page.folder / "unnamed.wav").write_bytes(b"not in the manifest")
    os.symlink(tmp_path / "secret.wav", page.folder / "link.wav")
    for name in ("../secret.wav", "link.wav", str(tmp_path / "secret.wav"), "manifest.jsonl", ".."):
        with (page.folder / "manifest.jsonl").open("a") as file:  # even a manifest names it
            file.write(json.dumps({"file": name}) + "\n")
    for path in (
        "/api/clips/..%2Fsecret.wav",
        "/api/clips/../secret.wav",
        "/api/clips/%2e%2e%2fsecret.wav",
        "/api/clips/link.wav",
        "/api/clips/unnamed.wav",
        "/api/clips/manifest.jsonl",
        f"/api/clips/{str(tmp_path / 'secret.wav').replace('/', '%2F')}",
        "/api/clips/a.wav%00",
        "/../pyproject.toml",
        "/__init__.py",
    ):
        for method in ("GET", "DELETE"):
            assert page.ask(method, path)[0] in (400, 404, 405), path
    assert (tmp_path / "secret.wav").exists()
    assert (page.folder / "unnamed.wav").exists()
    assert [clip["file"] for clip in page.ask("GET", "/api/clips")[1]] == ["a.wav"]


def test_with_a_token_only_the_files_of_the_page_are_open(locked: Page) -> None:
    locked.save()
    assert locked.ask("GET", "/")[0] == 200
    for method, path in (
        ("GET", "/api/state"),
        ("GET", "/api/stream"),
        ("GET", "/api/clips"),
        ("GET", "/api/clips/a.wav"),
        ("GET", "/api/record"),
        ("GET", "/api/record/take"),
        ("DELETE", "/api/clips/a.wav"),
    ):
        assert locked.ask(method, path)[0] == 401
        assert locked.ask(method, path, Authorization=f"Bearer {TOKEN}x")[0] == 401
        assert locked.ask(method, path, Cookie=f"kws-edge-page={TOKEN}")[0] == 401
    assert locked.ask("GET", "/api/state", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_a_token_given_once_is_a_cookie(locked: Page) -> None:
    began = time.monotonic()
    for wrong in ("", TOKEN[:-1], "é", None, 7):
        assert locked.ask("POST", "/api/login", {"token": wrong})[0] == 401
    assert time.monotonic() - began > 5  # guessing takes time
    status, _, headers = locked.ask("POST", "/api/login", {"token": TOKEN})
    assert status == 200
    cookie = headers["Set-Cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert locked.ask("GET", "/api/state", Cookie=cookie.split(";")[0])[0] == 200


def test_beyond_loopback_a_token_is_required(tmp_path: Path) -> None:
    with pytest.raises(ValidationErrors, match=r"page.token_file: is missing, and 0.0.0.0 is"):
        parse_config({"page": {"host": "0.0.0.0"}})  # noqa: S104
    parse_config({"page": {"host": "localhost"}})
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o644)
    with pytest.raises(ConfigError, match=r"page.token_file: .*open to others \(mode 644\)"):
        Page(tmp_path, token_file=token)
    token.write_text("short")
    token.chmod(0o600)
    with pytest.raises(ConfigError, match=r"page.token_file: .*needs 16 characters"):
        Page(tmp_path, token_file=token)


@pytest.mark.parametrize(
    "request_",
    [
        b"\x00\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /api/state HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET http://localhost/api/state HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /api/state HTTP/1.0\r\n\r\n",
        b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/clips/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_a_malformed_request_is_refused_and_fills_no_log(
    page: Page, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    with socket.create_connection(("127.0.0.1", page.port)) as client:
        client.sendall(request_)
        assert re.match(rb"HTTP/1.[01] 4\d\d ", client.recv(4096))
    assert page.ask("GET", "/api/state")[0] == 200
    assert caplog.text == ""


def test_half_requests_keep_nobody_out(page: Page) -> None:
    clients = [socket.create_connection(("127.0.0.1", page.port)) for _ in range(MAX_CONNECTIONS)]
    for client in clients:
        client.sendall(b"GET /api/state HTTP/1.1\r\nHost: ")
    assert page.ask("GET", "/api/state")[0] == 200
    for client in clients:
        client.close()


def test_an_address_in_use_is_reported(
    page: Page, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = PageConfig(port=page.port)
    context = SinkContext(
        LABELS,
        "toy",
        RATE,
        metrics=page.metrics,
        detector=page.detector,
        models=Models(),
    )
    (plan,) = plan_sinks(Config(sinks={"page": settings}), context)
    assert SinkWorker(plan.sink).close(5)
    assert f"cannot serve 127.0.0.1:{page.port}: Address already in use" in caplog.text
