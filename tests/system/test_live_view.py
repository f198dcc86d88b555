"""What `listen` shows: a view on a terminal, plain lines where that is asked for."""

import io
import os
import pty
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import noise
from virtual_microphone import VirtualMicrophone, virtual_microphone

from kws_edge.daemon.live_view import LiveView
from kws_edge.detection.detector import Detection
from kws_edge.events import EventFactory
from kws_edge.sources.base import Block
from kws_edge.spotter import Decision

pytestmark = pytest.mark.xdist_group("sound")

LABELS = ("yes", "no", "up", "_unknown_")


def decided(second: int) -> Decision:
    return Decision(16000 * second, np.array([0.3, 0.2, 0.1, 0.4], np.float32), 0.001)


def test_level_scores_detections_and_losses() -> None:
    stream = io.StringIO()
    view = LiveView(stream, LABELS, 16000)
    view.block(Block(noise(320), lost=8000))
    view.event(EventFactory(16000).detection(Detection("no", 0.91, 32000, 2.0)))
    view.decision(decided(62))
    shown = stream.getvalue()
    assert "-20.0 dBFS" in shown or "-19." in shown
    assert shown.index("yes") < shown.index("no ") < shown.index("up")
    assert "listened 1 min 02 s, lost 0.5 s" in shown
    assert "2.00 s  no         0.91" in shown
    assert "_unknown_" not in shown  # it has the highest posterior, and is no word
    assert "idle" not in shown


def test_it_says_that_the_network_is_idle() -> None:
    stream = io.StringIO()
    nothing = np.zeros(4, np.float32)
    LiveView(stream, LABELS, 16000).decision(Decision(16000, nothing, 0.0, idle=True))
    assert ", idle; Ctrl-C ends" in stream.getvalue()


def test_it_is_drawn_in_place_and_not_at_every_decision() -> None:
    stream = io.StringIO()
    view = LiveView(stream, LABELS, 16000)
    for second in range(100):
        view.decision(decided(second))
    first = stream.getvalue()
    assert first.count("dBFS") <= 2
    time.sleep(0.11)
    view.decision(decided(100))
    lines = first.count("\n") // first.count("dBFS")
    assert f"\033[{lines}A" in stream.getvalue()


microphone = pytest.fixture(scope="module")(virtual_microphone)


@pytest.mark.parametrize(
    ("variables", "arguments", "moves"),
    [
        ({"TERM": "xterm"}, [], True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, [], False),
        ({"TERM": "dumb"}, [], False),
        ({"TERM": "xterm"}, ["--plain"], False),
        ({"TERM": "xterm"}, ["--json"], False),
    ],
)
def test_on_a_terminal(
    variables: dict[str, str],
    arguments: list[str],
    moves: bool,
    microphone: VirtualMicrophone,
) -> None:
    environment = {k: v for k, v in microphone.environment.items() if k != "NO_COLOR"}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "kws_edge", "listen", *arguments],
        env={**environment, **variables},
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = b""
    wanted = b"dBFS" if moves else b"open"
    while wanted not in shown:
        shown += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    assert (b"\033[" in shown) == moves
    os.close(ours)
