"""The reference page, ``--help``, ``config show`` and ``config check`` come from one source."""

import configparser
import os
import re
from pathlib import Path

import pytest
from conftest import ROOT, Command

from kws_edge.config.reference import hidden, option_help, reference
from kws_edge.config.settings import SYSTEM_FILE, load_config, settings, unknown_variables
from kws_edge.extras import PACKAGES
from kws_edge.model.file import find_model, read_model


def test_the_page_is_what_the_command_prints() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == reference(), "run: kws-edge config reference > docs/configuration.md"


def test_the_page_has_a_row_for_each_setting() -> None:
    rows = re.findall(r"^\| `([\w.\[\]]+)` \|(.*)\|$", reference(), re.MULTILINE)
    keys = [key for key, _ in rows]
    assert len(keys) == len(set(keys))
    lists = {key.split("[]")[0] for key in keys if "[]" in key}
    assert {setting.path for setting in settings()} <= lists.union(keys)
    assert lists == {"commands", "models", "sequences"}
    assert all(cells.split("|")[-1].strip() for _, cells in rows)


def test_help_says_what_each_option_means(run_command: Command) -> None:
    text = " ".join(run_command("listen", "--help").stdout.split())
    assert "--mqtt-keep VALUE Events kept while the broker is away, the newest ones." in text
    assert "[1 to 100000 events; default: 100; KWS_EDGE_MQTT_KEEP]" in text
    for setting in settings():
        assert setting.info.doc in option_help(setting)
        assert setting.flag in text


def test_show_names_each_origin_and_hides_secrets(tmp_path: Path, run_command: Command) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("threads: 2\nmqtt: {host: h}\n")
    shown = run_command(
        "config",
        "show",
        "--config",
        path,
        "--preset",
        "quiet",
        "--commands",
        "[{run: [curl, --token, swordfish, 'https://me:swordfish@host/?api_key=swordfish']}]",
        env={**os.environ, "KWS_EDGE_MQTT_PORT": "1999", "KWS_EDGE_MQTT_PROT": "1"},
    )
    assert shown.returncode == 0, shown.stderr
    quiet = read_model(find_model("default")).manifest.presets["quiet"]
    for line in (
        f"threads: 2  # {path}",
        f"  host: h  # {path}",
        "  port: 1999  # KWS_EDGE_MQTT_PORT",
        "  preset: quiet  # --detector-preset",
        "  topic: kws-edge  # default",
        f"  smoothing_ms: null  # default: the model's own, {quiet.smoothing_ms}",
    ):
        assert line in shown.stdout.splitlines()
    assert "swordfish" not in shown.stdout
    assert shown.stdout.count("HIDDEN") == 3
    assert "KWS_EDGE_MQTT_PROT: unknown variable, did you mean KWS_EDGE_MQTT_PORT?" in shown.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdef", "Authorization: Bearer HIDDEN"),
        ("--password=x", "--password=HIDDEN"),
        ("http://h/?token=abc&room=1", "http://h/?token=HIDDEN&room=1"),
        ("turn on the light", "turn on the light"),
        (["-H", "x-api-key: abc"], ["-H", "x-api-key: HIDDEN"]),
        (["--auth-token", "abc", "on"], ["--auth-token", "HIDDEN", "on"]),
    ],
)
def test_what_is_hidden(text: object, shown: object) -> None:
    assert hidden(text) == shown


def test_variables_that_are_no_settings_are_known() -> None:
    environment = dict.fromkeys(("KWS_EDGE_EVENT_LABEL", "KWS_EDGE_CONFIG", "HOME"), "x")
    assert list(unknown_variables(environment)) == []
    assert load_config(environment={"KWS_EDGE_THRAEDS": "2"}).warnings == (
        "KWS_EDGE_THRAEDS: unknown variable, did you mean KWS_EDGE_THREADS?",
    )


def test_check_reports_every_fault_of_every_stage(tmp_path: Path, run_command: Command) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    password = tmp_path / "password"
    password.write_text("pi:secret")
    password.chmod(0o644)
    path = tmp_path / "config.yaml"
    path.write_text(
        "threads: 0\n"
        "detector: {thresholds: {yess: 0.5}}\n"
        f"commands: [{{run: [no-such-program]}}, {{run: [{password}], keywords: [hello]}}]\n"
        f"mqtt: {{host: h, password_file: {password}}}\n"
        f"clips: {{folder: {shared}, max_megabytes: 0.01}}\n"
        "metrics: {prot: 1}\n"
    )
    result = run_command(
        "config", "check", "--config", path, env={**os.environ, "KWS_EDGE_MODLE": "x"}
    )
    assert result.returncode == 78
    lines = [line.removeprefix("kws-edge: ") for line in result.stderr.splitlines()]
    for fault in (
        "warning: KWS_EDGE_MODLE: unknown variable, did you mean KWS_EDGE_MODEL?",
        f"{path}: threads: 0 is not within 1 to 64",
        f"{path}: metrics.prot: unknown, did you mean port?",
        f"{path}: detector.thresholds.yess: the model has no such keyword",
        f"{path}: commands[0].run: 'no-such-program' is not there on PATH",
        f"{path}: commands[1].run: '{password}' is not executable",
        f"{path}: commands[1].keywords: the model has no keyword 'hello'",
        f"{path}: mqtt.password_file: {password} is open to others (mode 644)",
        f"{path}: clips.folder: {shared} is open to others (mode 755)",
        f"{path}: clips.max_megabytes: 0.01 is less than one clip of 2 s takes",
    ):
        assert sum(line.startswith(fault) for line in lines) == 1, fault


def test_check_changes_nothing(tmp_path: Path, run_command: Command) -> None:
    folder = tmp_path / "a" / "clips"
    result = run_command("config", "check", "--clips-folder", str(folder))
    # a machine on which kws-edge is installed has a file
    file = SYSTEM_FILE if SYSTEM_FILE.exists() else "no file, defaults alone"
    assert result.stdout == f"{file}: ok\n", result.stderr
    assert not folder.parent.exists()
    (tmp_path / "file").touch()
    result = run_command("config", "check", "--clips-folder", str(tmp_path / "file" / "clips"))
    assert result.returncode == 78
    assert f"clips.folder: {tmp_path / 'file'}" in result.stderr


def test_check_names_a_missing_model_and_still_checks_the_sinks(
    tmp_path: Path, run_command: Command
) -> None:
    file, commands = tmp_path / "config.yaml", "[{run: [no-such], keywords: [x]}]"
    file.touch()
    result = run_command(
        "config", "check", "--config", file, "--model", "hello", "--commands", commands
    )
    assert result.returncode == 78
    assert re.search(rf"^kws-edge: {file}: model: .*hello", result.stderr, re.MULTILINE)
    assert "commands[0].run: 'no-such' is not there on PATH" in result.stderr
    assert "has no keyword" not in result.stderr


def test_messages_name_the_packages_that_setup_cfg_installs() -> None:
    """kws-edge is on no registry: ``pip install 'kws-edge[mqtt]'`` would find nothing."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for extra, packages in PACKAGES.items():
        assert tuple(setup["options.extras_require"][extra].split("\n")[1:]) == packages
