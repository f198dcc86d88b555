"""The wake-word server with the library's own client: what it spots, for whom, and when."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Command
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.wake import Detect, Detection
from wyoming_server import (
    MODEL,
    Server,
    answer,
    connected,
    demo_pcm,
    detections_in,
    names_and_times,
    stream,
)

from kws_edge import __version__
from kws_edge.audio.files import read_audio, to_pcm16
from kws_edge.model.file import demo_recording

LABELS = ["down", "go", "left", "no", "right", "stop", "up", "yes"]
Spotted = list[tuple[str, int]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def demo() -> bytes:
    return demo_pcm()


def listened(run_command: Command, path: Path) -> Spotted:
    """What ``listen --input`` spots: keyword and time in ms."""
    result = run_command("listen", "--input", path, "--json", *MODEL)
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    return [(event["label"], round(event["time_s"] * 1000)) for event in events]


def test_it_says_what_it_is(server: Server) -> None:
    async def ask() -> Info:
        async with connected(server.uri) as client:
            return Info.from_event(await answer(client, Describe().event()))

    (program,) = asyncio.run(ask()).wake
    assert (program.name, program.version, program.installed) == ("kws-edge", __version__, True)
    assert [model.name for model in program.models] == LABELS
    for model in program.models:
        assert model.phrase == model.description == model.name
        assert model.languages == ["en"]
        assert model.installed
        assert model.version
        assert "Speech Commands" in model.attribution.name
        assert model.attribution.url == "https://arxiv.org/abs/1804.03209"


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
def test_it_spots_what_listen_spots(
    scheme: str, server: Server, run_command: Command, demo: bytes, tmp_path: Path
) -> None:
    expected = listened(run_command, demo_recording())
    assert len(expected) > 8
    if scheme == "tcp":
        assert names_and_times(asyncio.run(detections_in(server.uri, demo))) == expected
        return
    with Server(uri=f"unix://{tmp_path}/wake.sock") as own:
        assert names_and_times(asyncio.run(detections_in(own.uri, demo))) == expected


@pytest.mark.parametrize(
    ("rate", "subtype", "channels", "size"),
    [
        (48000, "PCM_16", 2, 4096),
        (44100, "PCM_24", 1, 1999),  # chunks that end within samples
        (48000, "PCM_32", 3, 1 << 20),
        (8000, "PCM_U8", 2, 333),
        (16000, "PCM_16", 1, 7),
    ],
)
def test_any_format_in_chunks_of_any_size(
    rate: int,
    subtype: str,
    channels: int,
    size: int,
    server: Server,
    run_command: Command,
    tmp_path: Path,
) -> None:
    seconds = 3 if size == 7 else 20
    samples = read_audio(demo_recording(), rate)[: seconds * rate]
    path = tmp_path / "demo.wav"
    soundfile.write(path, np.stack([samples] * channels, axis=1), rate, subtype=subtype)
    width = int(subtype.lstrip("PCM_U")) // 8
    pcm = path.read_bytes()
    pcm = pcm[pcm.index(b"data") + 8 :]

    async def talk() -> list[Detection]:
        async with connected(server.uri) as client:
            return await stream(client, pcm, size, rate, width, channels)

    found = names_and_times(asyncio.run(talk()))
    assert found
    assert found == listened(run_command, path)


def test_several_clients_each_with_its_own_stream(
    server: Server, run_command: Command, demo: bytes
) -> None:
    expected = listened(run_command, demo_recording())
    second = 2 * 16000

    async def talk() -> list[list[Detection]]:
        shifted = [bytes(number * second) + demo for number in range(6)]
        return await asyncio.gather(*(detections_in(server.uri, pcm) for pcm in shifted))

    for number, found in enumerate(asyncio.run(talk())):
        assert names_and_times(found) == [(label, ms + 1000 * number) for label, ms in expected]


def test_a_choice_of_keywords(server: Server, run_command: Command, demo: bytes) -> None:
    expected = listened(run_command, demo_recording())

    async def talk() -> list[list[Detection]]:
        choices: list[list[str] | None] = [["yes"], ["LEFT", "right"], [], None]
        return [await detections_in(server.uri, demo, names) for names in choices]

    yes, sides, all_, also_all = map(names_and_times, asyncio.run(talk()))
    assert [item for item in expected if item[0] == "yes"] == yes
    assert {label for label, _ in sides} == {"left", "right"}
    assert all_ == also_all == expected


def test_a_keyword_that_there_is_not(server: Server, demo: bytes) -> None:
    async def talk() -> tuple[Event, list[Detection], list[Detection]]:
        async with connected(server.uri) as client:
            error = await answer(client, Detect(names=["hey_marvin"]).event())
            nothing = await stream(client, demo)
            await answer(client, Detect(names=["hey_marvin", "no"]).event())
            return error, nothing, await stream(client, demo)

    error, nothing, no = asyncio.run(talk())
    assert error.type == "error"
    assert error.data["text"].startswith("hey_marvin: no such keyword (down, go,")
    assert nothing == []
    assert {found.name for found in no} == {"no"}
    assert server.found("asks for hey_marvin: no such keyword")


def test_an_unchosen_keyword_does_not_silence_a_chosen_one(demo: bytes) -> None:
    """Here any keyword would be followed by a pause into which 'yes' falls."""
    with Server("--refractory-ms", "3000") as server:
        found = [asyncio.run(detections_in(server.uri, demo, names)) for names in (None, ["yes"])]
    everything, yes = ([detection.name for detection in list_] for list_ in found)
    assert everything
    assert "yes" not in everything
    assert "yes" in yes


def test_a_stream_of_real_clips(
    server: Server, run_command: Command, recordings: Path, tmp_path: Path
) -> None:
    """Two minutes of the public test set, a clip every 1.5 s."""
    clips = [
        clip
        for label in LABELS
        for clip in sorted((recordings / "gsc_test_public" / label).glob("*.wav"))[:10]
    ]
    assert len(clips) == 80
    gap = np.zeros(8000, np.float32)
    speech = np.concatenate([s for clip in clips for s in (read_audio(clip, 16000), gap)])
    path = tmp_path / "clips.wav"
    soundfile.write(path, speech, 16000, subtype="PCM_16")
    found = names_and_times(asyncio.run(detections_in(server.uri, to_pcm16(speech).tobytes())))
    assert len(found) > 40
    assert found == listened(run_command, path)
