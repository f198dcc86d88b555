"""Sequences of keywords: against a slow reference, through the engine, and in every destination."""

import json
import signal
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import Command
from hypothesis import given, settings
from hypothesis import strategies as st
from test_daemon import Loops, Witness, make_daemon, send

import kws_edge
from kws_edge.audio.files import read_audio
from kws_edge.config.config import Config, parse_config
from kws_edge.config.schema import parse
from kws_edge.daemon.control import make_spotter
from kws_edge.detection.detector import Detection
from kws_edge.detection.sequences import (
    AnyOf,
    SequenceConfig,
    SequenceTracker,
    sequence_faults,
)
from kws_edge.engine import Engine
from kws_edge.errors import ValidationErrors
from kws_edge.events import Event
from kws_edge.metrics import Metrics
from kws_edge.model.file import demo_recording
from kws_edge.sinks.base import SinkContext
from kws_edge.sinks.build import plan_sinks
from kws_edge.sources.base import Block, Samples

RATE = 10
WORDS = ("go", "left", "up", "robot")
GO_LEFT = SequenceConfig("go_left", ("go", "left"))
COMMAND = SequenceConfig("command", ("robot", AnyOf(("go", "up"))), within_s=2.0)

Spoken = tuple[str, int]  # label, sample
Reported = tuple[int, str, int]  # when, label, sample


def detection(label: str, sample: int, score: float = 0.9) -> Detection:
    return Detection(label, score, sample, sample / RATE)


def run(
    sequences: Sequence[SequenceConfig],
    words: Sequence[Spoken],
    end: int,
    times: Sequence[int] | None = None,
) -> list[Reported]:
    """What is reported of the ``words`` of a stream up to ``end``, and when; it advances at
    ``times``, by default with every sample."""
    tracker = SequenceTracker(sequences, RATE)
    found: list[Reported] = []
    for now in range(end + 1):
        here = [one for word in words if word[1] == now for one in tracker.push(detection(*word))]
        if times is None or now in times:
            here += tracker.advance(now)
        found += [(now, one.label, one.sample) for one in here]
    return [*found, *((end, one.label, one.sample) for one in tracker.reset())]


class Reference:
    """The same from the whole stream at once, word by word."""

    def __init__(self, sequences: Sequence[SequenceConfig], words: Sequence[Spoken]) -> None:
        self.sequences, self.words = sequences, words

    def begins(self, sequence: SequenceConfig, first: int, last: int) -> bool:
        part = self.words[first : last + 1]
        within = sequence.within_s * RATE
        return (
            len(part) <= len(sequence.words)
            and all(word in sequence.alternatives[n] for n, (word, _) in enumerate(part))
            and all(later - earlier <= within for (_, earlier), (_, later) in pairwise(part))
        )

    def waits_for(self, start: int, word: int, last: int) -> list[tuple[SequenceConfig, float]]:
        """What may still complete with ``word``, the words from ``start`` to ``last`` known, and
        until when."""
        return [
            (sequence, self.words[last][1] + sequence.within_s * RATE)
            for first in range(start, word + 1)
            for sequence in self.sequences
            if last - first + 1 < len(sequence.words) and self.begins(sequence, first, last)
        ]

    def completed(self, start: int, last: int) -> SequenceConfig | None:
        found = [
            one
            for one in self.sequences
            if last - len(one.words) + 1 >= start
            and self.begins(one, last - len(one.words) + 1, last)
        ]
        return max(found, key=lambda one: len(one.words), default=None)

    def reported(self, end: int) -> list[Reported]:
        out: list[Reported] = []
        waiting: list[int] = []
        start = 0

        def report(now: float, indices: Sequence[int]) -> None:
            out.extend((round(now), *self.words[j]) for j in indices if j in waiting)
            waiting[:] = [j for j in waiting if j not in indices]

        for last, (_, sample) in enumerate(self.words):
            for j in list(waiting):
                until = max(time for _, time in self.waits_for(start, j, last - 1))
                if until < sample:
                    report(until, [j])
            waiting.append(last)
            if complete := self.completed(start, last):
                first = last - len(complete.words) + 1
                report(sample, range(start, last + 1 if complete.parts else first))
                waiting.clear()
                out.append((sample, complete.name, sample))
                start = last + 1
                continue
            report(sample, [j for j in waiting if not self.waits_for(start, j, last)])
            if any(one.parts for one, _ in self.waits_for(start, last, last)):
                report(sample, [last])
        for j in list(waiting):
            until = max(time for _, time in self.waits_for(start, j, len(self.words) - 1))
            report(min(until, end), [j])
        return out


places = st.one_of(
    st.sampled_from(WORDS),
    st.builds(AnyOf, st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(tuple)),
)
configs = st.lists(
    st.builds(
        SequenceConfig,
        st.just("joined"),
        st.lists(places, min_size=2, max_size=4).map(tuple),
        within_s=st.sampled_from([0.1, 0.3, 1.0]),
        parts=st.booleans(),
    ),
    max_size=4,
)
streams = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from([0, 1, 2, 3, 4, 9, 10, 11])), max_size=14
).map(lambda steps: [(w, sum(gap for _, gap in steps[: n + 1])) for n, (w, _) in enumerate(steps)])


@given(configs, streams, st.integers(0, 15), st.sets(st.integers(0, 160)))
@settings(max_examples=500, deadline=None)
def test_it_reports_as_the_reference_and_in_blocks_of_any_size(
    sequences: list[SequenceConfig], words: list[Spoken], rest: int, times: set[int]
) -> None:
    end = (words[-1][1] if words else 0) + rest
    found = run(sequences, words, end)
    assert found == Reference(sequences, words).reported(end)
    late = run(sequences, words, end, sorted(times))
    assert [one[1:] for one in late] == [one[1:] for one in found]
    assert all(after >= now for (after, *_), (now, *_) in zip(late, found, strict=True))


@given(streams)
def test_without_sequences_and_for_words_of_none_nothing_changes(words: list[Spoken]) -> None:
    assert run([], words, 200) == [(sample, label, sample) for label, sample in words]
    other = SequenceConfig("other", ("yes", "no"))
    assert run([other], words, 200) == run([], words, 200)


@pytest.mark.parametrize(
    ("sequences", "words", "reported"),
    [
        ([GO_LEFT], "go 10, left 40", "go_left@40"),  # 3 s belong to it
        ([GO_LEFT], "go 10, left 41", "go@40 left@41"),
        ([GO_LEFT], "go 10", "go@40"),  # alone: when its time is over
        ([GO_LEFT], "left 10", "left@10"),  # it begins none: at once
        ([GO_LEFT], "go 10, up 15, left 20", "go@15 up@15 left@20"),  # another word between
        ([GO_LEFT], "go 10, go 15, left 20", "go@15 go_left@20"),
        ([GO_LEFT], "go 10, left 20, left 25", "go_left@20 left@25"),
        ([COMMAND], "robot 10, up 25", "command@25"),
        ([COMMAND], "robot 10, left 25", "robot@25 left@25"),
        # complete with the same word: the longest; a word belongs to one
        (
            [GO_LEFT, SequenceConfig("all", ("robot", "go", "left"))],
            "robot 10, go 20, left 30, left 40",
            "all@30 left@40",
        ),
        (
            [GO_LEFT, SequenceConfig("left_up", ("left", "up"))],
            "go 10, left 20, up 30",
            "go_left@20 up@30",
        ),
        ([SequenceConfig("l", ("go", "left"), parts=True)], "go 10, left 20", "go@10 left@20 l@20"),
        ([SequenceConfig("l", ("go", "left"), parts=True)], "go 10", "go@10"),
    ],
)
def test_examples(sequences: list[SequenceConfig], words: str, reported: str) -> None:
    spoken = [(word, int(sample)) for word, sample in (one.split() for one in words.split(", "))]
    found = run(sequences, spoken, 200)
    assert " ".join(f"{label}@{now}" for now, label, _ in found) == reported


def test_a_sequence_has_the_score_of_its_weakest_part_and_the_place_of_its_last() -> None:
    tracker = SequenceTracker([GO_LEFT], RATE)
    go, left = detection("go", 10, 0.8), detection("left", 25)
    assert tracker.push(go) == []
    assert tracker.push(left) == [Detection("go_left", 0.8, 25, 2.5, parts=(go, left))]


def test_after_lost_audio_nothing_is_joined() -> None:
    tracker = SequenceTracker([GO_LEFT], RATE)
    assert tracker.push(detection("go", 10)) == []
    assert tracker.reset() == [detection("go", 10)]
    assert tracker.push(detection("left", 12)) == [detection("left", 12)]


def test_other_settings_keep_what_may_still_become_a_sequence() -> None:
    tracker = SequenceTracker([GO_LEFT], RATE)
    tracker.push(detection("go", 10))
    assert tracker.configure([COMMAND, GO_LEFT]) == []
    assert [one.label for one in tracker.push(detection("left", 20))] == ["go_left"]
    tracker.push(detection("go", 30))
    assert tracker.configure([COMMAND]) == [detection("go", 30)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"name": "a", "words": ["go"]}, "words: 1 of them, expected 2 to 10"),
        ({"name": "a", "words": ["go"] * 11}, "words: 11 of them, expected 2 to 10"),
        ({"name": "a", "words": ["go", {"any": []}]}, "words: any is empty"),
        ({"name": "_a", "words": ["go", "up"]}, "name: '_a' is empty or begins with _"),
        ({"name": "a", "words": ["go", 3]}, r"words\[1\]: found int 3, expected text or a mapping"),
        ({"name": "a", "words": ["go", {"all": []}]}, r"words\[1\].all: unknown"),
        (
            {"name": "a", "words": ["go", "up"], "within_s": 0},
            "within_s: 0.* is not within 0 to 60 s",
        ),
        ({"words": ["go", "up"]}, "name: missing"),
    ],
)
def test_settings_that_make_no_sense(text: object, message: str) -> None:
    with pytest.raises(ValidationErrors, match=message):
        parse(SequenceConfig, text)


def test_faults_of_sequences_together_and_with_the_model() -> None:
    def faults(*sequences: SequenceConfig) -> str:
        return "; ".join(sequence_faults(sequences, ["go", "left", "up"]))

    assert faults(GO_LEFT, SequenceConfig("x", ("left", "up"))) == ""
    assert faults(SequenceConfig("x", ("go", "lefd"))) == (
        "sequences[0].words: the model has no keyword 'lefd', did you mean left?"
    )
    assert faults(SequenceConfig("up", ("go", "left"))) == (
        "sequences[0].name: 'up' is a keyword of the model"
    )
    assert "'go_left' stands there twice" in faults(
        GO_LEFT, SequenceConfig("go_left", ("up", "go"))
    )
    never = "sequences[1]: never complete: 'go_left' takes its words before"
    assert faults(GO_LEFT, SequenceConfig("x", ("up", "go", "left", "up"))) == never
    assert faults(GO_LEFT, SequenceConfig("x", ("go", "left"))) == never
    assert faults(GO_LEFT, SequenceConfig("x", ("up", "go", "left"))) == ""
    assert faults(GO_LEFT, SequenceConfig("x", ("go", "left", "up"), within_s=4.0)) == ""


# from here on: real audio, in which "left" (10.5 s) and "down" (11.9 s) follow each other
LEFT_DOWN = {"name": "left_down", "words": ["left", "down"]}


def test_kws_edge_listen_joins_words() -> None:
    words = list(kws_edge.listen(demo_recording()))
    labels = [found.label for found in words]
    at = labels.index("left")
    assert labels[at + 1] == "down"
    joined = list(
        kws_edge.listen(demo_recording(), sequences=[SequenceConfig("left_down", ("left", "down"))])
    )
    assert [found.label for found in joined] == [*labels[:at], "left_down", *labels[at + 2 :]]
    assert joined[at].parts == (words[at], words[at + 1])
    with pytest.raises(kws_edge.KwsEdgeError, match="the model has no keyword 'robot'"):
        kws_edge.listen(demo_recording(), sequences=[COMMAND])


def test_a_file_on_the_command_line(run_command: Command, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("sequences: [{name: left_down, words: [left, {any: [down, go]}]}]\n")
    arguments = ["listen", "--config", config, "--input", demo_recording()]
    result = run_command(*arguments, "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    [joined] = [event for event in events if event["label"] == "left_down"]
    assert joined["words"] == ["left", "down"]
    assert joined["times_s"][1] == joined["time_s"]
    assert {"left", "down"}.isdisjoint(event["label"] for event in events)
    assert "(left down)" in run_command(*arguments).stdout
    flag = '[{name: up_go, words: [up, "on"]}]'
    result = run_command("listen", "--sequences", flag, "--input", demo_recording())
    assert result.returncode == 78
    assert "sequences[0].words: the model has no keyword 'on'" in result.stderr
    result = run_command("config", "check", "--sequences", flag)
    assert result.returncode == 78
    assert "sequences[0].words: the model has no keyword 'on'" in result.stderr


def test_the_comparison_with_a_label_track_counts_the_words_of_a_sequence(
    run_command: Command,
) -> None:
    track = demo_recording().with_suffix(".labels.txt")
    arguments = ["listen", "--input", demo_recording(), "--labels", track]
    alone = run_command(*arguments).stdout.splitlines()[-1]
    joined = run_command(*arguments, "--sequences", json.dumps([LEFT_DOWN])).stdout.splitlines()[-1]
    assert joined == alone


@pytest.mark.parametrize("block_samples", [777, 16000, 400000])
def test_blocks_of_any_size_give_the_same_events(block_samples: int) -> None:
    config = parse_config({"sequences": [LEFT_DOWN, {"name": "x", "words": ["right", "go"]}]})
    expected = events_of(config, 1600)
    assert [event.data["label"] for event in expected].count("left_down") == 1
    found = events_of(config, block_samples)
    assert [(e.sample, e.data) for e in found] == [(e.sample, e.data) for e in expected]


def events_of(config: Config, block_samples: int) -> list[Event]:
    spotter = make_spotter(config)
    events: list[Event] = []
    engine = Engine(spotter, events.append, sequences=config.sequences)
    list(engine.run(Samples(read_audio(demo_recording(), 16000), block_samples)))
    assert engine.detections == len(events) - 1
    return events[:-1]


def test_a_gap_reports_what_waits_before_it_is_reported_itself() -> None:
    config = parse_config({"sequences": [LEFT_DOWN]})
    spotter = make_spotter(config)
    events: list[Event] = []
    engine = Engine(spotter, events.append, sequences=config.sequences)
    samples = read_audio(demo_recording(), 16000)
    until = round(11.2 * 16000)  # "left" is spotted, "down" is to come
    engine.process(Block(samples[:until]))
    assert "left" not in [event.data["label"] for event in events]
    found = engine.process(Block(samples[until:], 1600, "a test"))
    assert (found[0].label, found[0].sample < until) == ("left", True)
    kinds = [event.data.get("label", event.type) for event in events]
    assert kinds[kinds.index("dropped") - 1] == "left"
    assert "left_down" not in kinds


def test_a_reload_brings_sequences_to_every_destination(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model: default\n")

    def reload_with(sequences: list[object]) -> None:
        path.write_text(f"sequences: {json.dumps(sequences)}\n")
        send(signal.SIGHUP)()

    witness = Witness()
    daemon, metrics = make_daemon(path, witness, caplog)
    pair = _neighbours()
    daemon.run(
        Loops(
            lambda: reload_with([{"name": "pair", "words": pair}]),
            lambda: reload_with([{"name": "pair", "words": ["go", "nonsense"]}]),
            send(signal.SIGTERM),
        )
    )
    assert "the model has no keyword 'nonsense'" in caplog.text
    found = [event for event in witness.events if event.data.get("label") == "pair"]
    assert len(found) == 2  # the faulty file changed nothing
    assert metrics.detections["pair"] == 2
    assert "pair" not in metrics.near_misses


def _neighbours() -> list[str]:
    """Two different words that follow each other in the demo, as the model of the daemon has it."""
    labels = [found.label for found in kws_edge.listen(demo_recording(), model="mfcc-int8")]
    pairs = list(pairwise(labels))
    return list(next(p for p in pairs if pairs.count(p) == 1 and labels.count(p[0]) == 1))


def test_home_assistant_and_commands_know_its_name() -> None:
    config = parse_config(
        {
            "sequences": [LEFT_DOWN],
            "mqtt": {"host": "localhost"},
            "commands": [{"run": ["true"], "keywords": ["left_down"]}],
        }
    )
    context = SinkContext(["left", "down", "_silence_"], "m", 16000, metrics=Metrics("m", ()))
    mqtt, *_ = [plan for plan in plan_sinks(config, context) if plan.identity[0] == "mqtt"]  # type: ignore[index]
    announcement = json.loads(mqtt.sink._discovery)  # type: ignore[attr-defined]
    assert announcement["components"]["keyword"]["event_types"] == ["left", "down", "left_down"]
    payloads = [c.get("payload") for c in announcement["components"].values()]
    assert "left_down" in payloads
