"""The files of the container images and of Home Assistant's app; scripts/container builds them."""

import configparser
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from conftest import ROOT, Command

from kws_edge import __version__

APP = ROOT / "packaging" / "home-assistant"
CONTAINERFILE = (ROOT / "packaging" / "Containerfile").read_text()
# What the Supervisor (2026.08, supervisor/apps/validate.py and options.py) takes
REQUIRED = {"name", "version", "slug", "description", "arch"}
OPTION = re.compile(
    r"(bool|email|url|port|str|password|int|float|match\(.*\)|list\(.+\)"
    r"|(str|password)\(\d*,\d*\)|int\(-?\d*,-?\d*\)|float\(-?[\d.]*,-?[\d.]*\))\??"
)


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """``config.yaml`` as YAML 1.1 has it, which the Supervisor reads."""
    found: dict[str, Any] = yaml.safe_load((APP / "config.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def start() -> ModuleType:
    spec = importlib.util.spec_from_file_location("start", APP / "start.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_app_has_what_the_supervisor_requires(config: dict[str, Any]) -> None:
    assert config.keys() >= REQUIRED
    assert config["version"] == __version__
    assert set(config["arch"]) <= {"aarch64", "amd64"}
    assert re.fullmatch(r"[-_.A-Za-z0-9]+", config["slug"])
    assert all(re.fullmatch(r"(mqtt|mysql):(provide|want|need)", s) for s in config["services"])
    assert "image" not in config, "no image of it is in a registry: Home Assistant builds the app"


def test_each_option_has_a_valid_type_and_default(config: dict[str, Any]) -> None:
    for name, kind in config["schema"].items():
        (element,) = kind if isinstance(kind, list) else [kind]
        assert OPTION.fullmatch(element), f"{name}: {kind}"
        assert (name in config["options"]) != element.endswith("?") or isinstance(kind, list), name
    assert config["options"].keys() <= config["schema"].keys()


@pytest.mark.parametrize(
    "path", sorted((APP / "translations").glob("*.yaml")), ids=lambda p: p.stem
)
def test_a_translation_names_each_option(path: Path, config: dict[str, Any]) -> None:
    texts = yaml.safe_load(path.read_text())
    assert texts.keys() == {"configuration"}
    assert texts["configuration"].keys() == config["schema"].keys()
    assert all(text.keys() == {"name", "description"} for text in texts["configuration"].values())


def test_the_options_become_a_valid_command_line(
    config: dict[str, Any], start: ModuleType, run_command: Command
) -> None:
    options = config["options"] | {"keywords": ["yes", "no"], "preset": "quiet", "control": True}
    options |= {"threshold": 0.9, "mqtt_topic": "kitchen", "save_clips": True}
    broker = {"host": "core-mosquitto", "port": 1883, "ssl": False, "username": "app"}
    command = start.arguments(options, broker)
    assert command[:2] == ["kws-edge", "listen"]
    flags = [flag for flag in command if "=" in flag]
    shown = run_command("config", "show", *flags)
    assert shown.returncode == 0, shown.stderr
    settings = yaml.safe_load(shown.stdout)
    assert settings["keywords"] == ["yes", "no"]
    assert settings["detector"] | {"preset": "quiet", "threshold": 0.9} == settings["detector"]
    assert settings["clips"]["folder"] == "/config/clips"
    mqtt = {"host": "core-mosquitto", "topic": "kitchen", "tls": False, "control": True}
    assert settings["mqtt"] | mqtt == settings["mqtt"]
    assert (settings["page"]["proxy"], settings["page"]["host"]) == ("172.30.32.2", "0.0.0.0")  # noqa: S104
    assert settings["page"]["port"] == config["ingress_port"]
    assert f":{config['ingress_port']}" in config["watchdog"]


def test_without_a_broker_there_is_no_mqtt(config: dict[str, Any], start: ModuleType) -> None:
    assert not [f for f in start.arguments(config["options"], None) if f.startswith("--mqtt")]


def test_outside_home_assistant_one_line_says_so() -> None:
    result = subprocess.run(
        [sys.executable, APP / "start.py"], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 66
    assert "/data/options.json" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_image_installs_extras_that_exist() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", CONTAINERFILE, re.MULTILINE)
    assert set(extras.split(",")) <= set(setup["options.extras_require"])


def test_the_images_are_those_that_the_script_builds() -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)$", CONTAINERFILE, re.MULTILINE)
    assert stages == ["build", "kws-edge", "home-assistant"], "the last is what an app is built of"
    script = (ROOT / "scripts" / "container").read_text()
    assert f"for target in {' '.join(stages[1:])};" in script
    assert re.findall(r"^ARG BASE=(\S+)$", CONTAINERFILE, re.MULTILINE)[0].endswith("-slim")
    image, app = CONTAINERFILE.split(" AS kws-edge\n")[1].split(" AS home-assistant\n")
    assert re.findall(r"^USER (\S+)$", image, re.MULTILINE) == ["kws-edge"], "not root"
    assert re.findall(r"^USER (\S+)$", app, re.MULTILINE) == ["root"], "to read the options"


def test_the_folder_of_the_app_is_whole(tmp_path: Path) -> None:
    wheel = tmp_path / f"kws_edge-{__version__}-py3-none-any.whl"
    wheel.touch()
    subprocess.run(
        [ROOT / "scripts" / "container", "app", tmp_path / "app"],
        env={"WHEEL": str(wheel), "PATH": "/usr/bin:/bin"},
        check=True,
        timeout=60,
    )
    folder = tmp_path / "app"
    copied = re.findall(r"^COPY (\S+) ", (folder / "Dockerfile").read_text(), re.MULTILINE)
    sources = [name for name in copied if not name.startswith("--")]
    assert sources == ["kws_edge-*.whl", "start.py"]
    assert all(list(folder.glob(name)) for name in sources)
    assert {"config.yaml", "DOCS.md", "translations"} <= {p.name for p in folder.iterdir()}
