"""Events to an MQTT broker, the states that they leave behind, and Home Assistant discovery."""

import json
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kws_edge.boundary import is_loopback
from kws_edge.errors import KwsEdgeError
from kws_edge.events import Event
from kws_edge.sinks.base import SinkContext, SinkKind, SinkPlan
from kws_edge.sinks.home_assistant import discovery_payload, discovery_topic, former_topic
from kws_edge.sinks.mqtt_client import OFFLINE, MqttConfig, make_client

if TYPE_CHECKING:
    from concurrent.futures import Future

    from kws_edge.sinks.base import DetectorControl

log = logging.getLogger(__name__)

ONLINE = "online"  # what Home Assistant expects
RECONNECT_SECONDS = (1, 60)
KEEP_ALIVE_SECONDS = 30
STEADY_SECONDS = 10.0  # a connection that is lost sooner makes the next attempt wait longer
FLUSH_SECONDS = 0.3  # for events that wait when the daemon ends, and as much for "offline"
REFUSAL_SECONDS = 1.0  # between two lines in the log about commands: any client may send them


class MqttSink:
    """Keeps the newest ``keep`` events while the broker is away.

    One event is in flight at a time, with QoS 1: the next follows when the broker has
    acknowledged it, so that a reconnection keeps their order. An event whose
    acknowledgement is lost arrives twice, with the same ``id``.

    paho calls back in its own thread and under its locks: the callbacks only record what
    happened, and a thread of this sink publishes events.
    """

    name = "mqtt"

    def __init__(
        self,
        config: MqttConfig,
        labels: Sequence[str],
        model_name: str,
        control: "DetectorControl | None" = None,
    ) -> None:
        """``control``: the settings that ``TOPIC/settings`` reports. Raises `ConfigError`."""
        self._config, self._control = config, control
        self._where = f"{config.host}:{config.broker_port}"
        presets = tuple(control.presets) if control and config.control else None
        words = tuple(control.in_force.thresholds) if control else None
        self._discovery = json.dumps(
            discovery_payload(config.topic, labels, model_name, config.device_name, presets, words)
        )
        self._refused_at = 0.0
        self.dropped = self.handled = 0
        self._changed = threading.Condition()  # also the lock of the fields below
        self._outbox: deque[Event] = deque()
        self._sending = False
        self._acknowledged: set[int] = set()
        self._births: set[int] = set()  # of the messages that follow a connection, in flight
        self._states: dict[str, str] = {}  # what is retained, by topic
        self._connected_at: float | None = None
        self._answered = False  # the broker has accepted or refused the present connection
        self._losses = 0  # connections in a row that did not last
        self._complaints: set[str] = set()  # logged since the last connection
        self._closing = self._ending = False
        self._client = make_client(config)
        self._client.reconnect_delay_set(*RECONNECT_SECONDS)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    @property
    def waiting(self) -> int:
        """Events not yet acknowledged by the broker."""
        return len(self._outbox) + self._sending

    def open(self) -> None:
        """Start to connect; paho's thread retries."""
        config = self._config
        if config.password_file and not config.tls and not is_loopback(config.host):
            log.warning("mqtt: the password goes to %s unencrypted; see mqtt.tls", self._where)
        if self._control:
            state = json.dumps(self._control.in_force.as_dict(), ensure_ascii=False)
            self._states[self._topic("settings")] = state
        self._client.connect_async(self._config.host, self._config.broker_port, KEEP_ALIVE_SECONDS)
        self._client.loop_start()
        threading.Thread(target=self._send, name="mqtt-send", daemon=True).start()

    def handle(self, event: Event) -> None:
        """Queue the event; a full queue drops its oldest."""
        with self._changed:
            if len(self._outbox) >= self._config.keep:
                self._outbox.popleft()
                self.dropped += 1
                if self.dropped == 1 or self.dropped % 100 == 0:
                    log.warning("mqtt: %d events dropped while the broker is away", self.dropped)
            self._outbox.append(event)
            self._changed.notify_all()

    def close(self) -> None:
        """Send the events that wait and "offline", then disconnect, in about 0.7 s at most."""
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
            lost = self.waiting
            self.dropped += lost
            self._outbox.clear()
            self._sending = False
            self._changed.notify_all()
        if lost:
            log.warning("mqtt: %d events were not delivered", lost)
        # paho may be inside a connection attempt, which has its own timeout.
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
            # If the connection is lost now, paho keeps the event and sends it after reconnecting.
            sent = self._client.publish(self._topic("event"), event.to_json(), qos=1)
            self._wait_for(sent.mid)
            if state := _state(event):
                topic, text = self._topic(state[0]), state[1]
                with self._changed:
                    self._states[topic] = text
                sent = self._client.publish(topic, text, qos=1, retain=True)
                self._wait_for(sent.mid)
            with self._changed:
                if self._sending:  # `close` has not given it up
                    self._sending = False
                    self.handled += 1
                self._changed.notify_all()

    def _wait_for(self, mid: int, timeout: float | None = None) -> None:
        """Wait until the broker has acknowledged a message, or the sink ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._ending or mid in self._acknowledged, timeout)
            self._acknowledged.discard(mid)

    def _on_connect(
        self, client: Any, _data: object, _flags: object, reason: Any, _properties: object
    ) -> None:
        self._answered = True
        if reason.is_failure:
            advice = "; see mqtt.password_file" if reason.value in (134, 135) else ""
            self._complain(f"{reason}{advice}")
            return
        if self._closing:
            client.disconnect()
            return
        log.info("mqtt: connected to %s", self._where)
        if self._control and self._config.control:
            client.subscribe(self._topic("set"), qos=1)
        with self._changed:
            # paho itself resends those that a lost connection left unacknowledged.
            if not self._births:
                for topic, text in self._birth().items():
                    self._births.add(client.publish(topic, text, qos=1, retain=True).mid)
            self._complaints.clear()
            self._connected_at = time.monotonic()
            self._changed.notify_all()

    def _birth(self) -> dict[str, str]:
        """What a broker gets after each connection: it may have been restarted without memory."""
        prefix, topic = self._config.discovery, self._config.topic
        messages = {self._topic("status"): ONLINE, **self._states}
        if prefix:
            messages[former_topic(prefix, topic)] = ""
            messages[discovery_topic(prefix, topic)] = self._discovery
        return messages

    def _on_connect_fail(self, _client: object, _data: object) -> None:
        error = sys.exc_info()[1]  # paho calls this while it handles the exception
        self._complain(getattr(error, "strerror", None) or str(error) or "no answer")
        if self._closing:  # in the middle of an attempt when `close` ended it
            self._client.disconnect()

    def _on_disconnect(
        self, client: Any, _data: object, _flags: object, reason: object, _properties: object
    ) -> None:
        with self._changed:
            since, self._connected_at = self._connected_at, None
            answered, self._answered = self._answered, False
            self._changed.notify_all()
        if self._closing:
            return
        if since is None:
            if not answered:
                self._complain(f"the broker did not answer CONNECT ({reason})")
            return
        log.warning("mqtt: connection to %s lost (%s); events are kept", self._where, reason)
        # paho returns to the shortest delay after each success. Two clients with one id
        # would then disconnect each other every second.
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

    def _on_message(self, _client: object, _data: object, message: Any) -> None:
        """A command. One that the broker retained would come again at each connection."""
        if not (self._control and self._config.control) or self._closing:
            return
        try:
            document = json.loads(message.payload)
            if message.retain or not isinstance(document, dict):
                self._refuse("it is retained" if message.retain else "it is no JSON object")
                return
            done = self._control.change(document)
        except KwsEdgeError as error:
            self._refuse(str(error))
        except (ValueError, RecursionError):
            self._refuse("it is no JSON")
        else:
            done.add_done_callback(self._on_done)

    def _on_done(self, done: "Future[None]") -> None:
        """In the engine's thread."""
        if error := done.exception():
            self._refuse(str(error))

    def _refuse(self, reason: str) -> None:
        if time.monotonic() - self._refused_at >= REFUSAL_SECONDS:
            self._refused_at = time.monotonic()
            log.warning("mqtt: a command on %s is refused: %.300s", self._topic("set"), reason)

    def _complain(self, reason: str) -> None:
        if reason not in self._complaints:
            self._complaints.add(reason)
            log.error("mqtt: no connection to %s: %s; retrying", self._where, reason)


def _state(event: Event) -> tuple[str, str] | None:
    """The state that ``event`` leaves behind: its topic below the device's, and its text."""
    if event.type == "microphone":
        return "microphone", str(event.data["state"])
    if event.type == "settings":
        return "settings", json.dumps(event.data, ensure_ascii=False)
    return ("keyword", event.to_json()) if event.type == "detection" else None


def _plan(name: str, settings: MqttConfig, context: SinkContext) -> SinkPlan:
    labels = (*context.labels, *context.sequences)
    sink = MqttSink(settings, labels, context.model_name, context.detector)
    identity = (name, settings, labels, context.model_name)
    return SinkPlan(sink, settings.queue, identity)


SINK = SinkKind("An MQTT broker; Home Assistant finds the keywords there.", MqttConfig, _plan)
