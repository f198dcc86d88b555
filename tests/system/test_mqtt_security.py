"""Who the broker lets in, and who it is: passwords, TLS, and settings that cannot be used."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mosquitto import Broker, needs_mosquitto, retained
from sink_parts import wait_for
from test_mqtt import LABELS, logged, publisher

from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.sinks.base import SinkWorker
from kws_edge.sinks.mqtt import MqttSink
from kws_edge.sinks.mqtt_client import MqttConfig

pytestmark = needs_mosquitto


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_wrong_password_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker, password = protected(tmp_path, "pi:wrong")
    worker, _ = publisher(broker.port, password_file=password)
    try:
        wait_for(lambda: broker.log.count("disconnected, not auth") >= 3, "three attempts")
        assert logged(caplog, "no connection to") == 1
        assert "see mqtt.password_file" in caplog.text
        assert worker.close(30)
    finally:
        broker.stop()


def test_the_right_password(tmp_path: Path) -> None:
    broker, password = protected(tmp_path, "pi:correct horse:battery")
    worker, _ = publisher(broker.port, password_file=password)
    try:
        login = ("-u", "pi", "-P", "correct horse:battery")
        wait_for(lambda: retained(broker, "kws-edge/status", *login) == "online", "the birth")
        assert worker.close(30)
    finally:
        broker.stop()


def protected(folder: Path, credentials: str) -> tuple[Broker, Path]:
    """A broker that knows one user, and a file with credentials."""
    users = folder / "users"
    subprocess.run(
        ["mosquitto_passwd", "-c", "-b", users, "pi", "correct horse:battery"],
        check=True,
        capture_output=True,
    )
    password = folder / "password"
    password.touch(0o600)
    password.write_text(f"{credentials}\n")
    return Broker(folder, f"allow_anonymous false\npassword_file {users}").start(), password


def certificates(folder: Path) -> None:
    """An authority, a server for 127.0.0.1, and an authority that has nothing to do with it."""
    key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    for name in ("ca", "other"):
        run(
            "openssl",
            "req",
            "-x509",
            *key,
            "-subj",
            f"/CN={name}",
            "-keyout",
            folder / f"{name}.key",
            "-out",
            folder / f"{name}.pem",
        )
    run(
        "openssl",
        "req",
        *key,
        "-subj",
        "/CN=127.0.0.1",
        "-keyout",
        folder / "server.key",
        "-out",
        folder / "server.csr",
    )
    names = folder / "names"
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    run(
        "openssl",
        "x509",
        "-req",
        "-in",
        folder / "server.csr",
        "-CA",
        folder / "ca.pem",
        "-CAkey",
        folder / "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        names,
        "-out",
        folder / "server.pem",
    )


def run(*arguments: object) -> None:
    subprocess.run([str(a) for a in arguments], check=True, capture_output=True)


def test_tls(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificates(tmp_path)
    broker = Broker(
        tmp_path,
        f"allow_anonymous true\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key",
    ).start()
    ca = tmp_path / "ca.pem"
    try:
        wrong, _ = publisher(broker.port, tls=True, ca_file=tmp_path / "other.pem", topic="wrong")
        system, _ = publisher(broker.port, tls=True, topic="system")
        right, _ = publisher(broker.port, tls=True, ca_file=ca)
        wait_for(
            lambda: retained(broker, "kws-edge/status", "--cafile", str(ca)) == "online",
            "the birth over TLS",
        )
        wait_for(lambda: logged(caplog, "certificate verify failed") == 2, "both refusals")
        for worker in (wrong, system, right):
            assert worker.close(30)
        assert retained(broker, "kws-edge/status", "--cafile", str(ca)) == "offline"
    finally:
        broker.stop()


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        ("pi:secret", 0o644, r"open to others \(mode 644\); chmod 600"),
        ("pi:secret", 0o640, r"open to others \(mode 640\)"),
        ("secret", 0o600, "expected user:password in one line"),
        ("pi:one\npi:two", 0o600, "expected user:password in one line"),
        (None, 0, "No such file"),
    ],
)
def test_password_files(tmp_path: Path, content: str | None, mode: int, message: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    with pytest.raises(ConfigError, match=f"^mqtt.password_file: .*{message}"):
        publisher(1, password_file=file)


def test_credentials_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("pi:secret\n")
    file.chmod(0o440)  # as LoadCredential= hands it to a service
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    MqttSink(MqttConfig("127.0.0.1", password_file=file), LABELS, "model")


def test_hosts_that_cannot_be(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValidationErrors, match=r"^host: 'a..b' is no name of a host"):
        MqttConfig("a..b")
    worker = SinkWorker(MqttSink(MqttConfig("no-such-host.invalid"), LABELS, "model"))
    wait_for(lambda: logged(caplog, "no connection to no-such-host.invalid:1883: "), "the line")
    worker.close(30)


def test_missing_authority_and_missing_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"^mqtt.ca_file: .*none.pem: No such file"):
        publisher(1, tls=True, ca_file=tmp_path / "none.pem")
    absent: Any = None
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", absent)
    with pytest.raises(ConfigError, match=r"pip install 'paho-mqtt>=2.0'"):
        publisher(1)
