"""A paho client made from the configuration: identity, credentials, TLS, last will."""

import secrets
import socket
import ssl
from typing import Any

from kws_edge.config.config import MqttConfig
from kws_edge.errors import ConfigError
from kws_edge.extras import import_extra
from kws_edge.files import read_secret

ONLINE, OFFLINE = "online", "offline"  # what Home Assistant expects
RECONNECT_SECONDS = (1, 60)


def make_client(config: MqttConfig) -> Any:
    """A ``paho.mqtt.client.Client``, not connected.

    Without ``client_id`` each process has its own: two with the same one would throw each
    other out for ever. Raises `ConfigError` for a host, password file or authority that
    cannot be used, and where paho is not installed.
    """
    paho = import_extra("paho.mqtt.client", "mqtt")
    if not hasattr(paho, "CallbackAPIVersion"):
        raise ConfigError("mqtt: paho-mqtt is too old: pip install 'paho-mqtt>=2.0'")
    try:
        config.host.encode("idna")
    except UnicodeError as error:
        raise ConfigError(f"mqtt.host: {config.host!r} is no name of a host") from error
    client_id = config.client_id or f"kws-edge-{socket.gethostname()}-{secrets.token_hex(4)}"
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id)
    client.reconnect_delay_set(*RECONNECT_SECONDS)
    client.will_set(f"{config.topic}/status", OFFLINE, qos=1, retain=True)
    if config.password_file:
        client.username_pw_set(*_credentials(config))
    if config.tls:
        try:
            client.tls_set(str(config.ca_file) if config.ca_file else None)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or str(error)
            raise ConfigError(f"mqtt.ca_file: {config.ca_file}: {reason}") from error
    return client


def broker_port(config: MqttConfig) -> int:
    """The port to connect to, by default that of the protocol."""
    return config.port or (8883 if config.tls else 1883)


def _credentials(config: MqttConfig) -> tuple[str, str]:
    assert config.password_file
    text = read_secret(config.password_file, "mqtt.password_file")
    user, colon, password = text.partition(":")
    if not user or not colon or "\n" in text:
        raise ConfigError(
            f"mqtt.password_file: {config.password_file}: expected user:password in one line"
        )
    return user, password
