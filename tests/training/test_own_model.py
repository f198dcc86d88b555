"""What ``adapt --build`` makes of takes and of recordings that are not there, before it trains."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from window_world import CONFIG, write_recordings

from kws_edge.audio.files import write_wav
from kws_edge.config.schema import parse
from kws_edge.errors import ConfigError, MissingFileError
from training.config import TrainingConfig
from training.data.clips import scan
from training.evaluation.streams.compose import draw_clips
from training.evaluation.streams.stream_config import ClipSourceConfig
from training.train.adapt import adapted_config, present
from training.train.run import Run

RATE = 16000
BASE = parse(TrainingConfig, CONFIG)


def take(folder: Path, label: str, number: int, hertz: float) -> None:
    """A tone of 0.4 s as ``kws-edge record`` saves a word."""
    time = np.arange(RATE) / RATE
    inside = np.abs(time - 0.5) < 0.2
    noise = np.random.default_rng(number).normal(0, 0.001, RATE)
    samples = 0.3 * inside * np.sin(2 * np.pi * (hertz + 10 * number) * time) + noise
    (folder / label).mkdir(parents=True, exist_ok=True)
    name = f"ann-20260101T0000{number:02}Z-{number}.wav"
    write_wav(folder / label / name, samples.astype(np.float32), RATE)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Public tones in ``data``, five takes of a new word and of another sound in ``own``."""
    write_recordings(tmp_path / "data")
    for number in range(1, 6):
        take(tmp_path / "own", "chirp", number, 1600)
        take(tmp_path / "own", "_unknown_", number, 3600)
    return tmp_path


def test_takes_of_other_sounds_alone_will_do(world: Path) -> None:
    shutil.rmtree(world / "own" / "chirp")
    start = Run(world / "base", BASE)
    config = adapted_config(start, world / "own", "own", only=False)
    assert config.data.words == ("high", "low")
    assert config.windows
    assert config.windows.word_weights["_unknown_"] == 4
    with pytest.raises(ConfigError, match="too few takes of any word"):
        adapted_config(start, world / "own", "own", only=True)


def test_one_take_of_a_known_word_is_enough(world: Path) -> None:
    shutil.rmtree(world / "own" / "chirp")
    take(world / "own", "high", 1, 2500)
    start = Run(world / "base", BASE)
    assert adapted_config(start, world / "own", "own", only=False).data.words == ("high", "low")


def test_what_is_not_there_is_named_with_its_cost(world: Path) -> None:
    start = Run(world / "base", BASE)
    config = adapted_config(start, world / "own", "own", only=False)
    assert present(config, world / "data") == (config, [])
    shutil.rmtree(world / "data" / "noise")
    kept, missing = present(config, world / "data")
    assert kept == replace(config, data=replace(config.data, noise=()))
    (line,) = missing
    assert line.startswith(f"{world / 'data' / 'noise'} is not there: no noise of a room")
    shutil.rmtree(world / "data" / "clips")
    with pytest.raises(MissingFileError, match=r"no clips of high, low, .* data fetch .*--only"):
        present(config, world / "data")


def test_all_of_speech_commands_stands_for_its_parts(world: Path) -> None:
    folders = {"sources": [{"folder": "mini_speech_commands"}], "noise": ["background_noise"]}
    base = parse(TrainingConfig, {**CONFIG, "data": {**CONFIG["data"], **folders}})
    config = adapted_config(Run(world / "base", base), world / "own", "own", only=False)
    shutil.move(world / "data" / "clips", world / "data" / "speech_commands")
    shutil.move(world / "data" / "noise", world / "data" / "speech_commands/_background_noise_")
    kept, missing = present(config, world / "data")
    assert kept.data.sources[0].folder == Path("speech_commands")
    assert kept.data.noise == (Path("speech_commands/_background_noise_"),)
    assert not missing
    assert "_background_noise_" not in {clip.label for clip in scan(world / "data/speech_commands")}


def test_a_second_adaptation_counts_the_recordings_once(world: Path) -> None:
    first = adapted_config(Run(world / "base", BASE), world / "own", "own", only=False)
    second = adapted_config(Run(world / "own-run", first), world / "own", "own", only=False)
    assert second.data.sources == first.data.sources


def test_a_stream_of_takes_that_were_held_back(world: Path) -> None:
    config = ClipSourceConfig(str(world / "own"), "held-back")
    drawn = draw_clips(config, world / "data", np.random.default_rng(0))
    assert [clip.path.stem[-1] for clip in drawn] == ["5", "5"]
    assert {clip.label for clip in scan(world / "own")} == {"chirp", "_unknown_"}
