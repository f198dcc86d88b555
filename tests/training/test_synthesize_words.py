"""A wake phrase from text alone: the data set, its voices and parts, and what is refused."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from word_clips import training

from kws_edge.audio.files import read_audio
from kws_edge.audio.speech_level import measure_speech
from training.config import TrainingConfig
from training.data.clips import scan
from training.data.sources.near_words import near_phrases, near_words
from training.data.splits import find_leaks, official_part, split_clips
from training.networks.network import network
from training.release.model_config import load_model_plan
from training.release.own_model import PlanText, write_plan
from training.train.adapt import present, wake_config
from training.train.run import load_run

RATE = 16000
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("espeak-ng", "flite"))), reason="needs espeak-ng and flite"
)


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some words, near to "robot" and not."""
    pytest.importorskip("pocketsphinx", reason="needs pocketsphinx (pip install '.[align]')")
    path = tmp_path_factory.mktemp("dictionary") / "words"
    path.write_text("robots\nrobin\nrocket\nrabbit\nthey\nday\nmany\ntable\ncomputer\ngarden\n")
    return path


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory, dictionary: Path) -> Path:
    """Forty takes of "hey robot", and of other texts."""
    folder = tmp_path_factory.mktemp("takes") / "hey-robot"
    result = say(folder, dictionary, "Hey robot", "--count", 40)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{folder}: 80 new takes of hey-robot\n"
    return folder


def say(folder: Path, dictionary: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    chosen = ("--output", folder, "--dictionary", dictionary, "--no-neural")
    return training("synthesize-words", *arguments, *chosen)


def manifest(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_every_take_has_its_voice_in_the_manifest(takes: Path) -> None:
    lines = manifest(takes)
    clips = {f"{clip.label}/{clip.path.name}": clip for clip in scan(takes)}
    assert sorted(str(line["file"]) for line in lines) == sorted(clips)
    assert len(lines) == 80
    for line in lines:
        clip = clips[str(line["file"])]
        assert (line["voice"], line["part"]) == (clip.speaker, official_part(clip.speaker))
    assert len({line["voice"] for line in lines}) > 20
    assert {line["text"] for line in lines if line["label"] == "hey-robot"} == {"hey robot"}


def test_no_voice_is_in_two_parts(takes: Path) -> None:
    split = split_clips(scan(takes), "official")
    assert split.training
    assert split.validation
    assert not find_leaks(split)


def test_phrases_fit_into_the_window_and_are_cut_to_their_speech(takes: Path) -> None:
    for clip in scan(takes, ["hey-robot"]):
        samples = read_audio(clip.path, RATE)
        start, end = measure_speech(samples, RATE).bounds
        assert 0.3 < (end - start) / RATE <= 1.35
        assert len(samples) - (end - start) <= 0.25 * RATE


def test_other_texts_sound_alike_and_do_not_hold_the_phrase(takes: Path) -> None:
    others = {str(line["text"]) for line in manifest(takes) if line["label"] == "_unknown_"}
    assert {"robot", "hey", "hey robin"} <= others
    assert "hey robots" not in others
    assert near_words(["hey robot"], sorted(others), within=True).min() > 0


def test_an_interrupted_run_goes_on(takes: Path, dictionary: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shutil.copytree(takes, folder)
    lines = (folder / "manifest.jsonl").read_text().splitlines(keepends=True)
    (folder / "manifest.jsonl").write_text("".join(lines[:-3]))  # written, but not yet recorded
    (folder / json.loads(lines[0])["file"]).unlink()
    result = say(folder, dictionary, "hey robot", "--count", 40)
    assert result.stdout == f"{folder}: 4 new takes of hey-robot\n"
    assert {path.name: path.read_bytes() for path in folder.rglob("*.wav")} == {
        path.name: path.read_bytes() for path in takes.rglob("*.wav")
    }


def test_a_part_has_voices_of_its_own(dictionary: Path, tmp_path: Path) -> None:
    say(tmp_path / "own", dictionary, "hey robot", "--count", 5, "--part", "validation")
    assert {official_part(clip.speaker) for clip in scan(tmp_path / "own")} == {"validation"}


def test_near_phrases_leave_out_what_a_person_may_mean_by_it(dictionary: Path) -> None:
    texts = near_phrases("hey robot", dictionary.read_text().split(), 8)
    assert texts[:2] == ["hey", "robot"]
    assert "they robot" not in texts  # one phoneme of seven differs
    assert "hey robin" in texts


@pytest.mark.parametrize("phrase", ["", " ", "42", "hey ../robot", "hey\x1b[2Jrobot"])
def test_what_is_no_phrase_is_a_usage_error(phrase: str, dictionary: Path, tmp_path: Path) -> None:
    result = say(tmp_path / "own", dictionary, phrase)
    assert result.returncode == 2
    assert "is no phrase" in result.stderr
    assert "\x1b" not in result.stderr
    assert not (tmp_path / "own").exists()


def test_no_voice_says_what_to_install(
    dictionary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = say(tmp_path / "own", dictionary, "hey robot")
    assert result.returncode == 66
    assert result.stderr.strip().startswith(
        "python -m training: no voice is installed: apt install espeak-ng flite"
    )


def test_a_phrase_that_nobody_can_say(
    dictionary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "espeak-ng").symlink_to(str(shutil.which("espeak-ng")))  # and no flite
    monkeypatch.setenv("PATH", str(tmp_path))
    result = say(tmp_path / "own", dictionary, "hey zorblax")
    assert result.returncode == 65
    assert "neither the dictionary nor flite says how it sounds" in result.stderr
    assert not (tmp_path / "own").exists()


def test_a_phrase_that_is_too_long(dictionary: Path, tmp_path: Path) -> None:
    phrase = "internationalization of multidimensional representations"
    result = say(tmp_path / "own", dictionary, phrase, "--count", 1)
    assert result.returncode == 65
    assert "1.3 s is the longest; choose two to four syllables" in result.stderr


def test_a_folder_that_cannot_be_written(dictionary: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = say(tmp_path / "file" / "own", dictionary, "hey robot", "--count", 1)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"python -m training: {tmp_path}/file/own/hey-robot: cannot be written: Not a directory"
    )
    assert "Traceback" not in result.stderr


def test_a_folder_without_voices(dictionary: Path, tmp_path: Path) -> None:
    result = say(tmp_path / "own", dictionary, "hey robot", "--voices", tmp_path)
    assert result.returncode == 66
    assert f"{tmp_path}: no voices" in result.stderr


BASE = Path(__file__).parents[2] / "models" / "small-int8" / "run"


@pytest.fixture(scope="module")
def config(takes: Path) -> TrainingConfig:
    return wake_config(load_run(BASE), takes, "hey-robot")


def test_a_phrase_is_divided_by_voice_among_other_speech(config: TrainingConfig) -> None:
    own = config.data.sources[-1]
    assert (own.split, config.data.words) == ("official", ("hey-robot",))
    assert config.features.window_ms == 1500
    assert Path("librispeech") in config.data.speech


def test_the_plan_measures_voices_of_the_testing_part(
    config: TrainingConfig, takes: Path, tmp_path: Path
) -> None:
    found, missing = present(config, tmp_path)
    assert len(missing) == 8  # every folder of the base: the takes alone will do
    write_plan(found, tmp_path, tmp_path / "hey-robot", PlanText("a phrase", "none"), takes)
    streams = load_model_plan(tmp_path / "hey-robot").streams
    parts = {name: [clips.part for clips in stream.clips] for name, stream in streams.items()}
    assert parts == {"choose": ["validation"], "new-voices": ["testing"]}


def test_a_longer_window_begins_with_the_weights_of_a_shorter_one(config: TrainingConfig) -> None:
    base, model = load_run(BASE), network(config)
    base.initialise(model, config.labels)
    old, new = (
        [layer.get_weights() for layer in net.layers if layer.get_weights()]
        for net in (base.network(), model)
    )
    assert model.input_shape[1] > base.network().input_shape[1]
    for before, after in zip(old[:-1], new[:-1], strict=True):
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)
