"""Two steps of which one fails: neither stays. Full disks, folders of others, no service bus."""

import errno
import fcntl
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import noise

from kws_edge.daemon.systemd import Service
from kws_edge.errors import ConfigError, KwsEdgeError
from kws_edge.files import append_line, private_folder
from kws_edge.recorder.collection import Collection
from kws_edge.recorder.take import judge
from kws_edge.sinks.wav_clips import ClipFolder

FULL_DISK = """
import resource, signal, sys
from kws_edge.events import EventFactory
from kws_edge.sinks.stdout import StdoutSink
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
sink, factory = StdoutSink(1), EventFactory(16000)
for n in range(20):
    try:
        sink.handle(factory.make("dropped", n, samples=1, reason="a reason"))
    except OSError:
        sys.stderr.write("full\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
sink.handle(factory.make("dropped", 20, samples=1, reason="a reason"))
"""


@pytest.fixture
def no_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full by the time of the manifest's line."""

    def full(path: Path, line: str, mode: int = 0o600) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for module in ("sinks.wav_clips", "recorder.collection"):
        monkeypatch.setattr(f"kws_edge.{module}.append_line", full)


@pytest.mark.usefixtures("no_manifest")
def test_no_clip_and_no_sample_stays_without_its_line(tmp_path: Path) -> None:
    clips = ClipFolder(tmp_path, 10, 10**6)
    clips.open()
    with pytest.raises(OSError, match="No space left"):
        clips.add("a.wav", b"RIFF", {})
    take = judge(noise(40_000) * np.float32(0.001), "_silence_")
    with pytest.raises(KwsEdgeError, match="No space left"):
        Collection(tmp_path / "c").save(take, "_silence_", "ann", None, keep_raw=True)
    assert not list(tmp_path.rglob("*.wav"))


def test_no_torn_line_where_stdout_is_a_file_on_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("w") as file:
        result = subprocess.run(
            [sys.executable, "-c", FULL_DISK], stdout=file, stderr=subprocess.PIPE, check=True
        )
    assert result.stderr.count(b"full") > 0
    samples = [json.loads(line)["sample"] for line in path.read_text().splitlines()]
    assert samples[:3] == [0, 1, 2]
    assert samples[-1] == 20  # room again


def test_a_line_is_appended_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append_line(path, "one")
    assert path.stat().st_mode & 0o777 == 0o600
    script = (
        "import resource, signal, sys; from pathlib import Path;"
        "from kws_edge.files import append_line; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (6, {resource.RLIM_INFINITY}));"
        "append_line(Path(sys.argv[1]), 'three')"
    )
    result = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=False)
    assert b"No space left" in result.stderr
    assert path.read_text() == "one\n"


def test_a_folder_of_clips_belongs_to_one_process(tmp_path: Path) -> None:
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)  # another open file description, as another process has
    clips = ClipFolder(tmp_path, 10, 10**6)
    with pytest.raises(KwsEdgeError, match="another kws-edge saves clips here"):
        clips.open()
    with pytest.raises(KwsEdgeError, match="another kws-edge saves clips here"):
        clips.add("a.wav", b"RIFF", {})
    assert not list(tmp_path.iterdir())
    os.close(other)
    clips.add("a.wav", b"RIFF", {})  # the other has ended
    assert (tmp_path / "a.wav").exists()
    clips.close()
    ClipFolder(tmp_path, 10, 10**6).open()


def test_recording_asks_for_nothing_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(KwsEdgeError, match=r"a file.*cannot be written \(Not a directory\)"):
        Collection(tmp_path / "a file" / "samples").check_writable(["yes"])
    Collection(tmp_path / "samples").check_writable(["yes"])
    assert list((tmp_path / "samples" / "yes").iterdir()) == []


def test_recordings_are_for_their_owner_alone(tmp_path: Path) -> None:
    take = judge(noise(40_000) * np.float32(0.001), "_silence_")
    Collection(tmp_path).save(take, "_silence_", "ann", None, keep_raw=True)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a folder away")
def test_a_private_folder_is_ones_own_and_so_is_a_link_to_it(tmp_path: Path) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir(mode=0o700)
    link.symlink_to(folder)
    private_folder(link, "clips.folder")
    os.chown(link, 12345, -1, follow_symlinks=False)
    with pytest.raises(ConfigError, match=r"link is a link of the user 12345; name a folder"):
        private_folder(link, "clips.folder")
    os.chown(folder, 12345, -1)
    with pytest.raises(ConfigError, match=r"folder belongs to the user 12345; name a folder"):
        private_folder(folder, "clips.folder")


@pytest.mark.parametrize("before", [None, "the unit of a former version"])
def test_no_unit_stays_where_no_manager_takes_it(
    before: str | None, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text("#!/bin/sh\necho Failed to connect to bus: No medium found >&2\nexit 1\n")
    systemctl.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(systemctl))
    monkeypatch.setattr(Service, "_program", lambda _: program)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    service = Service(user=True)
    if before:
        service.path.parent.mkdir(parents=True)
        service.path.write_text(before)
    with pytest.raises(KwsEdgeError, match=r"No medium found; .*loginctl enable-linger"):
        list(service.install())
    assert (service.path.read_text() if service.path.exists() else None) == before
