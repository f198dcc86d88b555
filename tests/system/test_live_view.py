"""What `listen` shows: a view on a terminal, plain lines where that is asked for."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, noise
from virtual_microphone import VirtualMicrophone, missing_programs, virtual_microphone

from kws_edge.daemon.live_view import LiveView
from kws_edge.detection.detector import Detection
from kws_edge.events import EventFactory
from kws_edge.model.file import demo_recording
from kws_edge.sources.base import Block
from kws_edge.spotter import Decision

pytestmark = pytest.mark.xdist_group("sound")

LABELS = ("yes", "no", "up", "_unknown_")


def decided(second: int, idle: bool = False) -> Decision:
    return Decision(16000 * second, np.array([0.3, 0.2, 0.1, 0.4], np.float32), 0.001, idle=idle)


class Terminal(io.StringIO):
    """What a view wrote, on a terminal of a size that can change."""

    size = os.terminal_size((80, 24))

    def view(self, colour: bool = False) -> LiveView:
        return LiveView(self.write, LABELS, 16000, colour, lambda: self.size)


def test_level_scores_detections_and_losses() -> None:
    terminal = Terminal()
    view = terminal.view()
    view.block(Block(noise(320), lost=8000))
    view.event(EventFactory(16000).detection(Detection("no", 0.91, 32000, 2.0)))
    view.decision(decided(62))
    view.draw()
    shown = terminal.getvalue()
    assert "-20.0 dBFS" in shown or "-19." in shown
    assert shown.index("yes") < shown.index("no ") < shown.index("up")
    assert "listened 1 min 02 s, lost 0.5 s" in shown
    assert "2.00 s  no         0.91" in shown
    assert "_unknown_" not in shown  # it has the highest posterior, and is no word
    assert "idle" not in shown
    assert "\033[3" not in shown  # no colour, as with NO_COLOR


def test_it_says_that_the_network_is_idle() -> None:
    terminal = Terminal()
    view = terminal.view()
    view.decision(decided(1, idle=True))
    view.draw()
    assert ", idle; Ctrl-C ends" in terminal.getvalue()


def test_a_lost_microphone_shows_without_any_audio() -> None:
    view = Terminal().view()
    view.block(Block(noise(320)))
    view.decision(decided(1))
    lost = EventFactory(16000).make("microphone", 16000, state="lost", reason="unplugged")
    view.event(lost)
    text = "\n".join(line for line, _ in view.lines(79))
    assert "microphone lost 0 s ago: unplugged" in text
    assert " -80.0 dBFS" in text  # neither the last level nor the last scores stay
    assert "0.30" not in text


@pytest.mark.parametrize("columns", [1, 20, 40, 67, 80, 200])
def test_no_line_is_wider_than_the_window(columns: int) -> None:
    view = LiveView(lambda _: None, ("はい、そうです", "yes", "no"), 16000)
    view.decision(Decision(16000, np.array([0.9, 0.2, 0.1], np.float32), 0.001))
    factory = EventFactory(16000)
    view.event(factory.detection(Detection("はい、そうです", 0.91, 32000, 2.0)))
    view.event(factory.make("microphone", 0, state="lost", reason="\033[2Ja reason " * 9))
    lines = [line for line, _ in view.lines(columns)]
    wide = [sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text) for text in lines]
    assert max(wide) <= columns
    assert not any("\033" in line for line in lines)


def test_it_is_drawn_in_place_at_every_change_and_log_lines_below_it() -> None:
    terminal = Terminal()
    view = terminal.view()

    def drawn() -> str:
        before = len(terminal.getvalue())
        view.draw()
        return terminal.getvalue()[before:]

    assert drawn().startswith("\033[Hlevel ")
    assert drawn() == ""  # nothing new
    view.write("kws-edge: half a ")
    assert drawn() == ""
    view.write("line\n")
    assert drawn().endswith("\r\nkws-edge: half a line\033[K\033[J")
    terminal.size = os.terminal_size((40, 3))
    assert drawn().count("\n") == 2


def test_a_terminal_that_takes_nothing_delays_nobody_and_one_that_is_gone_is_reported() -> None:
    stopped, gone = threading.Event(), threading.Event()

    def write(text: str) -> None:
        stopped.wait(10)
        raise OSError(5, "Input/output error")

    view = LiveView(write, LABELS, 16000, size=lambda: Terminal.size)
    view.on_closed = gone.set
    with view:
        time.sleep(0.2)  # it is drawing by now
        began = time.monotonic()
        for second in range(2000):
            view.write("a line\n")
            view.block(Block(noise(320)))
            view.decision(decided(second))
        assert time.monotonic() - began < 5
        stopped.set()
        assert gone.wait(5)


microphone = pytest.fixture(scope="module")(virtual_microphone)


@pytest.mark.parametrize(
    ("variables", "arguments", "moves"),
    [
        ({"TERM": "xterm"}, [], True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, [], True),
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
    wanted = b"microphone open" if moves else b"open"
    while wanted not in shown:
        shown += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    assert (b"\033[" in shown) == moves
    assert (b"\033[32m" in shown) == (moves and "NO_COLOR" not in variables)
    os.close(ours)


def test_lines_end_with_a_summary(microphone: VirtualMicrophone) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kws_edge", "listen", "--plain"],
        env=microphone.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert "microphone: open" in process.stdout.readline()
    microphone.play(demo_recording())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    found = re.fullmatch(
        r"kws-edge: listened 0 min \d\d s, lost \d+\.\d s; (\d+) detections: (.*)",
        errors.splitlines()[-1],
    )
    assert found, errors
    counts = [int(part.split()[1]) for part in found[2].split(", ")]
    assert sum(counts) == int(found[1]) >= 5
    assert 0 not in counts


class Tmux:
    """A window of a real terminal program, and what it shows."""

    def __init__(self, socket: Path, environment: dict[str, str]) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", os.devnull]
        self._environment = environment

    def __call__(self, *arguments: object) -> str:
        return subprocess.run(
            [*self._tmux, *map(str, arguments)],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def wait_for(self, text: str, seconds: float = 20) -> str:
        """What is on the screen, once ``text`` is there."""
        shown = ""
        deadline = time.monotonic() + seconds
        while text not in shown:
            assert time.monotonic() < deadline, f"no {text!r} in\n{shown}"
            time.sleep(0.1)
            shown = self("capture-pane", "-p", "-t", "view")
        return shown


def test_in_a_real_terminal_of_any_width(microphone: VirtualMicrophone, tmp_path: Path) -> None:
    if missing := missing_programs(("tmux",)):
        pytest.skip(f"needs {', '.join(missing)}")
    tmux = Tmux(tmp_path / "socket", {**microphone.environment, "LANG": "C.UTF-8"})
    listen = f"{sys.executable} -m kws_edge listen; sleep 60"
    tmux("new-session", "-d", "-s", "view", "-x", 80, "-y", 30, "-c", ROOT, listen)
    try:
        tmux.wait_for("microphone open")
        for columns in (40, 200, 24, 80):
            tmux("resize-window", "-t", "view", "-x", columns, "-y", 30)
            time.sleep(0.7)  # tmux itself takes 0.25 s to report it
            shown = tmux.wait_for("microphone open")
            assert shown.count("level ") == shown.count("microphone open") == 1, shown
            assert shown.count("listening to the micro") == 1, shown
            assert max(map(len, shown.splitlines())) <= columns
        microphone.stop()
        shown = tmux.wait_for("microphone lost 1 s ago")
        assert shown.count("kws-edge: microphone lost: ") == 1  # the line of the log
        assert "-80.0 dBFS" in shown
        microphone.start()
        tmux.wait_for("kws-edge: microphone back")
        tmux("send-keys", "-t", "view", "C-c")
        shown = tmux.wait_for("0 detections")
        assert "dBFS" not in shown
        assert shown.count("kws-edge: microphone back") == 1
    finally:
        tmux("kill-server")
