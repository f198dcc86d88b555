"""Metrics fetched over HTTP and read with Prometheus's own parser."""

import itertools
import re
import socket
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sink_parts import Collecting, detections, wait_for
from test_events import one_of_each

from kws_edge.errors import ConfigError
from kws_edge.metrics import INFERENCE_BOUNDS, Metrics
from kws_edge.sinks.base import SinkWorker
from kws_edge.sinks.metrics_server import MAX_CONNECTIONS, REQUEST_SECONDS
from kws_edge.sinks.prometheus import MetricsConfig, PrometheusSink
from kws_edge.verifier import Verdicts


def fetch(port: int) -> tuple[dict[str, float], dict[str, str]]:
    """Samples by name and labels, and types by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        text = response.read().decode()
    families = list(text_string_to_metric_families(text))
    samples = {
        sample.name + "".join(f",{k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }
    return samples, {family.name: family.type for family in families}


def served(metrics: Metrics) -> tuple[SinkWorker, PrometheusSink]:
    sink = PrometheusSink(MetricsConfig(port=0), metrics)
    worker = SinkWorker(sink)
    wait_for(lambda: sink.port, "the server")
    return worker, sink


def test_all_figures() -> None:
    collecting = SinkWorker(Collecting("file"))
    for event in detections(3):
        collecting.put(event)
    wait_for(lambda: collecting.handled == 3, "the sink")
    metrics = Metrics(
        "mfcc-int8",
        ["yes", "non-fumeur é", "_silence_"],
        lambda: 12.5,
        lambda: [("file", collecting), ("commands[0]", collecting)],
        rested_seconds=lambda: 7.5,
        verdicts=Verdicts(Counter(yes=3), Counter(yes=2), 0.25),
    )
    for event in one_of_each()[:-1]:
        metrics.event(event)
    for seconds in (0.00005, 0.002, 0.003, 1.0):
        metrics.inference.observe(seconds)
    worker, sink = served(metrics)
    samples, types = fetch(sink.port)
    assert samples["kws_edge_detections_total,keyword=yes"] == 1
    assert samples["kws_edge_detections_total,keyword=non-fumeur é"] == 0
    assert samples["kws_edge_near_misses_total,keyword=non-fumeur é"] == 1
    assert not any("_silence_" in name for name in samples)
    assert samples["kws_edge_audio_seconds_total"] == 12.5
    assert samples["kws_edge_audio_rested_seconds_total"] == 7.5
    assert samples["kws_edge_audio_dropped_samples_total"] == 16000
    assert samples["kws_edge_microphone_restarts_total"] == 1
    assert [
        samples[f"kws_edge_microphone_state,state={s}"] for s in ("open", "lost", "silent")
    ] == [1, 0, 0]
    assert samples["kws_edge_verifier_vetoes_total,keyword=yes"] == 2
    assert samples["kws_edge_verifier_vetoes_total,keyword=non-fumeur é"] == 0
    assert samples["kws_edge_verifier_seconds_count"] == 5
    assert samples["kws_edge_verifier_seconds_sum"] == 0.25
    assert samples["kws_edge_inference_seconds_count"] == 4
    assert samples["kws_edge_inference_seconds_sum"] == pytest.approx(1.00505)
    assert samples["kws_edge_inference_seconds_bucket,le=0.0001"] == 1
    assert samples["kws_edge_inference_seconds_bucket,le=0.002"] == 2
    assert samples["kws_edge_inference_seconds_bucket,le=+Inf"] == 4
    assert samples["kws_edge_sink_events_total,outcome=handled,sink=file"] == 3
    assert samples["kws_edge_sink_events_total,outcome=dropped,sink=file"] == 0
    assert samples["kws_edge_sink_queue_length,sink=commands[0]"] == 0
    assert samples["process_resident_memory_bytes"] > 1e6
    assert any(name.startswith("kws_edge_build_info,model=mfcc-int8") for name in samples)

    assert types["kws_edge_inference_seconds"] == "histogram"
    assert types["kws_edge_detections"] == "counter"
    assert all(re.fullmatch("(kws_edge|process)_[a-z_]+", name) for name in types)
    metrics.event(one_of_each()[1])
    assert fetch(sink.port)[0]["kws_edge_detections_total,keyword=yes"] == 2
    assert worker.close(30)
    with pytest.raises(OSError, match="refused"):
        fetch(sink.port)
    collecting.close(30)


def test_buckets_are_cumulative() -> None:
    metrics = Metrics("m", ["yes"])
    for bound in INFERENCE_BOUNDS:
        metrics.inference.observe(bound)  # at or below: in its bucket
    assert metrics.inference.cumulative == [*range(1, 11), 10]


def test_a_port_that_is_taken_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    worker, sink = served(Metrics("m", ["yes"]))
    second = SinkWorker(PrometheusSink(MetricsConfig(port=sink.port), Metrics("m", ["yes"])))
    wait_for(lambda: "did not open" in caplog.text, "the refusal")
    assert f"cannot serve 127.0.0.1:{sink.port}: Address already in use" in caplog.text
    assert second.close(30)
    assert worker.close(30)


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    absent: Any = None
    monkeypatch.setitem(sys.modules, "prometheus_client", absent)
    with pytest.raises(ConfigError, match=r"pip install 'prometheus-client>=0.19'"):
        PrometheusSink(MetricsConfig(), Metrics("m", ["yes"]))


@pytest.fixture
def port() -> Iterator[int]:
    worker, sink = served(Metrics("m", ["yes"]))
    yield sink.port
    assert worker.close(30)


def answer(port: int, request: bytes, end: bool = True) -> bytes:
    """All that the server sends until it closes; ``end``: the client says that it is done."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(request)
        if end:
            client.shutdown(socket.SHUT_WR)
        received = b""
        with suppress(ConnectionResetError):  # it closed with our bytes unread
            while data := client.recv(65536):
                received += data
        return received


BAD = {
    "nothing": (b"", b""),
    "half a line": (b"GET /metr", b"# HELP kws_edge_build_info"),
    "half a head": (b"GET /metrics HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.0 200"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"Error code: 400"),
    "a version that is none": (b"GET / HTTP/x.y\r\n\r\n", b"Error code: 400"),
    "a newer version": (b"GET / HTTP/2.0\r\n\r\n", b"Error code: 505"),
    "half an address": (b"GET http://[ HTTP/1.1\r\n\r\n", b"HTTP/1.0 400"),
    "another method": (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.0 501"),
    "a long path": (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.0 431"),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n", b"HTTP/1.0 431"),
    "no colon": (b"GET / HTTP/1.1\r\nabc\r\n\r\n", b"HTTP/1.0 200"),
    "escapes": (b"GET /\x1b[31m\x00 HTTP/1.1\r\nAccept: \x1b[0m\xff\r\n\r\n", b"HTTP/1.0 200"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_request_has_its_answer(
    what: str, port: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    request, expected = BAD[what]
    answered = answer(port, request)
    assert expected in answered[:300]
    assert bool(answered) == bool(expected)
    assert fetch(port)[0]
    assert not caplog.text
    assert not capfd.readouterr().err


def test_half_requests_keep_nobody_out_and_end(port: int) -> None:
    halves = []
    threads = threading.active_count()
    for _ in range(2 * MAX_CONNECTIONS):
        half = socket.create_connection(("127.0.0.1", port), timeout=30)
        half.sendall(b"GET /metrics HTTP/1.1\r\n")
        halves.append(half)
    began = time.monotonic()
    samples = fetch(port)[0]
    assert time.monotonic() - began < REQUEST_SECONDS  # nobody's time had to run out
    assert threading.active_count() == threads
    assert samples["process_open_fds"] < 3 * MAX_CONNECTIONS + 100  # both ends are ours
    for half in halves:
        with suppress(ConnectionResetError):
            assert not half.recv(1)  # all are closed
        half.close()
    assert fetch(port)[0]["process_open_fds"] < 100 + len(halves) / 4


def test_a_drop_at_a_time_has_no_more_time_than_others(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        began = time.monotonic()
        with suppress(ConnectionError):
            for byte in itertools.cycle(b"GET / HTTP/1.1\r\nAccept: text/plain\r\n"):
                client.sendall(bytes([byte]))
                time.sleep(0.2)
        assert time.monotonic() - began < REQUEST_SECONDS + 10


def test_beyond_this_machine_there_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    sink = PrometheusSink(MetricsConfig("0.0.0.0", 0), Metrics("m", ["yes"]))  # noqa: S104
    worker = SinkWorker(sink)
    wait_for(lambda: sink.port, "the server")
    assert f"anybody in the network can read them at port {sink.port}" in caplog.text
    assert worker.close(30)
