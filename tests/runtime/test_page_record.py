"""Recording on the page: the engine's audio as blocks, a real HTTP client."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sink_parts import wait_for
from test_page import RATE, Page, word

from kws_edge.audio.files import read_audio
from kws_edge.audio.level import LOWEST_DBFS
from kws_edge.recorder.collection import Collection, SampleName
from kws_edge.recorder.take import SAMPLE_RATE, Timing, judge, record
from kws_edge.sinks.page import record as module
from kws_edge.sources.base import Block
from kws_edge.types import FloatArray

TAKE_SECONDS = 4.5  # countdown, time to speak in, half a second after it
GOOD = word(TAKE_SECONDS, 2.2, 2.7)
QUIET = GOOD * np.float32(0.01)
ONE = {"labels": ["yes"], "speaker": "ana", "count": 1}


def blocks(samples: FloatArray) -> list[Block]:
    """As a microphone gives them, 20 ms each."""
    return [Block(part) for part in np.split(samples, range(320, len(samples), 320))]


class Recorder:
    """A page that records, and hands that answer."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        return self.page.ask("GET" if body is None else "POST", path, body)[:2]

    def start(self, body: object) -> Any:
        status, answer = self.ask("/api/record", body)
        assert status == 200, answer
        return answer["session"]

    def session(self) -> Any:
        return self.ask("/api/record")[1]["session"]

    def speak(self, samples: FloatArray) -> Any:
        """The session once it has judged a take of ``samples``."""
        for block in blocks(samples):
            self.page.relay.block(block)
        return wait_for(lambda: (s := self.session())["phase"] == "answer" and s, "the judgement")

    def answer(self, answer: str, take: int | None = None) -> tuple[int, Any]:
        number = self.session()["take"] if take is None else take
        return self.ask("/api/record/answer", {"answer": answer, "take": number})


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    page = Page(tmp_path)
    yield Recorder(page)
    assert page.worker.close(5)


def test_a_good_take_is_kept_as_the_terminal_would(recorder: Recorder) -> None:
    session = recorder.start(ONE)
    assert (session["prompt"], session["phase"]) == ("say 'yes' (1 of 1)", "countdown")
    session = recorder.speak(GOOD)
    assert session["faults"] == []
    assert session["figures"].startswith("word 0.5")
    assert not recorder.page.recordings.joinpath("manifest.jsonl").exists()
    status, answer = recorder.answer("keep")
    assert (status, answer["session"], answer["ended"]) == (200, None, "done: yes 1 of 1")

    (path,) = recorder.page.recordings.rglob("*.wav")
    name = SampleName.parse(path.name)
    assert name
    assert (path.parent.name, name.speaker, name.number) == ("yes", "ana", 1)
    (entry,) = Collection(recorder.page.recordings).entries()
    assert entry["path"] == f"yes/{path.name}"

    class Source:
        def blocks(self) -> Iterator[Block]:
            yield from blocks(GOOD)

    raw, lost = record(Source(), Timing(), module.Listening(Timing(), RATE, lambda: None))
    same = judge(raw, "yes", lost)
    np.testing.assert_allclose(read_audio(path, RATE), same.sample, atol=1 / 32768)
    assert entry["level_dbfs"] == round(same.measures.level_dbfs, 1)


def test_progress_and_level_are_shown_while_a_take_is_recorded(recorder: Recorder) -> None:
    recorder.start(ONE)
    parts = blocks(GOOD)
    for block in parts[:50]:  # 1 s
        recorder.page.relay.block(block)
    session = recorder.session()
    assert (session["phase"], session["seconds_left"]) == ("countdown", 0.5)
    assert session["level_dbfs"] is None
    for block in parts[50:125]:
        recorder.page.relay.block(block)
    session = recorder.session()
    assert (session["phase"], session["seconds_left"]) == ("now", 1.5)
    assert session["level_dbfs"] == pytest.approx(-13.5, abs=0.5)  # of the tone
    assert not session["clipped"]
    assert recorder.ask("/api/record/take")[0] == 404
    assert recorder.answer("keep")[0] == 422


def test_digital_silence_is_shown_and_refused(recorder: Recorder) -> None:
    recorder.start(ONE)
    silence = blocks(np.zeros_like(GOOD))
    for block in silence[:125]:
        recorder.page.relay.block(block)
    assert recorder.session()["level_dbfs"] == round(LOWEST_DBFS, 1)
    for block in silence[125:]:
        recorder.page.relay.block(block)
    session = wait_for(lambda: (s := recorder.session())["faults"] and s, "the judgement")
    assert session["faults"][0].startswith("silent: nothing but one constant value")


def test_a_quiet_take_is_refused_and_can_be_played(recorder: Recorder) -> None:
    recorder.start(ONE)
    (fault,) = recorder.speak(QUIET)["faults"]
    assert fault.startswith("too quiet: the word is at -5")
    status, answer = recorder.answer("keep")
    assert (status, answer["error"]) == (422, "there is no good take to keep")
    raw = read_wav(recorder)
    np.testing.assert_allclose(raw, QUIET[RATE:], atol=1 / 32768)
    assert recorder.answer("again")[0] == 200
    assert recorder.speak(GOOD)["faults"] == []
    assert len(read_wav(recorder)) == SAMPLE_RATE
    assert not list(recorder.page.recordings.rglob("*.wav"))


def read_wav(recorder: Recorder) -> FloatArray:
    import soundfile

    data = recorder.ask("/api/record/take")[1]
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert rate == SAMPLE_RATE
    return np.asarray(samples, np.float32)


def test_lost_audio_refuses_a_take(recorder: Recorder) -> None:
    recorder.start(ONE)
    parts = blocks(GOOD)
    parts[100] = Block(parts[100].samples, lost=1600)
    for block in parts:
        recorder.page.relay.block(block)
    session = wait_for(lambda: (s := recorder.session())["faults"] and s, "the judgement")
    assert session["faults"][0].startswith("dropped: 0.10 s of it never arrived")


def test_a_session_goes_on_where_the_last_one_stopped(recorder: Recorder) -> None:
    two = {"labels": ["yes", "hello", "_silence_"], "speaker": "Ana Maria", "count": 2}
    recorder.start(two)
    prompts = []
    for _ in range(3):
        prompts.append(recorder.session()["label"])
        recorder.speak(GOOD)
        recorder.answer("keep" if prompts[-1] == "hello" else "skip")
    assert sorted(prompts) == ["_silence_", "hello", "yes"]
    assert (
        recorder.answer("quit")[1]["ended"] == "ended: yes 0 of 2, hello 1 of 2, _silence_ 0 of 2"
    )
    session = recorder.start(two)
    assert (session["have"]["hello"], session["speaker"]) == (1, "Ana-Maria")
    assert session["take"] > 4
    (path,) = recorder.page.recordings.rglob("*.wav")
    assert path.name.startswith("Ana-Maria-")


def test_one_session_at_a_time_which_every_browser_sees(recorder: Recorder) -> None:
    recorder.start(ONE)
    status, answer = recorder.ask("/api/record", {**ONE, "speaker": "ben"})
    assert (status, answer["error"]) == (422, "a session is in progress: end it first")
    state = recorder.ask("/api/state")[1]["record"]
    assert state["session"]["speaker"] == "ana"
    assert state["labels"] == ["no", "yes", "_unknown_", "_silence_"]


def test_an_answer_counts_once(recorder: Recorder) -> None:
    recorder.start({**ONE, "count": 3})
    number = recorder.speak(GOOD)["take"]
    assert recorder.answer("keep", number)[0] == 200
    for answer in ("keep", "again", "skip"):
        status, said = recorder.answer(answer, number)
        assert (status, said["error"]) == (422, "take: it has been answered already")
    assert recorder.ask("/api/record/answer", {"answer": "maybe"})[0] == 422
    assert recorder.ask("/api/record/answer", {"answer": ["keep"]})[0] == 422
    assert len(list(recorder.page.recordings.rglob("*.wav"))) == 1
    recorder.answer("quit")
    assert recorder.ask("/api/record/answer", {"answer": "quit"})[1]["error"] == (
        "no session is in progress"
    )


def test_nothing_touches_the_audio_between_two_takes(recorder: Recorder) -> None:
    nothing: Any = None  # reading it raises
    recorder.page.relay.block(nothing)
    recorder.start({**ONE, "count": 2})
    with pytest.raises(AttributeError):
        recorder.page.relay.block(nothing)
    recorder.speak(GOOD)
    recorder.page.relay.block(nothing)
    recorder.answer("again")
    recorder.answer("quit")
    recorder.page.relay.block(nothing)


def test_without_audio_a_take_is_given_up(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LATE_SECONDS", -2.0)
    recorder.start({**ONE, "seconds": 1})
    session = wait_for(lambda: (s := recorder.session())["faults"] and s, "the end of the take")
    assert session["faults"][0].startswith("no audio")
    assert (session["phase"], session["figures"]) == ("answer", "")
    assert recorder.ask("/api/record/take")[0] == 404
    recorder.page.relay.block(None)  # type: ignore[arg-type]


def test_a_session_that_nobody_answers_ends(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.6)
    recorder.start(ONE)
    recorder.speak(GOOD)
    wait_for(lambda: recorder.session() is None, "the end of the session")
    assert recorder.ask("/api/record")[1]["ended"].startswith("ended: 0.01 min idle")
    assert recorder.ask("/api/record/take")[0] == 404


def test_the_end_of_the_page_leaves_the_engine_alone(tmp_path: Path) -> None:
    page = Page(tmp_path)
    Recorder(page).start(ONE)
    assert page.worker.close(5)
    for block in blocks(GOOD):
        page.relay.block(block)
    page.relay.block(None)  # type: ignore[arg-type]
    assert not list(page.recordings.rglob("*.wav"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": []}, "labels: choose 1 to 50 words"),
        ({"labels": "yes"}, "labels: choose 1 to 50 words"),
        ({"labels": [f"w{n}" for n in range(51)]}, "labels: choose 1 to 50 words"),
        ({"labels": ["../yes"]}, "labels: '../yes' cannot be a name here"),
        ({"labels": [["yes"]]}, "labels: \"['yes']\" cannot be a name here"),
        ({"labels": ["_silense_"]}, "or _silence_ or _unknown_"),
        ({"speaker": "a/b"}, "speaker: 'a/b' cannot be a name here"),
        ({"speaker": None}, "speaker: is missing"),
        ({"count": 0}, "count: expected a whole number from 1 to 1000"),
        ({"count": True}, "count: expected a whole number"),
        ({"count": 2.5}, "count: expected a whole number"),
        ({"seconds": 0.9}, "seconds: expected a number from 1 to 10"),
        ({"seconds": "2"}, "seconds: expected a number"),
    ],
)
def test_a_wrong_request_starts_nothing(
    recorder: Recorder, change: dict[str, object], reason: str
) -> None:
    status, answer = recorder.ask("/api/record", {**ONE, **change})
    assert status == 422
    assert reason in answer["error"]
    assert recorder.session() is None
    assert not recorder.page.recordings.exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: folder.write_text("a file"), "cannot be written"),
        (lambda folder: None, "page.recordings is not set"),
    ],
)
def test_a_folder_that_cannot_be_used_is_reported(
    tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    folder = tmp_path / "samples"
    spoil(folder)
    page = Page(tmp_path, recordings=folder if folder.exists() else None)
    status, answer = Recorder(page).ask("/api/record", ONE)
    assert status == 422
    assert reason in answer["error"]
    assert page.worker.close(5)


def test_a_sample_that_cannot_be_saved_can_be_kept_later(recorder: Recorder) -> None:
    recorder.start(ONE)
    recorder.speak(GOOD)
    folder = recorder.page.recordings / "yes"
    folder.rmdir()
    folder.write_text("in the way")
    status, answer = recorder.answer("keep")
    assert status == 422
    assert "cannot be written" in answer["error"]
    folder.unlink()
    assert recorder.answer("keep")[1]["ended"] == "done: yes 1 of 1"
    assert len(list(folder.glob("*.wav"))) == 1
