"""Fetching the data set from a real HTTP server on loopback that can break off."""

import hashlib
import http.server
import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import noise

from kws_edge.audio.files import to_pcm16


def make_zip() -> bytes:
    import soundfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for label in ("left", "right"):
            for number in range(20):
                wav = io.BytesIO()
                samples = to_pcm16(noise(16000, seed=number))
                soundfile.write(wav, samples, 16000, format="WAV", subtype="PCM_16")
                name = f"mini_speech_commands/{label}/{number:08x}_nohash_0.wav"
                archive.writestr(name, wav.getvalue())
        archive.writestr("__MACOSX/mini_speech_commands/left/._a.wav", b"debris")
        archive.writestr("mini_speech_commands/left/../../../evil.wav", b"evil")
        archive.writestr("mini_speech_commands/README.md", b"text")
    return buffer.getvalue()


@dataclass
class Server:
    """Serves ``content``; the first ``breaks`` answers end in the middle."""

    content: bytes
    ranges: bool = True
    breaks: int = 0
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server(make_zip())

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.asked.append(asked)
            start = int(asked[6:-1]) if asked and state.ranges else 0
            if start >= len(state.content):
                self.send_error(416)
                return
            body = state.content[start:]
            self.send_response(206 if asked and state.ranges else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.breaks:
                state.breaks -= 1
                body = body[: len(body) // 2]
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state.url = f"http://127.0.0.1:{httpd.server_address[1]}/data.zip"
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield state
        httpd.shutdown()


def fetch(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "training", "data", "fetch", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def from_server(folder: Path, server: Server) -> "subprocess.CompletedProcess[str]":
    digest = hashlib.sha256(server.content).hexdigest()
    return fetch(folder, "--url", server.url, "--sha256", digest)


def complete(folder: Path) -> bool:
    return len(list(folder.glob("mini_speech_commands/*/*.wav"))) == 40


def test_fetch_verifies_and_unpacks(server: Server, tmp_path: Path) -> None:
    result = from_server(tmp_path / "data", server)
    assert result.returncode == 0, result.stderr
    assert "40 clips" in result.stdout
    assert complete(tmp_path / "data")
    assert not list(tmp_path.rglob("*evil*"))
    assert not list(tmp_path.rglob("._*"))
    again = from_server(tmp_path / "data", server)
    assert "there already, 40 clips" in again.stdout
    assert len(server.asked) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_broke_off_goes_on(ranges: bool, server: Server, tmp_path: Path) -> None:
    server.breaks, server.ranges = 1, ranges
    first = from_server(tmp_path, server)
    assert first.returncode != 0
    assert not (tmp_path / "mini_speech_commands").exists()
    have = (tmp_path / "mini_speech_commands.zip.part").stat().st_size
    assert have == len(server.content) // 2
    second = from_server(tmp_path, server)
    assert second.returncode == 0, second.stderr
    assert server.asked[1] == f"bytes={have}-"
    assert complete(tmp_path)


def test_a_part_that_is_whole_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "mini_speech_commands.zip.part").write_bytes(server.content)
    assert from_server(tmp_path, server).returncode == 0
    assert complete(tmp_path)


def test_another_file_than_expected_is_refused(server: Server, tmp_path: Path) -> None:
    result = fetch(tmp_path, "--url", server.url)
    assert result.returncode == 65
    assert "its SHA-256 is" in result.stderr
    assert "expected 49650f2341b2" in result.stderr
    assert not (tmp_path / "mini_speech_commands").exists()


def test_an_archive_at_hand(server: Server, tmp_path: Path) -> None:
    archive = tmp_path / "mine.zip"
    archive.write_bytes(server.content)
    assert fetch(tmp_path / "a", "--archive", str(archive)).returncode == 65
    result = fetch(tmp_path / "b", "--archive", str(archive), "--sha256", "")
    assert result.returncode == 0, result.stderr
    assert complete(tmp_path / "b")
    assert server.asked == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--url", "http://127.0.0.1:9/data.zip"], 1, "run it again to go on"),
        (["--archive", "none.zip"], 66, "No such file"),
        (["--archive", "setup.cfg", "--sha256", ""], 65, "not a zip file"),
    ],
)
def test_faults(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    result = fetch(tmp_path, *arguments)
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
