"""Sentences and their words: texts, alignment by pocketsphinx, near words."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import noise
from word_clips import training

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.errors import DataError
from training.data.sources.near_words import near_words, pronounce
from training.data.sources.sentences import read_alignment, read_transcripts, words_of
from training.data.sources.synthetic import speak

RATE = 16000
TEXT = "the brown dog said no to seven green apples"


def need_pocketsphinx() -> None:
    pytest.importorskip("pocketsphinx", reason="needs pocketsphinx (pip install '.[align]')")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sentences of flite's voices, the words of one of which are in no dictionary."""
    need_pocketsphinx()
    if subprocess.run(["which", "flite"], capture_output=True, check=False).returncode:
        pytest.skip("needs flite")
    folder = tmp_path / "book"
    texts = {"7-1-0000": TEXT, "7-1-0001": "we go up the hill", "8-2-0000": "zorbgrack said yes"}
    for name, text in texts.items():
        chapter = folder / name[:1] / name[2:3]
        chapter.mkdir(parents=True, exist_ok=True)
        speak("rms", text, 150, 50, chapter / f"{name}.wav")
        with (chapter / f"{name[:3]}.trans.txt").open("a") as file:
            file.write(f"{name} {text.upper()}\n")
    return folder


def test_words_are_where_they_are_said(folder: Path) -> None:
    """In their order, and none in the pauses before and after."""
    path = folder / "7/1/7-1-0000.wav"
    spoken = read_audio(path, RATE)
    pause = np.zeros(RATE, np.float32)
    write_wav(path, np.concatenate([pause, spoken, pause]), RATE)
    result = training("data", "align", folder, "--processes", "1")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{folder}/alignment.tsv: 17 words in 3 sentences\n"
    sentence = read_alignment(folder / "alignment.tsv")[0]
    assert (sentence.file, sentence.speaker) == ("7/1/7-1-0000.wav", "7")
    assert " ".join(word.word for word in sentence.words) == TEXT
    ends = [word.end_s for word in sentence.words]
    assert all(word.start_s >= end for word, end in zip(sentence.words[1:], ends, strict=False))
    assert sentence.words[0].start_s == pytest.approx(1.0, abs=0.25)
    assert ends[-1] == pytest.approx(1 + len(spoken) / RATE, abs=0.25)
    lengths = {word.word: word.end_s - word.start_s for word in sentence.words}
    assert lengths["the"] < 0.3 < lengths["seven"] < 0.7
    assert lengths["apples"] > 0.3


def test_a_killed_run_goes_on_and_leaves_no_process(folder: Path) -> None:
    for number in range(2, 20):
        name = f"7-1-{number:04d}"
        write_wav(folder / f"7/1/{name}.wav", read_audio(folder / "7/1/7-1-0000.wav", RATE), RATE)
        with (folder / "7/1/7-1.trans.txt").open("a") as file:
            file.write(f"{name} {TEXT.upper()}\n")
    command = [sys.executable, "-m", "training", "data", "align", str(folder)]
    process = subprocess.Popen(command, start_new_session=True)
    part = folder / "alignment.tsv.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.read_text().count("apples") >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    while _group_lives(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # a line that the kill broke off, and a mark by which a sentence of the first run is known
    lines = part.read_text().splitlines()
    name, word, _, *rest = lines[1].split("\t")
    lines[1] = "\t".join([name, word, "0.001", *rest])
    part.write_text("\n".join(lines[:-1]) + "\n")
    result = training("data", "align", folder, "--processes", "1")
    assert result.returncode == 0, result.stderr
    assert "in 21 sentences" in result.stdout
    assert not part.exists()
    table = folder / "alignment.tsv"
    assert lines[1] in table.read_text()
    assert training("data", "align", folder).stdout == result.stdout


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_cannot_be_aligned_is_left_out_and_named(tmp_path: Path) -> None:
    need_pocketsphinx()
    rows = [
        ("missing.wav", "hello there"),
        ("digits.wav", "Room 101"),
        ("long.wav", "a very long silence"),
        ("short.wav", " ".join(["extraordinary"] * 30)),
    ]
    write_wav(tmp_path / "digits.wav", noise(RATE), RATE)
    write_wav(tmp_path / "long.wav", noise(61 * RATE), RATE)
    write_wav(tmp_path / "short.wav", noise(RATE), RATE)
    lines = [f"{file}\tann\t{text}\n" for file, text in rows]
    (tmp_path / "transcripts.tsv").write_text("file\tspeaker\ttext\n" + "".join(lines))
    result = training("data", "align", tmp_path, "--processes", "1")
    assert result.returncode == 0
    assert "0 words in 0 sentences" in result.stdout
    for file, reason in [
        ("missing.wav", "No such file"),
        ("digits.wav", "digits"),
        ("long.wav", "61 s, more than 60 s"),
        ("short.wav", "its text does not fit"),
    ]:
        assert any(file in line and reason in line for line in result.stderr.splitlines()), file


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file\tspeaker\n", "has no column text"),
        ("file\tspeaker\ttext\n../a.wav\tann\thi\n", "'../a.wav' is not a path within"),
        ("file\tspeaker\ttext\na.wav\tann\n", "line 2 has fewer than 3 columns"),
        (b"\xff\xfe", "is not text in UTF-8"),
    ],
)
def test_faults_of_transcripts(table: str | bytes, message: str, tmp_path: Path) -> None:
    content = table if isinstance(table, bytes) else table.encode()
    (tmp_path / "transcripts.tsv").write_bytes(content)
    with pytest.raises(DataError, match=message.replace(".", r"\.")):
        read_transcripts(tmp_path)


@pytest.mark.parametrize("places", ["0.5\t0.5", "-1\t2", "0\tnan", "0\tinf", "zero\t1"])
def test_faults_of_an_alignment(places: str, tmp_path: Path) -> None:
    table = tmp_path / "alignment.tsv"
    table.write_text(f"file\tword\tstart_s\tend_s\tspeaker\na.wav\tno\t{places}\tann\n")
    with pytest.raises(DataError, match=r"alignment\.tsv: 'a\.wav'"):
        read_alignment(table)


def test_words_of_a_text() -> None:
    assert words_of('"Don\'t!" she said - twice.') == ("don't", "she", "said", "twice")
    assert words_of("route 66") == words_of("naïve") == words_of("") == ()


def test_near_words() -> None:
    need_pocketsphinx()
    words = ["know", "cup", "off", "nobody", "elephant", "write"]
    keywords = ["no", "up", "right"]
    distances = near_words(keywords, words)
    assert distances.shape == (6, 3)
    assert distances[:, 0].tolist()[0] == 0  # know: no
    assert distances[1, 1] == 1  # cup: up
    assert distances[2, 1] == 2  # off: up, by its other vowel
    assert distances[5, 2] == 0  # write: right
    assert distances[4].min() >= 4
    assert near_words(keywords, words, within=True)[3, 0] == 0  # nobody begins with no
    assert distances[3, 0] == 4


def test_flite_says_what_the_dictionary_lacks(folder: Path) -> None:
    assert "G" in pronounce(["zorbgrack"])["zorbgrack"][0]
    assert near_words(["zorbgrack"], ["zorbgrack"])[0, 0] == 0


def test_a_keyword_that_nobody_can_say_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    need_pocketsphinx()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="zorbgrack"):
        near_words(["zorbgrack"], ["no"])
