"""The connection to an MQTT broker: its settings, and a client that bounds what a broker sends."""

import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.config.schema import check_bounds, setting
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.extras import import_extra, install_hint
from kws_edge.files import read_secret
from kws_edge.sinks.base import queue_setting

OFFLINE = "offline"  # what Home Assistant expects
MAX_INCOMING_BYTES = 64  # of a message from the broker: a client without subscriptions gets 2
MAX_COMMAND_BYTES = 4096
MAX_TEXT_BYTES = 65_000  # the protocol allows 65,535, and kws-edge appends to topics


@dataclass(frozen=True)
class MqttConfig:
    """An MQTT broker."""

    host: str = setting(doc="Name or address of the broker.")
    port: int = setting(
        0,
        doc="Port of the broker.",
        minimum=0,
        maximum=65_535,
        unset="1883, with TLS 8883",
    )
    topic: str = setting(
        "kws-edge", doc="Events go to TOPIC/event and the state to TOPIC/status; one a device."
    )
    device_name: str = setting("", doc="Name of the device in Home Assistant.", unset="the topic")
    client_id: str = setting(
        "", doc="Identity at the broker; one a device.", unset="another one for each process"
    )
    password_file: Path | None = setting(
        None,
        doc="File with user:password in one line, readable by its owner alone.",
        unset="no login",
    )
    tls: bool = setting(False, doc="Encrypt the connection and verify the broker's certificate.")
    ca_file: Path | None = setting(
        None,
        doc="Certificates (PEM) to trust instead of the system's; needs tls.",
        unset="the system's authorities",
    )
    discovery: str = setting(
        "homeassistant",
        doc="Prefix below which Home Assistant looks for announcements; '' announces nothing.",
    )
    control: bool = setting(
        False,
        doc="Take changes of mute, preset, keywords and thresholds from TOPIC/set, and offer them"
        " to Home Assistant. Any client that may publish there can then make them.",
    )
    keep: int = setting(
        100,
        doc="Events kept while the broker is away, the newest ones.",
        unit="events",
        minimum=1,
        maximum=100_000,
    )
    queue: int = queue_setting(100)

    def __post_init__(self) -> None:
        check_bounds(self)
        faults = [_host_fault(self.host)] + [
            f"{name}: {value!r} cannot be published to"
            for name, value in (("topic", self.topic), ("discovery", self.discovery))
            if not _can_publish(value) and (value or name == "topic")
        ]
        if len(self.client_id.encode()) > MAX_TEXT_BYTES:
            faults.append(f"client_id: has more than {MAX_TEXT_BYTES} bytes")
        if self.ca_file and not self.tls:
            faults.append("ca_file: has no meaning without tls: true")
        if faults := [fault for fault in faults if fault]:
            raise ValidationErrors(faults)

    @property
    def broker_port(self) -> int:
        """The port to connect to, by default that of the protocol."""
        return self.port or (8883 if self.tls else 1883)


def _host_fault(host: str) -> str:
    if not host.strip():
        return "host: is empty"
    try:
        host.encode("idna")
    except UnicodeError:
        return f"host: {host!r} is no name of a host"
    return ""


def _can_publish(topic: str) -> bool:
    """No wildcards. The broker reserves topics that begin with ``$`` and drops our messages."""
    size = len(topic.encode(errors="replace"))
    return 0 < size <= MAX_TEXT_BYTES and not set(topic) & set("#+\0") and topic[0] != "$"


def make_client(config: MqttConfig) -> Any:
    """A ``paho.mqtt.client.Client``, not connected.

    Without ``client_id`` each process makes its own: two clients with the same one would
    disconnect each other forever. Raises `ConfigError` for a password file or authority that
    cannot be used, and where paho is not installed.
    """
    paho = import_extra("paho.mqtt.client", "mqtt")
    if not hasattr(paho, "CallbackAPIVersion"):
        raise ConfigError(f"mqtt: paho-mqtt is too old; {install_hint('mqtt')}")
    client_id = config.client_id or f"kws-edge-{socket.gethostname()}-{secrets.token_hex(4)}"
    longest = (
        MAX_COMMAND_BYTES + len(config.topic.encode()) if config.control else MAX_INCOMING_BYTES
    )
    client = _bounded(paho, longest)(paho.CallbackAPIVersion.VERSION2, client_id)
    client.will_set(f"{config.topic}/status", OFFLINE, qos=1, retain=True)
    if config.password_file:
        client.username_pw_set(*_credentials(config))
    if config.tls:
        import ssl  # takes as long to import as all other modules of this file

        try:
            client.tls_set(str(config.ca_file) if config.ca_file else None)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or str(error)
            raise ConfigError(f"mqtt.ca_file: {config.ca_file}: {reason}") from error
    return client


def _bounded(paho: Any, longest: int) -> Any:
    """paho's client, which takes what a broker sends as it comes: messages of up to 256 MB, and
    exceptions for malformed ones, which end its thread. Here both end the connection.

    ``longest``: bytes of a message.
    """

    class BoundedClient(paho.Client):  # type: ignore[misc]
        def _sock_recv(self, bufsize: int) -> Any:
            if bufsize > longest:
                raise ValueError(f"a message of {bufsize} bytes")
            return super()._sock_recv(bufsize)

        def loop_read(self, max_packets: int = 1) -> Any:
            try:
                return super().loop_read(max_packets)
            except Exception as error:
                reason = f"the broker sent nonsense: {type(error).__name__}: {error}"
                self.on_disconnect(self, None, None, reason, None)
                return paho.MQTT_ERR_PROTOCOL

    return BoundedClient


def _credentials(config: MqttConfig) -> tuple[str, str]:
    assert config.password_file
    text = read_secret(config.password_file, "mqtt.password_file")
    user, colon, password = text.partition(":")
    if not user or not colon or "\n" in text:
        raise ConfigError(
            f"mqtt.password_file: {config.password_file}: expected user:password in one line"
        )
    return user, password
