"""A folder of samples: names, the manifest, and what an interruption leaves."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, noise
from hypothesis import given
from hypothesis import strategies as st

from kws_edge.audio.files import from_pcm16, read_audio, to_pcm16
from kws_edge.errors import KwsEdgeError
from kws_edge.recorder.collection import MANIFEST, Collection, SampleName, check_name
from kws_edge.recorder.take import Take, judge
from training.data.clips import scan, speaker_of

NAMES = st.from_regex(r"[A-Za-z0-9ä][\w-]{0,20}", fullmatch=True)

# a program that does nothing but save
SAVES = """
from pathlib import Path
import sys
from kws_edge.recorder.collection import Collection
from kws_edge.recorder.take import judge
sys.path.insert(0, "tests")
from conftest import noise
take = judge(noise(56000), "_silence_")
print("ready", flush=True)
while True:
    Collection(Path(sys.argv[1])).save(take, "_silence_", "ann", None, keep_raw=True)
"""


@pytest.fixture
def take() -> Take:
    return judge(from_pcm16(to_pcm16(noise(56000))), "_silence_")


def manifest(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / MANIFEST).read_text().splitlines()]


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@given(NAMES, st.datetimes(datetime(1970, 1, 1)), st.integers(0, 10**6))
def test_training_reads_the_speaker_from_the_name(
    speaker: str, date: datetime, number: int
) -> None:
    speaker = check_name(speaker)
    name = SampleName(speaker, date.replace(microsecond=0, tzinfo=timezone.utc), number)
    assert SampleName.parse(str(name)) == name
    assert speaker_of(Path("yes") / str(name)) == speaker


@pytest.mark.parametrize(
    "name", ["", "a b", "../up", "a/b", ".hidden", "-x", "_unknown", "a.b", "x" * 65, "a\n"]
)
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a name here"):
        check_name(name, ("_silence_",))


def test_names_that_can_be() -> None:
    for name in ("yes", "Tür", "turn-on_2", "_silence_"):
        assert check_name(name, ("_silence_",)) == name


def test_a_saved_take(take: Take, tmp_path: Path) -> None:
    collection = Collection(tmp_path / "new")
    entry = collection.save(take, "_silence_", "ann-2", "USB Mic", keep_raw=True)
    (line,) = manifest(tmp_path / "new")
    assert line == json.loads(entry.to_json())
    assert line["device"] == "USB Mic"
    assert line["sample_rate"] == 16000
    assert line["level_dbfs"] == pytest.approx(-20, abs=0.5)
    np.testing.assert_array_equal(read_audio(tmp_path / "new" / entry.path, 16000), take.sample)
    assert entry.raw is not None
    np.testing.assert_array_equal(read_audio(tmp_path / "new" / entry.raw, 16000), take.raw)
    (clip,) = scan(tmp_path / "new")
    assert (clip.label, clip.speaker, clip.key) == ("_silence_", "ann-2", entry.path)


def test_numbers_go_on_for_each_speaker_and_label(take: Take, tmp_path: Path) -> None:
    collection = Collection(tmp_path)
    for label, speaker in [("a", "ann"), ("a", "ann"), ("b", "ann"), ("a", "ann-b")]:
        collection.save(take, label, speaker, None)
    assert [name.number for name in collection.samples("a", "ann")] == [1, 2]
    assert [name.number for name in collection.samples("a", "ann-b")] == [1]
    first = tmp_path / "a" / str(collection.samples("a", "ann")[0])
    first.unlink()
    assert collection.save(take, "a", "ann", None).path.endswith("Z-3.wav")


def test_files_without_a_line_get_one(take: Take, tmp_path: Path) -> None:
    collection = Collection(tmp_path)
    entries = [collection.save(take, "a", "ann", "Mic") for _ in range(3)]
    lines = (tmp_path / MANIFEST).read_text().splitlines(keepends=True)
    (tmp_path / MANIFEST).write_text(lines[0] + lines[1][:20])  # a power cut
    assert collection.complete("a", "ann") == 2
    assert collection.complete("a", "ann") == 0
    assert [entry["path"] for entry in collection.entries()] == [e.path for e in entries]
    assert [entry["device"] for entry in collection.entries()] == ["Mic", None, None]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_files_are_whole(number: signal.Signals, tmp_path: Path) -> None:
    rng = np.random.default_rng(int(number))
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVES, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0, 0.3))
            process.send_signal(number)
            process.wait(timeout=60)
        finally:
            process.kill()
    found = [name for name in files(tmp_path) if name.startswith("_silence_/") and "/." not in name]
    assert found
    for name in found:
        assert len(read_audio(tmp_path / name, 16000)) == 16000
    if number == signal.SIGKILL:
        Collection(tmp_path).complete("_silence_", "ann")
    else:
        assert not [name for name in files(tmp_path) if name.endswith(".part")]
    assert sorted(str(entry["path"]) for entry in manifest(tmp_path)) == found


def test_a_full_disk_leaves_nothing(take: Take, tmp_path: Path) -> None:
    """A limit on file sizes, which the system enforces as it does a full disk."""
    collection = Collection(tmp_path)
    collection.save(take, "a", "ann", None)
    before = files(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(KwsEdgeError, match="cannot be written"):
            collection.save(take, "a", "ann", None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == before
    assert len(manifest(tmp_path)) == 1


def test_a_folder_that_cannot_be_written(take: Take, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KwsEdgeError, match="cannot be written"):
        Collection(tmp_path / "file").save(take, "a", "ann", None)
    assert os.listdir(tmp_path) == ["file"]
