"""Composed streams: what is in them is where the label track says, and the same each time."""

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from word_clips import training

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.audio.level import level_dbfs
from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import load
from kws_edge.detection.scoring import read_label_track
from kws_edge.errors import ConfigError, DataError, MissingFileError
from kws_edge.types import FloatArray
from training.evaluation.streams.compose import Stream, compose, find_streams
from training.evaluation.streams.stream_config import StreamConfig

RATE = 16000
BUNDLED = sorted((ROOT / "training/configs/streams").glob("*.yaml"))
ROOM = """
name: room
seed: 3
clips: [{folder: words, labels: [yes, no], count: 5}]
speech: [{folder: talk, count: 1, seconds: 0.5}]
noise: {folder: noise, snr_db: [10, 20], quiet: 0.3}
margin_ms: 20
gap_seconds: [0, 0.7]
back_to_back: 0.3
speech_dbfs: [-40, -15]
scene_seconds: 2
floor_dbfs: -80
"""


def burst(level: float, start_s: float, seconds: float) -> FloatArray:
    """A second with a tone in it that begins and ends sharply."""
    samples = np.zeros(RATE, np.float32)
    first, count = round(start_s * RATE), round(seconds * RATE)
    tone = np.sqrt(2) * level * np.sin(2 * np.pi * 440 / RATE * np.arange(count))
    samples[first : first + count] = tone
    return samples


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for label, start in (("yes", 0.1), ("no", 0.5), ("_silence_", 0.3)):
        (folder / "words" / label).mkdir(parents=True)
        for number in range(4):
            path = folder / "words" / label / f"{number:08x}_nohash_0.wav"
            write_wav(path, burst(0.02 * (number + 1), start, 0.3), RATE)
    rng = np.random.default_rng(0)
    for name, level in (("talk", 0.1), ("noise", 0.01)):
        (folder / name).mkdir()
        samples = rng.normal(0, level, 3 * RATE).astype(np.float32)
        write_wav(folder / name / "a.wav", samples, RATE)
    return folder


def made(data: Path, **settings: object) -> Stream:
    usual = {"name": "a", "clips": [{"folder": "words", "labels": ["yes", "no"]}]}
    return compose(parse(StreamConfig, {**usual, **settings}), data)


def test_clips_back_to_back_are_as_they_were_recorded(data: Path) -> None:
    stream = made(data, seed=4)
    assert len(stream.samples) == 8 * RATE
    assert sorted(word.label for word in stream.words) == ["no"] * 4 + ["yes"] * 4
    for second, word in enumerate(stream.words):
        spoken = second + (0.1 if word.label == "yes" else 0.5)
        assert word.start == pytest.approx(spoken, abs=0.021)  # by speech, not by borders
        assert word.end == pytest.approx(spoken + 0.3, abs=0.021)
    seconds = {part.tobytes() for part in stream.samples.reshape(8, RATE)}
    files = (data / "words").glob("[yn]*/*.wav")
    assert seconds == {read_audio(path, RATE).tobytes() for path in files}


def test_no_word_lies_where_its_clip_does(data: Path) -> None:
    (word,) = made(data, clips=[{"folder": "words", "labels": ["_silence_"], "count": 1}]).words
    assert (word.start, word.end) == (0.0, 1.0)


def test_levels_gaps_and_margins(data: Path) -> None:
    stream = made(data, margin_ms=20, gap_seconds=[0.25, 0.25], speech_dbfs=[-30, -30])
    for number, word in enumerate(stream.words):
        segment = 0.25 + 0.3 + 2 * 0.02
        assert word.start == pytest.approx(number * segment + 0.27, abs=0.021 * (number + 1))
        part = stream.samples[round((word.start + 0.03) * RATE) : round((word.end - 0.03) * RATE)]
        assert level_dbfs(part) == pytest.approx(-30, abs=0.3)
    assert level_dbfs(stream.samples[: round(0.2 * RATE)]) == -np.inf


def test_a_room_lets_words_ring_on_and_keeps_their_places(data: Path) -> None:
    usual = {"gap_seconds": [1, 1], "margin_ms": 0, "speech_dbfs": [-20, -20], "scene_seconds": 2}
    dry, wet = (made(data, rooms=share, **usual) for share in (0, 1))
    assert wet.words == dry.words
    assert len(wet.samples) == len(dry.samples)
    for word in dry.words[:-1]:
        after = slice(round((word.end + 0.02) * RATE), round((word.end + 0.1) * RATE))
        assert level_dbfs(dry.samples[after]) < -90
        assert -80 < level_dbfs(wet.samples[after]) < -20
    assert level_dbfs(wet.samples) == pytest.approx(level_dbfs(dry.samples), abs=0.2)


@given(snr=st.sampled_from([0.0, 10.0, 25.0]), level=st.floats(-45, -15), seed=st.integers(0, 9))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_noise_is_at_the_ratio(data: Path, snr: float, level: float, seed: int) -> None:
    noise = {"folder": "noise", "snr_db": [snr]}
    levels = {"speech_dbfs": [level, level], "scene_seconds": 2.0}
    stream = made(data, clips=[], noise=noise, least_seconds=4.0, seed=seed, **levels)
    assert stream.words == ()
    assert len(stream.samples) == 4 * RATE
    assert level_dbfs(stream.samples) == pytest.approx(level - snr, abs=0.5)


@given(
    config=st.fixed_dictionaries(
        {
            "seed": st.integers(0, 99),
            "margin_ms": st.none() | st.floats(0, 300),
            "gap_seconds": st.tuples(st.floats(0, 1), st.floats(1, 2)).map(list),
            "back_to_back": st.floats(0, 1),
            "scene_seconds": st.floats(0.2, 5),
            "speech_dbfs": st.none() | st.just([-30.0, -20.0]),
        }
    )
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_words_lie_in_the_stream_in_order(data: Path, config: dict[str, object]) -> None:
    stream = made(data, **config)
    assert len(stream.words) == 8
    ends = [0.0]
    for word in stream.words:
        assert ends[-1] <= word.start < word.end <= len(stream.samples) / RATE
        ends.append(word.end)
        middle = round((word.start + word.end) / 2 * RATE)
        assert level_dbfs(stream.samples[middle - 800 : middle + 800]) > -40


def test_the_command_makes_it_again_bit_for_bit(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "room.yaml"
    config.write_text(ROOM)
    for folder in ("one", "two"):
        result = training("data", "streams", config, "--data", data, "--output", tmp_path / folder)
        assert result.returncode == 0, result.stderr
        assert "6 words of " in result.stdout
    for name in ("room.wav", "room.labels.txt"):
        first = (tmp_path / "one" / name).read_bytes()
        assert first == (tmp_path / "two" / name).read_bytes()
    first_length = read_audio(tmp_path / "one" / "room.wav", RATE).size
    labels = [word.label for word in read_label_track(tmp_path / "one" / "room.labels.txt")]
    assert labels.count("_speech_") == 1
    config.write_text(ROOM.replace("seed: 3", "seed: 4"))
    assert len(compose(load(config, StreamConfig), data).samples) != first_length


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\n", "clips: expected clips, speech or least_seconds"),
        ("name: a/b\nleast_seconds: 1\n", "name: 'a/b' cannot name a file"),
        ("name: a\nclips: [{folder: words, cuont: 1}]\n", "clips[0].cuont: unknown, did you mean"),
        ("name: a\nclips: [{folder: words, part: test}]\n", "clips[0].part: found 'test'"),
        ("name: a\nclips: [{folder: words, count: -1}]\n", "clips[0].count: -1 is below 0"),
        ("name: a\nleast_seconds: 1\ngap_seconds: [2, 1]\n", "gap_seconds: [2.0, 1.0] is not a"),
        ("name: a\nleast_seconds: 1\ngap_seconds: [-1, 1]\n", "gap_seconds: -1.0 is below 0"),
        ("name: a\nleast_seconds: 1\nspeech_dbfs: [1]\n", "speech_dbfs: [1.0] is not a least"),
        ("name: a\nleast_seconds: 1\nseed: -1\n", "seed: -1 is below 0"),
        ("name: a\nleast_seconds: 1\nnoise: {folder: n, snr_db: []}\n", "noise.snr_db: expected"),
        ("name: a\nleast_seconds: 1\nnoise: {folder: n, snr_db: [1]}\n", "speech_dbfs: missing"),
        ("name: a\nspeech: [{folder: n, count: 0}]\n", "speech[0].count: 0 is not above 0"),
    ],
)
def test_faults_of_a_description(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "stream.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(path, StreamConfig)
    assert message in str(error.value)


def test_what_is_not_there(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="8 clips of the all part, the stream needs 9"):
        made(data, clips=[{"folder": "words", "labels": ["yes", "no"], "count": 9}])
    with pytest.raises(MissingFileError, match="no folder for bird"):
        made(data, clips=[{"folder": "words", "labels": ["bird"]}])
    with pytest.raises(MissingFileError, match="talks: no such folder"):
        made(data, speech=[{"folder": "talks", "count": 1}])
    config = tmp_path / "room.yaml"
    config.write_text(ROOM)
    result = training("data", "streams", config, "--data", tmp_path, "--output", tmp_path)
    assert (result.returncode, "Traceback" in result.stderr) == (66, False)


def test_streams_in_files_and_folders(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_wav(tmp_path / f"{name}.wav", np.zeros(100, np.float32), RATE)
    (tmp_path / "a.labels.txt").write_text("0\t1\tyes\n")
    (tmp_path / "b.txt").write_text("")
    found = find_streams([tmp_path])
    assert [(s.name, s.words is None) for s in found] == [("a", False), ("b", False), ("c", True)]
    with pytest.raises(DataError, match=r"c\.wav: no label track beside it \(c\.labels\.txt\)"):
        find_streams([tmp_path], labelled=True)
    with pytest.raises(DataError, match="is given twice"):
        find_streams([tmp_path, tmp_path / "a.wav"])


@pytest.mark.parametrize("path", BUNDLED, ids=lambda p: p.stem)
def test_the_bundled_descriptions(path: Path) -> None:
    assert load(path, StreamConfig).name == path.stem
