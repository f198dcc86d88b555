"""To add a sink: one module and one line of the registry, and everything else follows.

The module is written here and registered from the test: two files as a contributor would touch,
``kws_edge/sinks/log_file.py`` and ``kws_edge/sinks/__init__.py``.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from kws_edge.audio.files import read_audio
from kws_edge.config.config import needs_restart
from kws_edge.config.reference import reference
from kws_edge.config.settings import load_config, settings
from kws_edge.daemon.control import make_spotter
from kws_edge.daemon.daemon import Daemon
from kws_edge.errors import ConfigError
from kws_edge.model.file import demo_recording
from kws_edge.sinks import SINKS
from kws_edge.sinks.build import SinkContext
from kws_edge.sources.base import Samples

LOG_FILE_SINK = '''
"""Events appended to a text file."""

from dataclasses import dataclass
from pathlib import Path

from kws_edge.config.schema import check_bounds, setting
from kws_edge.errors import ConfigError
from kws_edge.events import Event
from kws_edge.files import append_line
from kws_edge.sinks.base import SinkContext, SinkKind, SinkPlan, queue_setting


@dataclass(frozen=True)
class LogFileConfig:
    path: Path = setting(doc="The file that grows.")
    queue: int = queue_setting(50, 1000)

    def __post_init__(self) -> None:
        check_bounds(self)


class LogFileSink:
    name = "log_file"

    def __init__(self, config: LogFileConfig) -> None:
        self._path = config.path

    def open(self) -> None:
        pass

    def handle(self, event: Event) -> None:
        append_line(self._path, event.to_json())

    def close(self) -> None:
        pass


def _plan(name: str, settings: LogFileConfig, context: SinkContext) -> SinkPlan:
    if not settings.path.parent.is_dir():
        raise ConfigError(f"{name}.path: {settings.path.parent} is no folder")
    return SinkPlan(LogFileSink(settings), settings.queue, (name, settings))


SINK = SinkKind("A text file of all events.", LogFileConfig, _plan)
'''


@pytest.fixture(autouse=True)
def _registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log_file_sink.py").write_text(LOG_FILE_SINK)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(SINKS, "log_file", "log_file_sink")
    monkeypatch.delitem(sys.modules, "log_file_sink", raising=False)


def test_an_event_goes_through_engine_and_worker_to_the_new_sink(tmp_path: Path) -> None:
    path, out = tmp_path / "config.yaml", tmp_path / "events.jsonl"
    path.write_text(f"model: mfcc-int8\nlog_file: {{path: {out}}}\n")
    config = load_config(path, environment={}).config
    spotter = make_spotter(config)
    context = SinkContext(spotter.labels, spotter.name, 16_000)
    daemon = Daemon(config, spotter, context, lambda: config)
    assert [name for name, _ in daemon.sinks.by_name()] == ["log_file"]
    daemon.run(Samples(read_audio(demo_recording(), 16_000)))
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert [event["type"] for event in events][-2:] == ["detection", "stopped"]
    assert len(events) == daemon.engine.detections + 1 >= 6
    assert needs_restart(load_config(environment={}).config, config) == []


def test_a_folder_that_is_missing_is_a_fault_of_the_configuration(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"log_file: {{path: {tmp_path / 'missing' / 'events.jsonl'}}}\n")
    config = load_config(path, environment={}).config
    spotter = make_spotter(config)
    with pytest.raises(ConfigError, match=r"log_file\.path: .*missing is no folder"):
        Daemon(config, spotter, SinkContext(spotter.labels, spotter.name, 16_000), lambda: config)


def test_its_settings_have_flags_bounds_and_a_row_in_the_reference(tmp_path: Path) -> None:
    by_path = {setting.path: setting for setting in settings()}
    assert by_path["log_file.path"].flag == "--log-file-path"
    assert by_path["log_file.path"].variable == "KWS_EDGE_LOG_FILE_PATH"
    assert "| `log_file.queue` | integer | events | `50` | 1 to 1000 | Events that" in reference()
    path = tmp_path / "config.yaml"
    path.write_text("log_file: {path: a, queue: 0}\nlog_fiel: {}\n")
    with pytest.raises(ConfigError) as error:
        load_config(path, environment={})
    assert "log_file.queue: 0 is not within 1 to 1000 events" in str(error.value)
    assert "log_fiel: unknown, did you mean log_file?" in str(error.value)


def test_reading_a_configuration_imports_no_library_of_an_extra() -> None:
    program = (
        "import sys; from kws_edge.config.settings import load_config;"
        "load_config(flags={'mqtt.host': 'h', 'metrics.port': '1'}, environment={});"
        "print([m for m in ('paho', 'prometheus_client', 'ssl') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
