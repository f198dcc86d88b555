"""Settings that change while a daemon runs: mute, active keywords, preset, thresholds."""

from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from test_daemon import Loops, Step, Witness, make_daemon

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.audio.files import read_audio
from kws_edge.config.config import Config, parse_config
from kws_edge.config.settings import load_config
from kws_edge.daemon.control import MAX_CHANGES, make_spotter
from kws_edge.daemon.daemon import Daemon
from kws_edge.engine import Engine
from kws_edge.errors import ConfigError, KwsEdgeError, ValidationErrors
from kws_edge.model.file import demo_recording
from kws_edge.sinks.base import SinkContext
from kws_edge.sources.base import Block, Samples
from kws_edge.spotter import KeywordSpotter


class Changed:
    """A daemon over the demo, again and again, with a change before each turn but the first."""

    def __init__(
        self,
        folder: Path,
        caplog: pytest.LogCaptureFixture,
        *changes: object,
        text: str = "",
    ) -> None:
        self.path, self.witness = folder / "config.yaml", Witness()
        self.path.write_text(text)
        self.daemon, self.metrics = make_daemon(self.path, self.witness, caplog, "small-int8")
        self.results: list[Future[None]] = []
        self.states: list[dict[str, object]] = []
        self.source = Loops(*map(self._step, changes))
        assert self.daemon.run(self.source) == ""
        self._keep()

    def _step(self, change: object) -> Step:
        def step() -> None:
            self._keep()
            if callable(change):
                change(self)
            else:
                self.results.append(self.daemon.control.change(change))

        return step

    def _keep(self) -> None:
        self.states.append(self.daemon.control.in_force.as_dict())

    def words(self, turn: int) -> list[str]:
        length = len(self.source.samples)
        return [
            event.data["label"]
            for event in self.witness.events
            if event.type in ("detection", "near_miss")
            and turn * length < event.sample <= (turn + 1) * length
        ]

    def reload(self) -> None:
        assert self.daemon.reload() == ""


def rewrite(text: str) -> object:
    def step(changed: Changed) -> None:
        changed.path.write_text(text)
        changed.reload()

    return step


def test_muted_nothing_leaves_and_time_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Changed(tmp_path, caplog, {"mute": True}, {"mute": False})
    first, muted, last = map(run.words, range(3))
    assert len(first) >= 5
    assert muted == []
    assert len(last) >= 5  # its decisions fall at other samples than the first's
    spotter = run.daemon.engine.spotter
    assert spotter.samples_processed >= 3 * len(run.source.samples)
    assert spotter.samples_idle == pytest.approx(len(run.source.samples), abs=20_000)
    changes = [event.data["mute"] for event in run.witness.events if event.type == "settings"]
    assert changes == [True, False]
    assert run.witness.decisions >= 3 * len(run.source.samples) // 1600 - 30


def test_what_was_said_while_muted_gets_into_no_clip() -> None:
    spotter = KeywordSpotter.load("mfcc-int8")
    recent, loud = SampleBuffer(16_000), np.full(1600, 0.5, np.float32)
    engine = Engine(spotter, recent=recent)
    for muted in (False, True, False):
        spotter.set_muted(muted)
        engine.process(Block(loud))
    _, kept = recent.read(0, 4800)
    assert [set(kept[at : at + 1600].tolist()) for at in (0, 1600, 3200)] == [{0.5}, {0.0}, {0.5}]


def test_a_word_of_the_time_while_muted_is_not_spotted_after_it() -> None:
    samples = read_audio(demo_recording(), 16_000)
    spotter = KeywordSpotter.load("mfcc-int8")
    first = next(found for part in np.split(samples[:160_000], 100) for found in spotter.push(part))
    spotter = KeywordSpotter.load("mfcc-int8")
    spotter.set_muted(True)
    assert spotter.push(samples[: first.sample - 1600]) == []
    spotter.set_muted(False)
    after = spotter.push(samples[first.sample - 1600 : first.sample + 12_000])
    assert [found for found in after if found.sample < first.sample + 12_800] == []


def test_active_keywords_alone_are_spotted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"clips: {{folder: {tmp_path / 'clips'}, near_miss: 0.3}}\n"
    both = {"keywords": ["stop", "yes"]}
    run = Changed(
        tmp_path, caplog, both, {"thresholds": {"no": 0.6}}, {"keywords": ["yes", "no"]}, text=text
    )
    assert {"stop", "yes", "no"} < set(run.words(0))
    assert set(run.words(1)) == {"stop", "yes"}
    assert set(run.words(2)) == {"stop", "yes"}, "another threshold activates no keyword"
    assert set(run.words(3)) == {"no", "yes"}
    assert run.states[1]["keywords"] == ["stop", "yes"] or run.states[1]["keywords"] == [
        "yes",
        "stop",
    ]


def test_keywords_of_the_configuration_and_of_flags(tmp_path: Path, run_command: Command) -> None:
    spotter = make_spotter(Config(model="mfcc-int8", keywords=("up", "yes")))
    found = [
        one.label for one in Engine(spotter).run(Samples(read_audio(demo_recording(), 16_000)))
    ]
    assert set(found) == {"up", "yes"}
    demo = ("listen", "--input", demo_recording(), "--keyword", "go", "--keyword", "yes")
    printed = run_command(*demo)
    assert {line.split()[2] for line in printed.stdout.splitlines()} == {"go", "yes"}
    assert " for yes, go (" in printed.stderr or " for go, yes (" in printed.stderr
    both = run_command(*demo, "--keywords", "[no]")
    assert (both.returncode, "exclude each other" in both.stderr) == (2, True)


def test_unknown_keywords_are_faults_all_at_once(tmp_path: Path, run_command: Command) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("keywords: [yess, go, Up]\ndetector: {thresholds: {nope: 0.5}}\n")
    with pytest.raises(ConfigError) as error:
        make_spotter(parse_config({"keywords": ["yess", "go", "Up"]}))
    assert "keywords: the model has no keyword 'yess', did you mean yes? (" in str(error.value)
    assert "keywords: the model has no keyword 'Up' (" in str(error.value)
    checked = run_command("config", "check", "--config", path)
    assert checked.returncode == 78
    lines = [line for line in checked.stderr.splitlines() if "warning" not in line]
    assert len(lines) == 3, checked.stderr
    started = run_command("listen", "--demo", "--keyword", "yess")
    assert (started.returncode, started.stderr.count("\n")) == (78, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hop_ms": 20}, "hop_ms: unknown"),
        ({"mute": "yes"}, "mute: found str 'yes', expected true or false"),
        ({"keywords": []}, "keywords: names none; mute spots nothing"),
        ({"thresholds": {"yes": 0}}, "thresholds.yes: 0.0 is not within 0 to 1, 0 excluded"),
        ([], "top level: found list"),
        ("x", "top level: found str"),
    ],
)
def test_what_can_never_be_is_refused_at_once(
    change: object, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "config.yaml").write_text("")
    daemon, _ = make_daemon(tmp_path / "config.yaml", Witness(), caplog)
    with pytest.raises(ValidationErrors) as error:
        daemon.control.change(change)
    assert reason in str(error.value)


def test_what_the_model_does_not_have_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"mute": True, "keywords": ["nope"], "thresholds": {"never": 0.5}}
    run = Changed(tmp_path, caplog, wrong, {"preset": "loud"})
    first, second = (str(result.exception()) for result in run.results)
    assert "keywords: the model has no keyword 'nope'" in first
    assert "thresholds.never: no such keyword" in first
    assert second.startswith("preset: the model has no 'loud' (default")
    assert run.states[0] == run.states[-1]
    assert not [event for event in run.witness.events if event.type == "settings"]


def test_presets_and_thresholds_build_on_what_is_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "detector: {gate_dbfs: -70, refractory_ms: 800}\n"
    run = Changed(
        tmp_path,
        caplog,
        {"preset": "quiet"},
        {"thresholds": {"yes": 0.99}},
        {"preset": "default"},
        None,
        text=text,
    )
    configured, quiet, other, default, again = run.states
    presets = run.daemon.control.presets
    assert [state["preset"] for state in run.states] == [
        "default",
        "quiet",
        None,
        "default",
        "default",
    ]
    assert quiet["thresholds"] == {
        word: presets["quiet"].threshold_of(word)
        for word in run.daemon.engine.spotter.active_keywords
    }
    assert other["thresholds"] == quiet["thresholds"] | {"yes": 0.99}
    assert default == configured == again
    detector = run.daemon.engine.spotter.config
    assert (detector.gate_dbfs, detector.refractory_ms) == (-70, 800)


def test_a_reload_opens_no_microphone_that_somebody_muted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Changed(
        tmp_path,
        caplog,
        {"mute": True},
        rewrite("threads: 2\n"),
        rewrite("mute: true\n"),
        rewrite("mute: false\n"),
    )
    assert [state["mute"] for state in run.states] == [False, True, True, True, False]


def test_muted_from_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Changed(tmp_path, caplog, {"mute": False}, text="mute: true\n")
    assert run.words(0) == []
    assert len(run.words(1)) >= 5


def test_a_faulty_file_is_the_answer_to_the_wish_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def spoil(changed: Changed) -> None:
        changed.path.write_text("mute: perhaps\n")
        changed.results.append(changed.daemon.control.change(None))

    run = Changed(tmp_path, caplog, spoil)
    assert "the configuration stays as it was: " in str(run.results[0].exception())


def test_a_flood_of_changes_delays_no_audio(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "config.yaml").write_text("")
    daemon, _ = make_daemon(tmp_path / "config.yaml", Witness(), caplog)
    wanted = [daemon.control.change({"thresholds": {"yes": 0.9}}) for _ in range(MAX_CHANGES)]
    with pytest.raises(KwsEdgeError, match="16 changes wait already"):
        daemon.control.change({"mute": True})
    assert wanted[0].cancel(), "as a client does that waits no longer"
    run_briefly(daemon)
    assert all(one.done() for one in wanted)
    daemon.control.change({"mute": True})


def run_briefly(daemon: Daemon) -> None:
    daemon.run(Samples(np.zeros(16_000, np.float32)))


def test_the_file_in_use_gets_what_is_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def write(changed: Changed) -> None:
        assert list(changed.daemon.control.write()) == []

    text = "# mine\ndetector: {}  # as it is\n"
    run = Changed(tmp_path, caplog, {"preset": "quiet", "mute": True}, write, text=text)
    assert run.path.read_text() == (
        "# mine\ndetector:     # as it is\n  preset: quiet\nmute: true\n"
    )
    run.reload()
    assert run.daemon.control.in_force.as_dict() == run.states[-1]
    run.path.write_text(text)
    with pytest.raises(ConfigError, match="was changed since it was read"):
        run.daemon.control.write()
    assert run.path.read_text() == text


def test_changes_reach_all_models(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("models: [{model: small-int8}, {model: mfcc-int8}]\n")
    config = load_config(path, environment={}).config
    spotter = make_spotter(config)
    context = SinkContext(spotter.labels, spotter.name, 16_000)
    daemon = Daemon(config, spotter, context, lambda: config)
    daemon.control.change({"mute": True, "keywords": ["up"], "thresholds": {"up": 0.5}})
    preset = daemon.control.change({"preset": "quiet"})
    run_briefly(daemon)
    assert [one.muted for one in spotter.members] == [True, True]
    assert [one.active_keywords for one in spotter.members] == [("up",), ("up",)]
    assert [one.config.threshold_of("up") for one in spotter.members] == [0.5, 0.5]
    assert daemon.control.in_force.preset is None
    assert "preset: several models listen" in str(preset.exception())
    with pytest.raises(ConfigError, match="of several models can only be changed there by hand"):
        daemon.control.write()
