"""Training windows: how much of a word is in them, and what they are called."""

import collections
from pathlib import Path

import numpy as np
import pytest
from conftest import noise
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.audio.files import write_wav
from training.data.augmentation import RATE
from training.data.augmentation.effects import AugmentationConfig, Effects
from training.data.catalogue import Occurrence
from training.data.clips import Clip
from training.data.windows import LARGEST_PART, SILENCE, UNKNOWN
from training.data.windows.maker import SourcePool, WindowConfig, WindowMaker
from training.data.windows.non_keywords import KINDS, UnknownMix, draw_silence
from training.data.windows.placement import add_after, add_before, place_part, place_whole
from training.data.windows.sentences import CONTEXT, words_in_sentences
from training.data.windows.words import Word, load_words

SPEECH = 6000  # samples of the word in `clip`
PLAIN = AugmentationConfig(
    speed=0,
    rooms=0,
    room_share=0,
    noise_share=0,
    tilt_share=0,
    narrow_share=0,
    codec_share=0,
    clip_share=0,
)


def clip(folder: Path, label: str, number: int = 0) -> Clip:
    """A recording of one second, its word in the middle."""
    samples = noise(RATE, number) * np.float32(0.001)
    samples[5000 : 5000 + SPEECH] += noise(SPEECH, number) * np.float32(2)
    path = folder / f"{label}-{number}.wav"
    write_wav(path, samples, RATE)
    return Clip(path, label, str(number))


def word(length: int = SPEECH, margin: int = 2000, label: str = "yes") -> Word:
    """Ones where the word is and nothing around it: what is added shows where it went."""
    samples = np.zeros(length + 2 * margin, np.float32)
    samples[margin : margin + length] = 1
    return Word(samples, label, margin, margin + length, 0.0)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_words_are_found_in_their_clips(tmp_path: Path) -> None:
    words = load_words([clip(tmp_path, "yes"), clip(tmp_path, "no", 1)])
    assert [w.label for w in words] == ["yes", "no"]
    for found in words:
        assert found.first == pytest.approx(5000, abs=330)  # a frame of 20 ms
        assert found.last == pytest.approx(5000 + SPEECH, abs=330)
        assert found.samples.dtype == np.float32
        assert len(found.speech) == found.last - found.first


def test_speed_and_direction_move_the_word() -> None:
    faster = word().faster(1.25)
    assert (faster.first, faster.last) == (1600, 6400)
    backwards = word(margin=500).backwards()
    assert np.array_equal(backwards.speech, np.ones(SPEECH))


@settings(deadline=None)
@given(st.integers(500, 20000), st.integers(0, 4000), st.integers(0, 2**32))
def test_a_whole_word_is_all_inside(length: int, margin: int, seed: int) -> None:
    window = np.zeros(RATE, np.float32)
    begin, end = place_whole(window, word(length, margin), random(seed))
    assert end - begin == length
    if length <= RATE:
        assert begin >= 0
        assert end <= RATE
        assert window.sum() > length - 161  # all but the soft edges


@settings(deadline=None)
@given(st.integers(500, 20000), st.floats(0, 0.5), st.integers(0, 2**32))
def test_what_has_left_the_window_is_the_word_s_beginning(
    length: int, max_onset_truncation: float, seed: int
) -> None:
    window = np.zeros(RATE, np.float32)
    begin, end = place_whole(window, word(length), random(seed), max_onset_truncation)
    assert end - begin == length
    if length < RATE:
        assert -max_onset_truncation * length - 1 <= begin
        assert end <= RATE


@settings(deadline=None)
@given(st.integers(500, 20000), st.integers(0, 4000), st.integers(0, 2**32))
def test_of_a_part_less_than_half_is_inside(length: int, margin: int, seed: int) -> None:
    window = np.zeros(RATE, np.float32)
    begin, end = place_part(window, word(length, margin), random(seed))
    assert 0 < window.sum() <= LARGEST_PART * length + 1
    assert (begin < 0) != (end > RATE)


@settings(deadline=None)
@given(st.integers(0, RATE), st.integers(500, 12000), st.integers(0, 2**32))
def test_neighbours_keep_their_distance(place: int, length: int, seed: int) -> None:
    before, after = np.zeros(RATE, np.float32), np.zeros(RATE, np.float32)
    add_before(before, word(length), place, LARGEST_PART, random(seed))
    add_after(after, word(length), place, LARGEST_PART, random(seed))
    assert not before[max(0, place - 480) :].any()
    assert not after[: place + 480].any()
    for window in (before, after):
        assert window.sum() <= LARGEST_PART * length + 1


def test_every_kind_of_silence_comes() -> None:
    drawn = [draw_silence(RATE, [noise(3 * RATE)], random(seed)) for seed in range(200)]
    counted = collections.Counter(kind for kind, _ in drawn)
    assert counted.keys() == KINDS.keys()
    assert counted["background"] > counted["zeros"]
    assert not any(window.any() for kind, window in drawn if kind == "zeros")
    faint = [np.abs(window).max() for kind, window in drawn if kind == "faint"]
    assert 0 < max(faint) <= 2 / 32768


def sentences(tmp_path: Path) -> list[Occurrence]:
    """Three sentences of three words, each word a stretch of constant level of its own."""
    said = []
    for number, words in enumerate((("up", "of", "cat"), ("cat", "dog", "off"), ("yes", "a", "b"))):
        path = tmp_path / f"{number}-1-0000.wav"
        levels = np.repeat([0.1, 0.2, 0.3], 2 * RATE)
        write_wav(path, (levels * np.sign(noise(6 * RATE))).astype(np.float32), RATE)
        distances = {"up": 0, "yes": 0, "of": 1, "off": 1}
        said += [
            Occurrence(path, word, str(number), 2.0 * n, 2.0 * n + 1, distances.get(word, 4))
            for n, word in enumerate(words)
        ]
    return said


def test_words_of_sentences_keep_what_is_said_around_them(tmp_path: Path) -> None:
    keywords, others = words_in_sentences(sentences(tmp_path), ("up", "yes"), UNKNOWN)
    assert [word.label for word in keywords] == ["up", "yes"]
    assert {word.label for word in others} == {UNKNOWN}
    # "of" and "a" have a keyword a second away: a window may hold both
    assert sorted(others.by_label) == ["b", "cat", "dog", "off"]
    up = keywords[0]
    assert (up.first, up.last) == (0, RATE)
    assert len(up.samples) == RATE + CONTEXT
    assert np.abs(up.speech).max() == pytest.approx(0.1, abs=0.001)
    assert up.level_dbfs == pytest.approx(-20, abs=0.1)
    dog = next(word for word in others if word.level_dbfs == pytest.approx(-14, abs=0.1))
    assert (dog.first, dog.last) == (CONTEXT, CONTEXT + RATE)
    assert np.abs(dog.samples[:1000]).max() == pytest.approx(0.1, abs=0.001)  # before it: cat


def test_words_that_sound_like_a_keyword_come_more_often(tmp_path: Path) -> None:
    _, others = words_in_sentences(sentences(tmp_path), ("up", "yes"), UNKNOWN)
    levels = [others.any(random(n)).level_dbfs for n in range(400)]
    ends = sum(level == pytest.approx(-10.5, abs=0.2) for level in levels)  # off, b and one cat
    assert 280 < ends < 370  # (4 + 1 + 0.5) of 7


def maker(tmp_path: Path, config: WindowConfig, others: int = 4) -> WindowMaker:
    said = words_in_sentences(sentences(tmp_path), ("up", "yes"), UNKNOWN)
    material = SourcePool(
        load_words([clip(tmp_path, label, n) for n in range(8) for label in ("yes", "no")]),
        load_words([clip(tmp_path, "cat", n) for n in range(others)], called=UNKNOWN),
        [noise(3 * RATE)],
        load_words([clip(tmp_path, "speech")], measured=False),
        load_words([clip(tmp_path, "mined")], measured=False),
        *said,
    )
    return WindowMaker(config, material, Effects(PLAIN, material.noises), RATE)


def test_an_epoch_has_each_keyword_once_and_the_shares_asked_for(tmp_path: Path) -> None:
    plan = maker(tmp_path, WindowConfig(unknown_share=0.4, silence_share=0.1)).plan(random())
    assert sorted(item for item in plan if isinstance(item, int)) == list(range(16))
    assert plan.count(UNKNOWN) == round(0.4 * len(plan))
    assert plan.count(SILENCE) == round(0.1 * len(plan))
    assert plan[:16] != list(range(16))


def test_words_come_evenly_however_many_clips_they_have(tmp_path: Path) -> None:
    clips = [clip(tmp_path, "yes", n) for n in range(9)] + [clip(tmp_path, "no", n) for n in (0, 1)]
    nothing = load_words([])
    material = SourcePool(load_words(clips), nothing, [], nothing)
    made = WindowMaker(WindowConfig(), material, Effects(PLAIN, []), RATE)
    drawn = [int(item) for item in made.plan(random()) if isinstance(item, int)]
    assert sorted(drawn.count(index) for index in range(9)) == [0, 0, 0] + [1] * 6  # of yes
    assert drawn.count(9) + drawn.count(10) == 6
    labels = collections.Counter(material.keywords.any(random(n)).label for n in range(400))
    assert 160 < labels["no"] < 240


def test_weights_say_which_other_words_come(tmp_path: Path) -> None:
    clips = [clip(tmp_path, label) for label in ("cat", "off", "on")]
    words = load_words(clips, weights={"off": 6, "on": 0})
    drawn = collections.Counter(words.any(random(n)).label for n in range(400))
    assert 300 < drawn["off"] < 385
    assert "on" not in drawn


def test_words_that_were_kept_are_the_same(tmp_path: Path) -> None:
    clips = [clip(tmp_path, "yes"), clip(tmp_path, "no", 1)]
    fresh = load_words(clips)
    for words in (load_words(clips, tmp_path / "cache"), load_words(clips, tmp_path / "cache")):
        for one, other in zip(fresh, words, strict=True):
            assert np.array_equal(one.samples, other.samples)
            assert (one.label, one.first, one.last) == (other.label, other.first, other.last)
            assert one.level_dbfs == other.level_dbfs


def test_windows_are_called_what_they_hold(tmp_path: Path) -> None:
    made = maker(tmp_path, WindowConfig(sentence_share=0))
    for item, label in ((0, "yes"), (1, "no"), (UNKNOWN, UNKNOWN), (SILENCE, SILENCE)):
        window, found, _ = made.draw(item, random())
        assert found == label
        assert window.shape == (RATE,)
        assert window.dtype == np.float32
        assert np.array_equal(window, made.draw(item, random())[0])  # by its seed


@pytest.mark.parametrize("kind", [*vars(UnknownMix())])
def test_every_kind_of_unknown_speech_can_be_had_alone(tmp_path: Path, kind: str) -> None:
    shares = dict.fromkeys(vars(UnknownMix()), 0.0)
    made = maker(tmp_path, WindowConfig(unknown=UnknownMix(**{**shares, kind: 1.0})))
    drawn = [made.draw(UNKNOWN, random(seed)) for seed in range(20)]
    assert {found.split(",")[0] for _, _, found in drawn} == {kind}
    assert all(window.any() for window, _, _ in drawn)


def test_keywords_come_from_sentences_too(tmp_path: Path) -> None:
    made = maker(tmp_path, WindowConfig(sentence_share=1))
    drawn = [made.draw(0, random(seed))[1:] for seed in range(20)]
    assert {kind for _, kind in drawn} == {"keyword in a sentence"}
    assert {label for label, _ in drawn} == {"up", "yes"}


def test_without_other_words_and_speech_there_are_parts(tmp_path: Path) -> None:
    made = maker(tmp_path, WindowConfig(), others=0)
    kinds = {made.draw(UNKNOWN, random(seed))[2].split(",")[0] for seed in range(60)}
    assert {"parts", "backwards"} <= kinds
    assert not kinds & {"words", "spliced"}
