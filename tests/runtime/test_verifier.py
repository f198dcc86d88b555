"""The second stage: it sees the audio of each detection, and what it vetoes is none."""

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from test_daemon import Loops, Witness, make_daemon
from test_detector import HOP, LABELS, posteriors
from test_events import VALIDATOR

import kws_edge
from kws_edge.audio.files import read_audio
from kws_edge.detection.detector import Detection, Detector, DetectorConfig
from kws_edge.engine import Engine
from kws_edge.errors import ConfigError
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import demo_recording, find_model, pack_model, read_model
from kws_edge.model.manifest import Manifest
from kws_edge.sources.base import Samples
from kws_edge.spotter import KeywordSpotter
from kws_edge.types import FloatArray
from kws_edge.verifier import ModelVerifier, Verification

WINDOW = 30_000  # samples: longer than the window of the model before it


class Strict:
    """Knows all words, believes in none of ``vetoed``, and remembers what it was asked."""

    window_samples = WINDOW

    def __init__(self, *vetoed: str) -> None:
        self.vetoed = vetoed
        self.asked: list[tuple[str, FloatArray]] = []

    def score(self, samples: FloatArray, word: str) -> float:
        self.asked.append((word, samples))
        return 0.2 if word in self.vetoed else 0.9

    def check(self, manifest: Manifest) -> None: ...


@pytest.fixture(scope="module")
def speech() -> FloatArray:
    return read_audio(demo_recording(), 16000)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(find_model("mfcc-int8"))


def spotted(
    classifier: Classifier, blocks: list[FloatArray], verifier: Strict | None, **options: float
) -> tuple[list[Detection], KeywordSpotter]:
    verification = Verification(verifier) if verifier else None
    spotter = KeywordSpotter(classifier, verification=verification, **options)  # type: ignore[arg-type]
    return [detection for block in blocks for detection in spotter.push(block)], spotter


def test_a_vetoed_word_is_no_detection_but_counted_logged_and_a_near_miss(
    classifier: Classifier, speech: FloatArray, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "kws_edge.spotter")
    plain, _ = spotted(classifier, [speech], None)
    found, spotter = spotted(classifier, [speech], Strict("yes", "go"), near_miss=0.99)
    assert {"yes", "go"} < {d.label for d in plain}
    kept = [d for d in plain if d.label not in ("yes", "go")]
    assert [dataclasses.replace(d, verifier=None) for d in found] == kept
    assert {d.verifier for d in found} == {0.9}
    assert all(d.verifier is None for d in plain)

    verdicts, missed = spotter.verdicts, [m for m in spotter.take_near_misses() if m.verifier]
    assert verdicts.confirmed.total() == len(found)
    assert set(verdicts.vetoed) == {"yes", "go"}
    # one for all looks at a word
    assert [m.label for m in missed] == [d.label for d in plain if d not in kept]
    assert {m.verifier for m in missed} == {0.2}
    assert len(caplog.messages) == verdicts.vetoed.total() > len(missed) > 1
    assert caplog.messages[0].endswith("of the verifier 0.20")


def test_it_sees_the_last_window_up_to_the_decision_in_blocks_of_any_size(
    classifier: Classifier, speech: FloatArray
) -> None:
    verifier = Strict()
    first = speech[int(1.2 * 16000) :]  # so that a word falls before a whole window
    found, _ = spotted(classifier, [first], verifier)
    assert found[0].sample < WINDOW
    before = np.concatenate([np.zeros(WINDOW, np.float32), first])
    for detection, (word, samples) in zip(found, verifier.asked, strict=True):
        assert word == detection.label
        np.testing.assert_array_equal(samples, before[detection.sample : detection.sample + WINDOW])
    again = Strict()
    assert spotted(classifier, np.array_split(first, 777), again)[0] == found
    assert len(again.asked) == len(verifier.asked)


def test_after_a_veto_another_word_fires_at_once_and_the_same_for_a_while() -> None:
    detector = Detector(
        LABELS, DetectorConfig(threshold=0.8, smoothing_ms=0, refractory_ms=10_000), 16000
    )

    def push(number: int, label: str) -> str | None:
        detection = detector.push(HOP * number, posteriors(label))
        if detection and number < 11:
            detector.veto()
        return detection.label if detection else None

    said = [*["yes"] * 8, "_silence_", "yes", "no", "yes", "yes"]
    assert [push(*step) for step in enumerate(said)] == [
        *["yes"] * 5,  # it stays, and is vetoed again for 0.5 s
        *[None] * 4,
        *("yes", "no"),  # vetoed: after a dip, and another word
        *("yes", None),  # counts: now there is a pause
    ]


def test_any_model_file_is_a_verifier(classifier: Classifier, speech: FloatArray) -> None:
    """A larger window, other labels in another order: only its own score of the word counts, the
    mean of four windows 80 ms apart."""
    large = Classifier.load(find_model("large-int8"))
    verifier = ModelVerifier(large)
    assert verifier.window_samples == 15_872 + 3 * 1_280
    spotter = KeywordSpotter(classifier, verification=Verification(verifier, 0.5))
    found = spotter.push(speech)
    assert len(found) > 5
    for detection in found:
        ends = [detection.sample - step * 1_280 for step in range(4)]
        windows = [FrontEnd(large.manifest.features)(speech[e - 15_872 : e]) for e in ends]
        posteriors = np.mean([large(window) for window in windows], axis=0)
        of = dict(zip(large.manifest.labels, posteriors.tolist(), strict=True))
        none = of["_unknown_"] + of["_silence_"]  # other keywords do not count
        expected = of[detection.label] / (of[detection.label] + none)
        assert detection.verifier == pytest.approx(expected, abs=1e-3)


def test_a_verifier_must_know_the_keywords(tmp_path: Path, classifier: Classifier) -> None:
    path = other_words(tmp_path)
    verification = Verification.load(path)
    with pytest.raises(ConfigError, match="does not know yes, which mfcc-int8 spots"):
        KeywordSpotter(classifier, verification=verification)


def other_words(folder: Path) -> Path:
    """small-int8, whose "yes" is called "oui"."""
    file = read_model(find_model("small-int8"))
    labels = tuple("oui" if label == "yes" else label for label in file.manifest.labels)
    path = folder / "french.tflite"
    manifest = dataclasses.replace(
        file.manifest, labels=labels, detector=DetectorConfig(), presets={}
    )
    path.write_bytes(pack_model(manifest, file.flatbuffer))
    return path


def test_listen_in_a_program(speech: FloatArray) -> None:
    found = list(kws_edge.listen(demo_recording(), model="mfcc-int8", verifier="small-int8"))
    assert found
    assert all(d.verifier is not None and d.verifier >= 0.6 for d in found)
    verification = Verification.load("small-int8", 0.1)
    more = list(kws_edge.listen(demo_recording(), model="mfcc-int8", verifier=verification))
    assert len(more) >= len(found)


def test_the_command_the_file_and_the_check(tmp_path: Path, run_command: Command) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("verifier: {model: large-int8, threshold: 0.5}\n")
    result = run_command("listen", "-i", demo_recording(), "--json", "--config", config)
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(events) > 6
    for event in events:
        VALIDATOR.validate(event)
        assert event["verifier"] >= 0.5
    strict = ("--verifier", "large-int8", "--verifier-threshold", "1")
    assert not run_command("listen", "-i", demo_recording(), *strict).stdout
    assert run_command("config", "check", "--config", config).returncode == 0
    french = other_words(tmp_path)
    for command in (("config", "check"), ("listen", "--demo")):
        refused = run_command(*command, "--verifier", french)
        assert refused.returncode == 78
        faults = [line for line in refused.stderr.splitlines() if "does not know yes" in line]
        assert len(faults) == 1
        assert faults[0].startswith("kws-edge: ")
        assert "Traceback" not in refused.stderr
    missing = run_command("listen", "--demo", "--verifier", tmp_path / "none.tflite")
    assert missing.returncode == 66


def test_a_reload_changes_its_threshold_and_the_metrics_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, witness = tmp_path / "config.yaml", Witness()
    path.write_text("verifier: {model: large-int8, threshold: 0.1}\n")
    daemon, metrics = make_daemon(path, witness, caplog)

    def demand_certainty() -> None:
        path.write_text("verifier: {model: small-int8, threshold: 1}\n")
        daemon.reload()

    source = Loops(demand_certainty)
    daemon.run(source)
    length = len(source.samples)
    assert witness.detections(0, length) >= 8
    assert witness.detections(1, length) == 0
    assert "changes of verifier.model take a restart" in caplog.text
    verdicts = metrics.verdicts
    assert verdicts
    assert verdicts.confirmed.total() == witness.detections(0, length)
    assert verdicts.vetoed.total() >= 8
    assert verdicts.seconds > 0
    assert f"({verdicts.vetoed.total()} vetoes)" in daemon._status()


def test_an_event_has_the_score_of_the_second_stage(
    classifier: Classifier, speech: FloatArray
) -> None:
    spotter = KeywordSpotter(classifier, verification=Verification(Strict("no")), near_miss=0.9)
    witness = Witness()
    list(Engine(spotter, observers=[witness]).run(Samples(speech)))
    scored = {(e.type, e.data["verifier"]) for e in witness.events if "verifier" in e.data}
    assert scored == {("detection", 0.9), ("near_miss", 0.2)}
    for event in witness.events:
        VALIDATOR.validate(event.as_dict())
