"""Saved recordings: what is in them, how many stay, who may read them, a full disk."""

import json
import os
import stat
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sink_parts import wait_for

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.audio.files import read_audio
from kws_edge.config.config import Config
from kws_edge.detection.detector import Detection
from kws_edge.detection.near_misses import NearMiss
from kws_edge.errors import ConfigError
from kws_edge.events import Event, EventFactory
from kws_edge.sinks.base import SinkWorker
from kws_edge.sinks.build import recent_audio
from kws_edge.sinks.wav_clips import WavClipsConfig, WavClipSink, file_name
from kws_edge.types import FloatArray

RATE = 16000


def stream(seconds: float) -> FloatArray:
    """Each sample is its own index, modulo 30000."""
    return (np.arange(int(seconds * RATE)) % 30000 / 32768).astype(np.float32)


class Recording:
    """A sink, its ring with ``seconds`` of the stream, and the folder."""

    def __init__(self, folder: Path, seconds: float = 10.0, **settings: object) -> None:
        self.folder = folder
        self.config = WavClipsConfig(folder, **settings)  # type: ignore[arg-type]
        ring = recent_audio(Config(sinks={"clips": self.config}), RATE)
        assert ring
        self.ring = ring
        self.ring.push(stream(seconds))
        self.factory = EventFactory(RATE)
        self.worker = SinkWorker(WavClipSink(self.config, self.ring, RATE))

    def detect(self, at_second: float, label: str = "yes") -> Event:
        sample = round(at_second * RATE)
        event = self.factory.detection(Detection(label, 0.9, sample, at_second))
        self.worker.put(event)
        return event

    def wait(self, count: int) -> None:
        wait_for(lambda: self.worker.handled + self.worker.failed == count, "the sink")

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*.wav"))

    @property
    def manifest(self) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in (self.folder / "manifest.jsonl").read_text().splitlines()
        ]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_seconds_around_a_detection(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    before = os.umask(0)
    request.addfinalizer(lambda: os.umask(before))
    saved = Recording(tmp_path / "new" / "clips")
    event = saved.detect(5.0)
    saved.wait(1)
    assert saved.worker.close(30)
    [name] = saved.files
    assert name == file_name(event)
    samples = read_audio(saved.folder / name, RATE)
    np.testing.assert_array_equal(samples, stream(10)[int(3.5 * RATE) : int(5.5 * RATE)])
    with wave.open(str(saved.folder / name)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
    assert saved.manifest == [{"file": name, **event.as_dict(), "start": int(3.5 * RATE)}]
    assert mode(saved.folder) == 0o700
    assert mode(saved.folder / name) == mode(saved.folder / "manifest.jsonl") == 0o600


def test_it_waits_for_the_audio_after_the_decision(tmp_path: Path) -> None:
    saved = Recording(tmp_path / "clips", seconds=5.0)
    saved.detect(5.0)
    saved.ring.push(stream(1.0))
    saved.wait(1)
    assert len(read_audio(saved.folder / saved.files[0], RATE)) == 2 * RATE


def test_at_the_beginning_and_the_end_of_a_stream_it_is_shorter(tmp_path: Path) -> None:
    saved = Recording(tmp_path / "clips", seconds=1.0)
    saved.detect(1.0)
    saved.ring.end_of_stream()  # as at SIGTERM: nothing waits for audio any more
    assert saved.worker.close(30)
    assert len(read_audio(saved.folder / saved.files[0], RATE)) == RATE
    assert saved.manifest[0]["start"] == 0


def test_near_misses_and_odd_labels(tmp_path: Path) -> None:
    saved = Recording(tmp_path / "clips", near_miss=0.5)
    saved.detect(2.0, "../../etc/passwd é")
    saved.worker.put(saved.factory.near_miss(NearMiss("no", 0.6, 4 * RATE, 4.0)))
    saved.worker.put(saved.factory.make("microphone", 0, state="lost"))
    saved.wait(3)
    names = saved.files
    assert [name.split("-", 1)[1] for name in names] == [
        "000001-______etc_passwd_é.wav",
        "000002-near-no.wav",
    ]
    assert [(entry["type"], entry["score"]) for entry in saved.manifest] == [
        ("detection", 0.9),
        ("near_miss", 0.6),
    ]
    assert list(tmp_path.rglob("*.wav")) == list(saved.folder.glob("*.wav"))


def test_near_misses_for_other_sinks_are_not_saved(tmp_path: Path) -> None:
    saved = Recording(tmp_path / "clips")
    saved.worker.put(saved.factory.near_miss(NearMiss("no", 0.6, 4 * RATE, 4.0)))
    saved.detect(5.0)
    saved.wait(2)
    assert [entry["type"] for entry in saved.manifest] == ["detection"]


def test_a_clip_that_the_page_deleted_takes_no_room(tmp_path: Path) -> None:
    saved = Recording(tmp_path / "clips", max_files=3)
    for n in range(3):
        saved.detect(2.0 + n)
    saved.wait(3)
    (saved.folder / saved.files[2]).unlink()  # the newest
    saved.detect(6.0)
    saved.wait(4)
    assert [int(name.split("-")[1]) for name in saved.files] == [1, 2, 4]


def test_the_oldest_go_by_number(tmp_path: Path) -> None:
    saved = Recording(tmp_path / "clips", max_files=3)
    other = saved.folder / "mine.wav"
    other.write_bytes(b"not ours")
    for n in range(40):
        saved.detect(2 + n / 10)
    saved.wait(40)
    ours = [name for name in saved.files if name != "mine.wav"]
    assert [int(name.split("-")[1]) for name in ours] == [38, 39, 40]
    assert other.exists()
    assert 3 <= len(saved.manifest) <= 20  # of the others most lines have gone too
    assert [entry["id"] for entry in saved.manifest][-3:] == [38, 39, 40]
    assert mode(saved.folder / "manifest.jsonl") == 0o600


def test_the_oldest_go_by_size_also_after_a_restart(tmp_path: Path) -> None:
    first = Recording(tmp_path / "clips", max_megabytes=0.2)  # three of 64 KB
    for n in range(2):
        first.detect(3.0 + n)
    assert first.worker.close(30)
    (first.folder / ".half.wav.part").write_bytes(b"as a process left it that was killed")
    with (first.folder / "manifest.jsonl").open("a") as file:
        file.write('{"file": "../outside.wav"}\n{"file": "gone.wav"}\n{"fi')
    (tmp_path / "outside.wav").write_bytes(b"x")
    second = Recording(tmp_path / "clips", max_megabytes=0.2)
    for n in range(2):
        second.detect(5.0 + n)
    assert second.worker.close(30)
    assert second.worker.failed == 0
    assert len(second.files) == 3
    assert sum(path.stat().st_size for path in second.folder.glob("*.wav")) <= 200_000
    assert not list(second.folder.glob(".*"))
    assert {entry["file"] for entry in second.manifest} >= set(second.files)
    assert (tmp_path / "outside.wav").exists()


def test_audio_that_has_gone_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved = Recording(tmp_path / "clips", seconds=60.0)
    saved.detect(5.0)
    saved.wait(1)
    assert saved.worker.failed == 1
    assert "was gone before it could be saved" in caplog.text
    assert saved.files == []


def test_folders_and_settings_that_do_not_fit(tmp_path: Path) -> None:
    ring = SampleBuffer(RATE)
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    with pytest.raises(ConfigError, match=r"^clips.folder: .*open to others \(mode 755\)"):
        WavClipSink(WavClipsConfig(shared), ring, RATE)
    assert mode(shared) == 0o755
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match=r"^clips.folder: .*File exists"):
        WavClipSink(WavClipsConfig(file), ring, RATE)
    with pytest.raises(ConfigError, match=r"^clips.max_megabytes: 0.01 is less than one"):
        WavClipSink(WavClipsConfig(tmp_path / "new", max_megabytes=0.01), ring, RATE)
