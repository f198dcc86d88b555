"""Configuration: what wins, what is said when it is wrong, and its commands."""

import os
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from conftest import Command

from kws_edge.cli.config import command as config_command
from kws_edge.config import settings as settings_module
from kws_edge.config.config import Config
from kws_edge.config.settings import load_config, settings
from kws_edge.errors import ConfigError, MissingFileError


def write(folder: Path, text: str, name: str = "config.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_flags_win_over_variables_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "model: from-file\nthreads: 2\nmqtt: {host: a, port: 1000}\n")
    environment = {"KWS_EDGE_THREADS": "3", "KWS_EDGE_MQTT_PORT": "1001"}
    config = load_config(file, {"mqtt.port": "1002"}, environment).config
    assert (config.model, config.threads) == ("from-file", 3)
    assert (config.sinks["mqtt"].host, config.sinks["mqtt"].port) == ("a", 1002)


def test_the_users_file_is_found(tmp_path: Path) -> None:
    write(tmp_path, "threads: 4\n", "kws-edge/config.yaml")
    loaded = load_config(environment={"XDG_CONFIG_HOME": str(tmp_path)})
    assert loaded.config.threads == 4
    assert loaded.file == tmp_path / "kws-edge" / "config.yaml"
    assert load_config(environment={"XDG_CONFIG_HOME": "/nowhere"}).config == Config()


def test_keywords_need_no_quotes(tmp_path: Path) -> None:
    text = "detector: {thresholds: {yes: 0.9, no: 0.8}}\n"
    text += "commands:\n- run: [lights, on]\n  keywords: [yes, no]\n"
    config = load_config(write(tmp_path, text), environment={}).config
    assert config.detector.thresholds == {"yes": 0.9, "no": 0.8}
    [command] = config.sinks["commands"]
    assert command.run == ("lights", "on")
    assert command.keywords == ("yes", "no")


def test_all_faults_come_at_once_with_their_place(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "modle: a\nmqtt: {host: h, prot: 1}\nmetrics: {port: 70000}\ncommands: [{run: []}]\n",
    )
    with pytest.raises(ConfigError) as error:
        load_config(file, {"detector.threshold": "high"}, {"KWS_EDGE_CLIPS_SECONDS": "-1"})
    for fault in (
        f"{file}: modle: unknown, did you mean model?",
        f"{file}: mqtt.prot: unknown, did you mean port?",
        f"{file}: metrics.port: 70000 is not within 0 to 65535",
        f"{file}: commands[0].run: names no program",
        "--detector-threshold: found str 'high'",
        "clips.folder: missing",
    ):
        assert fault in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["- a\n", "just text\n"])
def test_a_file_that_is_no_mapping(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a mapping"):
        load_config(write(tmp_path, text), environment={})


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        load_config(tmp_path / "none.yaml", environment={})


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "# nothing\n"), environment={}).config == Config()


def test_every_setting_has_its_own_flag_and_variable() -> None:
    everything = settings()
    assert len({s.flag for s in everything}) == len({s.variable for s in everything})
    assert len(everything) == len({s.path for s in everything}) > 25


def test_config_init_writes_what_config_check_accepts(tmp_path: Path, run_command: Command) -> None:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    path = tmp_path / "kws-edge" / "config.yaml"
    written = run_command("config", "init", env=environment)
    assert written.stdout.strip() == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    checked = run_command("config", "check", env=environment)
    assert checked.stdout == f"{path}: ok\n", checked.stderr
    again = run_command("config", "init", env=environment)
    assert again.returncode == 78
    assert "is there already" in again.stderr


def test_the_systems_file_can_be_read_by_the_user_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    before = os.umask(0o077)
    request.addfinalizer(lambda: os.umask(before))
    monkeypatch.setattr(settings_module, "SYSTEM_FILE", tmp_path / "etc" / "config.yaml")
    for folder, mode in (("etc", 0o644), ("home", 0o600)):
        path = tmp_path / folder / "config.yaml"
        result = CliRunner().invoke(config_command, ["init", str(path)])
        assert result.exit_code == 0, result.output
        assert path.stat().st_mode & 0o777 == mode


def test_the_examples_comments_are_settings_too(tmp_path: Path) -> None:
    """Each commented setting of the example, uncommented, is accepted."""
    from kws_edge.cli.config import EXAMPLE

    lines = (
        EXAMPLE.read_text()
        .replace("detector: {}", "detector:")
        .replace("commands: []", "commands:")
    )
    settings_in_comments = [
        line.replace("# ", "", 1) if line.lstrip().startswith("# ") and ":" in line else line
        for line in lines.splitlines()
    ]
    text = [
        line.replace("#  ", "  ", 1)
        for line in settings_in_comments
        if not line or line.startswith(("#  ", " ")) or line.split(":")[0].isidentifier()
    ]
    config = load_config(write(tmp_path, "\n".join(text)), environment={}).config
    assert config.detector.thresholds == {"yes": 0.9, "no": 0.7}
    assert config.sinks["mqtt"].tls
    assert len(config.sinks["commands"]) == 2
    assert "clips" in config.sinks


def test_config_show_is_a_configuration(run_command: Command, tmp_path: Path) -> None:
    shown = run_command("config", "show", "--mqtt-host", "h", "--detector-thresholds", "{no: 0.5}")
    assert shown.returncode == 0, shown.stderr
    document = yaml.safe_load(shown.stdout)
    assert document["mqtt"]["host"] == "h"
    config = load_config(write(tmp_path, shown.stdout), environment={}).config
    assert config.detector.thresholds == {"no": 0.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("detector: {thresholds: {hello: 0.5}}\n", "detector.thresholds.hello: the model has no"),
        (
            "commands: [{run: [a], keywords: [hello]}]\n",
            "commands[0].keywords: the model has no keyword",
        ),
        ("detector: {threshold: 3}\n", "detector.threshold: 3.0 is not within 0 to 1"),
        ("threads: 0\n", "threads: 0 is not within 1 to 64"),
        ("mqtt: {host: a, ca_file: /x}\n", "mqtt.ca_file: has no meaning without tls"),
    ],
)
def test_config_check_finds(text: str, message: str, tmp_path: Path, run_command: Command) -> None:
    result = run_command("config", "check", "--config", write(tmp_path, text))
    assert result.returncode == 78
    assert message in result.stderr
    assert "Traceback" not in result.stderr
