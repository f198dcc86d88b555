"""Events to an MQTT broker: ``<topic>/event``, ``<topic>/status``, Home Assistant discovery."""

import json
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from kws_edge.config.config import MqttConfig
from kws_edge.events import Event
from kws_edge.sinks.home_assistant import discovery_payload, discovery_topic
from kws_edge.sinks.mqtt_client import (
    OFFLINE,
    ONLINE,
    RECONNECT_SECONDS,
    broker_port,
    make_client,
)

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 30
STEADY_SECONDS = 10.0  # a connection that is lost sooner makes the next attempt wait longer
FLUSH_SECONDS = 0.3  # for events that wait when the daemon ends, and as much for "offline"


class MqttSink:
    """Keeps the newest ``keep`` events while the broker is away.

    One event is on its way at a time, with QoS 1: the next follows when the broker has
    acknowledged it, so that their order is kept over a reconnection. An event whose
    acknowledgement was lost arrives twice, with the same ``id``.

    paho's callbacks run in its own thread and under its locks: they only note what happened,
    and a thread of our own publishes events.
    """

    name = "mqtt"

    def __init__(self, config: MqttConfig, labels: Sequence[str], model_name: str) -> None:
        """Raises `ConfigError`."""
        self._config = config
        self._where = f"{config.host}:{broker_port(config)}"
        self._discovery = json.dumps(discovery_payload(config.topic, labels, model_name))
        self.dropped = 0
        self._changed = threading.Condition()  # and the lock of what follows
        self._outbox: deque[Event] = deque()
        self._sending = False
        self._acknowledged: set[int] = set()
        self._births: set[int] = set()  # messages of a connection's start, on their way
        self._connected_at: float | None = None
        self._losses = 0  # connections in a row that did not last
        self._told: set[str] = set()  # reasons for no connection, since the last one
        self._closing = self._ending = False
        self._client = make_client(config)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    @property
    def waiting(self) -> int:
        """Events not yet acknowledged by the broker."""
        return len(self._outbox) + self._sending

    def open(self) -> None:
        """Begin to connect, and go on trying."""
        self._client.connect_async(self._config.host, broker_port(self._config), KEEP_ALIVE_SECONDS)
        self._client.loop_start()
        threading.Thread(target=self._send, name="mqtt-send", daemon=True).start()

    def handle(self, event: Event) -> None:
        """Put the event in line; the oldest one goes where there is no room."""
        with self._changed:
            if len(self._outbox) >= self._config.keep:
                self._outbox.popleft()
                self.dropped += 1
                if self.dropped == 1 or self.dropped % 100 == 0:
                    log.warning("mqtt: %d events dropped while the broker is away", self.dropped)
            self._outbox.append(event)
            self._changed.notify_all()

    def close(self) -> None:
        """Send what waits, say "offline" and go, in about 0.7 s at most."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._connected_at is None or not self.waiting, FLUSH_SECONDS
            )
            self._closing = True
            online = self._connected_at is not None
        if online:
            sent = self._client.publish(self._topic("status"), OFFLINE, qos=1, retain=True)
            self._wait_for(sent.mid, FLUSH_SECONDS)
        self._client.disconnect()
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self.waiting:
            log.warning("mqtt: %d events were not delivered", self.waiting)
            self.dropped += self.waiting
        # It may be within a connection attempt, which has a timeout of its own.
        stop = threading.Thread(target=self._client.loop_stop, name="mqtt-stop", daemon=True)
        stop.start()
        stop.join(0.1)

    def _topic(self, name: str) -> str:
        return f"{self._config.topic}/{name}"

    def _send(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._ending or (self._connected_at is not None and self._outbox)
                )
                if self._ending:
                    return
                event = self._outbox.popleft()
                self._sending = True
            # If the connection is lost now, paho keeps it and sends it after the next one.
            sent = self._client.publish(self._topic("event"), event.to_json(), qos=1)
            self._wait_for(sent.mid)
            with self._changed:
                self._sending = self._ending  # what never was acknowledged still counts
                self._changed.notify_all()

    def _wait_for(self, mid: int, timeout: float | None = None) -> None:
        """Until the broker has acknowledged a message, or all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._ending or mid in self._acknowledged, timeout)
            self._acknowledged.discard(mid)

    def _on_connect(
        self, client: Any, _data: object, _flags: object, reason: Any, _properties: object
    ) -> None:
        if reason.is_failure:
            advice = "; see mqtt.password_file" if reason.value in (134, 135) else ""
            self._complain(f"{reason}{advice}")
            return
        if self._closing:
            client.disconnect()
            return
        log.info("mqtt: connected to %s", self._where)
        with self._changed:
            # Those that a lost connection left unacknowledged paho sends again itself.
            if not self._births:
                self._births.add(
                    client.publish(self._topic("status"), ONLINE, qos=1, retain=True).mid
                )
                if self._config.discovery:
                    topic = discovery_topic(self._config.discovery, self._config.topic)
                    self._births.add(client.publish(topic, self._discovery, qos=1, retain=True).mid)
            self._told.clear()
            self._connected_at = time.monotonic()
            self._changed.notify_all()

    def _on_connect_fail(self, _client: object, _data: object) -> None:
        error = sys.exc_info()[1]  # paho calls this while it handles the exception
        self._complain(getattr(error, "strerror", None) or str(error) or "no answer")

    def _on_disconnect(
        self, client: Any, _data: object, _flags: object, reason: object, _properties: object
    ) -> None:
        with self._changed:
            since, self._connected_at = self._connected_at, None
            self._changed.notify_all()
        if since is None or self._closing:
            return
        log.warning("mqtt: connection to %s lost (%s); events are kept", self._where, reason)
        # paho begins again with the shortest delay after each success, so that two clients
        # with one id would throw each other out every second.
        self._losses = self._losses + 1 if time.monotonic() - since < STEADY_SECONDS else 0
        least, most = RECONNECT_SECONDS
        client.reconnect_delay_set(min(least * 2**self._losses, most), most)

    def _on_publish(
        self, _client: object, _data: object, mid: int, _reason: object, _properties: object
    ) -> None:
        with self._changed:
            if mid in self._births:
                self._births.discard(mid)
            else:
                self._acknowledged.add(mid)
                self._changed.notify_all()

    def _complain(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            log.error("mqtt: no connection to %s: %s; trying on", self._where, reason)
