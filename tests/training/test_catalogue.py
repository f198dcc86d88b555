"""Sets beside a configuration's own clips: each recording once, none of a testing speaker."""

import dataclasses
import hashlib
from itertools import count
from pathlib import Path

import pytest
from conftest import noise
from word_clips import training

from kws_edge.audio.files import write_wav
from kws_edge.errors import DataError, MissingFileError
from kws_edge.features.config import FeatureConfig
from training.config import DataConfig, SourceConfig, TrainingConfig
from training.data.catalogue import SetConfig, content_digests, read_sets
from training.data.clips import scan, speaker_of
from training.data.material import find_recordings
from training.data.splits import official_part
from training.data.windows.maker import WindowConfig

WORDS = ("no", "up")


def speakers(part: str) -> list[str]:
    """Three ids that hash to ``part``."""
    ids = (f"{number:08x}" for number in count())
    found = (speaker for speaker in ids if official_part(speaker) == part)
    return [next(found) for _ in range(3)]


def clip(folder: Path, label: str, name: str, seed: int) -> Path:
    path = folder / label / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, noise(8000, seed), 16000)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """``own`` clips of both parts, ``more`` of the same kind, and a ``test`` set."""
    for number, part in enumerate(("training", "validation")):
        for word in WORDS:
            clip(tmp_path / "own", word, f"{speakers(part)[0]}_nohash_0", seed=10 * number)
    return tmp_path


def test_a_recording_is_taken_once_and_never_from_a_testing_speaker(data: Path) -> None:
    ann, bob, cyd = speakers("training")
    tester = speakers("testing")[0]
    clip(data / "own", "no", f"{ann}_nohash_7", seed=1)
    clip(data / "more", "no", f"{bob}_nohash_0", seed=2)
    clip(data / "more", "no", f"{ann}_nohash_0", seed=1)  # of the own clips, by another name
    clip(data / "more", "bed", f"{cyd}_nohash_a1b2c3", seed=2)  # by another word
    clip(data / "more", "up", f"{tester}_nohash_0", seed=3)
    clip(data / "more", "up", f"{cyd}_nohash_1", seed=3)  # a testing speaker's
    clip(data / "more", "up", f"{cyd}_nohash_2", seed=4)  # of the test set
    clip(data / "more", "cat", f"{bob}_nohash_9", seed=5)
    clip(data / "more", "cat", f"{cyd}_nohash_9", seed=6)  # on the list of testing clips
    (data / "more/testing_list.txt").write_text(f"cat/{cyd}_nohash_9.wav\n")
    clip(data / "test", "x", "anything", seed=4)
    sets = [SetConfig(Path("more")), SetConfig(Path("test"), "withheld")]
    found = read_sets(sets, data, WORDS, known=scan(data / "own"))
    taken = {entry.clip.key for entry in found.entries}
    # bed comes before no
    assert taken == {f"bed/{cyd}_nohash_a1b2c3.wav", f"cat/{bob}_nohash_9.wav"}
    assert {entry.clip.speaker for entry in found.entries} == {bob, cyd}
    assert found.left_out["more"] == {
        "the same recording as another": 2,
        "of a testing speaker or withheld": 4,
    }
    assert len({entry.key for entry in found.entries}) == 2
    assert all(entry.key.startswith("more/") for entry in found.entries)


def test_every_fifth_speaker_is_for_validation(data: Path) -> None:
    names = [f"{n:08x}_01" for n in range(11)] + ["00000005_02"]
    for seed, name in enumerate(names):
        clip(data / "dsp", "open", name, seed)
    found = read_sets([SetConfig(Path("dsp"), split="fifth")], data, WORDS)
    held = {entry.clip.speaker for entry in found.entries if entry.part == "validation"}
    assert held == {"00000000", "00000005", "0000000a"}
    assert len(found.clips("validation")) == 4
    assert len(found.clips("training")) == 8


def test_a_speaker_in_two_parts_is_refused(data: Path) -> None:
    ann = speakers("training")[0]
    clip(data / "a", "no", f"{ann}_nohash_0", seed=1)
    clip(data / "b", "no", f"{ann}_nohash_0", seed=2)
    sets = [SetConfig(Path("a")), SetConfig(Path("b"), split="validation")]
    with pytest.raises(DataError, match=f"speaker {ann} is for training in a and validation in b"):
        read_sets(sets, data, WORDS)


def write_sentences(folder: Path) -> None:
    """Six readers; the first says no, the second know, the others off."""
    lines = ["file\tword\tstart_s\tend_s\tspeaker"]
    for reader in range(1, 7):
        file = f"{reader}/{reader}-1-0000.wav"
        clip(folder, str(reader), f"{reader}-1-0000", seed=reader)
        word = {1: "no", 2: "know"}.get(reader, "off")
        lines += [f"{file}\t{word}\t0.1\t0.3\t{reader}", f"{file}\televen\t0.3\t0.5\t{reader}"]
    (folder / "alignment.tsv").write_text("\n".join(lines) + "\n")
    clip(folder, "9", "9-1-0000", seed=99)  # not in the table


def test_sentences_give_keywords_near_words_and_speech(data: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="needs pocketsphinx (pip install '.[align]')")
    write_sentences(data / "book")
    config = TrainingConfig(
        name="x",
        features=FeatureConfig("log_mel"),
        data=DataConfig(sources=(SourceConfig(Path("own"), allow_leaks=True),), words=WORDS),
        windows=WindowConfig(),
    )
    without = find_recordings(config, data)
    sets = (SetConfig(Path("book"), "sentences", "fifth"),)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, sets=sets))
    found = find_recordings(config, data, cache=data / "cache")
    assert without.training.occurrences == without.validation.occurrences == ()
    words = [(w.word, w.speaker, w.distance) for w in found.training.occurrences]
    assert words[:2] == [("know", "2", 0), ("eleven", "2", 5)]
    assert words[2:4] == [("off", "3", 2), ("eleven", "3", 5)]
    assert {w.speaker for w in found.validation.occurrences} == {"1", "6"}
    # neither the keyword nor what sounds like it is running speech without keywords
    assert [path.name for path in found.training.speech] == [f"{n}-1-0000.wav" for n in (3, 4, 5)]
    assert [path.name for path in found.validation.speech] == ["6-1-0000.wav"]
    assert found.fingerprint() != without.fingerprint()
    left_out = read_sets(sets, data, WORDS).left_out["book"]
    assert left_out == {"not aligned": 1}


def test_contents_are_read_again_only_where_a_file_changed(tmp_path: Path) -> None:
    first, second = (clip(tmp_path, "no", name, seed=1) for name in ("a", "b"))
    digests = content_digests([first, second], tmp_path / "cache")
    assert digests[first] == digests[second]
    # a false entry shows that the table is used
    table = tmp_path / "cache/contents.json"
    table.write_text(table.read_text().replace(digests[first], "known"))
    assert content_digests([first], tmp_path / "cache") == {first: "known"}
    clip(tmp_path, "no", "a", seed=2)
    assert content_digests([first], tmp_path / "cache")[first] not in ("known", digests[first])
    table.write_text("{")
    assert content_digests([second], tmp_path / "cache")[second] == digests[second]
    with pytest.raises(MissingFileError, match=r"c\.wav: No such file"):
        content_digests([tmp_path / "c.wav"])


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("00176480_nohash_a9f4e2.wav", "00176480"),
        ("00e75e88_01.wav", "00e75e88"),
        ("1088-134315-0000.flac", "1088"),
        ("12-34.wav", "12-34"),
    ],
)
def test_speakers_of_sets(name: str, speaker: str) -> None:
    assert speaker_of(Path(name)) == speaker


def test_the_command_counts_and_lists(data: Path) -> None:
    config = data / "sets.yaml"
    config.write_text('words: ["no", up]\nsets:\n  - {folder: own}\n')
    result = training("data", "catalogue", config, "--data", data, "--output", data / "out.csv")
    assert result.returncode == 0, result.stderr
    counts = [line.split() for line in result.stdout.splitlines()]
    # "no" and "up" of a speaker are the same noise
    assert counts[:2] == [["own", "training", "1"], ["own", "validation", "1"]]
    assert "the same recording as another" in result.stdout
    assert len((data / "out.csv").read_text().splitlines()) == 3


def test_clones_become_clips(tmp_path: Path) -> None:
    clone = tmp_path / "clone/speech_data/15300000001"
    for name, seed in [("00-01", 1), ("12-20", 2), ("19-03", 1)]:
        clone.mkdir(parents=True, exist_ok=True)
        write_wav(clone / f"15300000001-{name}.wav", noise(4000, seed), 8000)
    write_wav(clone / "15300000001-01-01.wav", noise(4000) * 0.001, 16000)  # silent
    write_wav(clone / "15300000001-77-01.wav", noise(4000, 5), 16000)  # no word of that number
    result = training("data", "convert", "dsp_speech", tmp_path / "clone", tmp_path / "dsp")
    assert result.returncode == 0, result.stderr
    clips = scan(tmp_path / "dsp")
    speaker = hashlib.sha1(b"15300000001", usedforsecurity=False).hexdigest()[:8]
    assert [c.key for c in clips] == [f"speech/{speaker}_20.wav", f"zh_shuzi/{speaker}_01.wav"]
    assert {c.speaker for c in clips} == {speaker}
    again = training("data", "convert", "spelled", tmp_path / "clone", tmp_path / "letters")
    assert again.returncode == 65
    assert "no clone of https://github.com/Sakshee5" in again.stderr
