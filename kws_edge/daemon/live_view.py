"""The live view of `listen` on a terminal: level, scores, state of the microphone, detections.

It draws on the terminal's alternate screen, whose lines no resize wraps anew; what else is written
to the terminal goes through `LiveView.write`, shows below, and stays when the view has ended. (rich
would do a part of this; its import takes 0.2 s on a laptop, several times that on a Raspberry Pi.)
"""

import os
import threading
import time
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import click

from kws_edge.audio.level import level_dbfs
from kws_edge.detection.detector import is_keyword
from kws_edge.events import Event
from kws_edge.sources.base import Block
from kws_edge.spotter import Decision

REDRAW_SECONDS = 0.1
BAR = 30
NAME, FIGURE = 10, 12  # columns before and after a bar
QUIETEST_DBFS = -80.0
LOUD_DBFS = -3.0
TOP = 3
LAST = 5
LOG_LINES = 1000  # kept for the end
CLOSE_SECONDS = 0.5
BEGIN, END = "\033[?1049h", "\033[?1049l"  # the alternate screen

Line = tuple[str, str | None]  # text, colour


class LiveView:
    """An observer of an engine, and a stream for the log; draws as a context manager.

    A thread of its own draws by the clock: a terminal that takes nothing delays no audio, and
    both a lost microphone and another size of the window show within a tenth of a second.
    """

    encoding, errors = "utf-8", "replace"  # of a text stream

    def __init__(
        self,
        write: Callable[[str], object],
        labels: Sequence[str],
        sample_rate: int,
        colour: bool = False,
        size: Callable[[], os.terminal_size] | None = None,
        muted: bool = False,
    ) -> None:
        """``write`` puts text on the terminal; ``labels`` as the posteriors of decisions have
        them: keywords alone are shown. `on_closed` is called once, when the terminal is gone."""
        self.on_closed: Callable[[], None] = lambda: None
        self._write, self._size, self._colour = write, size or _size_of_stdout, colour
        self._labels = labels
        self._rate, self._muted = sample_rate, muted
        self._level = QUIETEST_DBFS
        self._lost = self._samples = 0
        self._decision: Decision | None = None
        self._microphone: tuple[str, str, float] = ("not open yet", "", time.monotonic())
        self._last: deque[str] = deque(maxlen=LAST)
        self._found: Counter[str] = Counter()
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._partial = ""
        self._drawn: tuple[str, os.terminal_size] | None = None
        self._ending, self._ended = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="live-view", daemon=True)

    def __enter__(self) -> "LiveView":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the lines written so far, and a summary."""
        self._ending.set()
        self._thread.join(CLOSE_SECONDS)

    def use_model(self, name: str, labels: Sequence[str]) -> None:
        self._labels = labels

    def block(self, block: Block) -> None:
        if len(block.samples):
            # falls slowly, as the needle of a meter does
            now = max(level_dbfs(block.samples), QUIETEST_DBFS)
            self._level = max(now, self._level - 1.0)
        self._lost += block.lost

    def decision(self, decision: Decision) -> None:
        self._decision, self._samples = decision, decision.sample

    def event(self, event: Event) -> None:
        data = event.data
        if event.type == "detection":
            label = _fit(data["label"], NAME)
            self._last.append(f"{event.time_s:10.2f} s  {label} {data['score']:.2f}")
            self._found[data["label"]] += 1
        elif event.type == "settings":
            self._muted = data["mute"]
        elif event.type == "microphone":
            self._microphone = (data["state"], data["reason"], time.monotonic())
            if data["state"] == "lost":  # what was last measured is no longer so
                self._level, self._decision = QUIETEST_DBFS, None

    def write(self, text: str) -> int:
        """Put lines below the view; never waits. A line is shown when it is complete."""
        if self._ended:
            self._write(text)
            return len(text)
        *lines, self._partial = (self._partial + text).split("\n")
        self._log.extend(lines)
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True

    def draw(self) -> None:
        """Write the screen, where it changed. Raises `OSError` where the terminal is gone."""
        size = self._size()
        lines = self.lines(size.columns)[: size.lines]
        room = size.lines - len(lines)
        lines += [(_cut(line, size.columns), None) for line in list(self._log)[-room:] if room]
        text = "\r\n".join(f"{self._style(*line)}\033[K" for line in lines)
        if (text, size) != self._drawn:
            self._write(f"\033[H{text}\033[J")
            self._drawn = (text, size)

    def lines(self, columns: int) -> list[Line]:
        """The view, each line at most ``columns`` wide."""
        bar = min(BAR, columns - NAME - FIGURE)
        level = _row("level", 1 - self._level / QUIETEST_DBFS, bar, f"{self._level:6.1f} dBFS")
        shown: list[Line] = [(level, "red" if self._level > LOUD_DBFS else "green")]
        labels, decision = self._labels, self._decision
        scores = [0.0] * len(labels)
        if decision and len(decision.posteriors) == len(labels):  # else of the model before
            scores = [float(score) for score in decision.posteriors]
        keywords = [n for n, label in enumerate(labels) if is_keyword(label)]
        best = sorted(keywords, key=lambda n: -scores[n])[:TOP]
        shown += [(_row(labels[n], scores[n], bar, f"{scores[n]:6.2f}"), None) for n in best]
        shown += [(self._status(columns), None), self._microphone_line()]
        shown += [(line, "cyan") for line in list(self._last)]
        return [(_cut(text, columns), colour) for text, colour in shown]

    def summary(self) -> str:
        """What was found, in one line; nothing where there was no audio."""
        rate = self._rate
        return summary_of(self._samples // rate, self._lost / rate, self._found)

    def _run(self) -> None:
        try:
            self._write(BEGIN)
            while not self._ending.wait(REDRAW_SECONDS):
                self.draw()
            kept = filter(None, [*self._log, self._partial, self.summary()])
            self._write(END + "".join(f"{line}\n" for line in kept))
        except OSError:
            self.on_closed()
        finally:
            self._ended = True

    def _style(self, text: str, colour: str | None) -> str:
        return click.style(text, fg=colour) if self._colour and colour else text

    def _listened(self) -> str:
        return _listened(self._samples // self._rate)

    def _status(self, columns: int) -> str:
        idle = self._decision is not None and self._decision.idle
        text = self._listened()
        for part in (f", lost {self._lost / self._rate:.1f} s", ", idle" * idle, "; Ctrl-C ends"):
            if len(text + part) <= columns:
                text += part
        return text

    def _microphone_line(self) -> Line:
        state, reason, since = self._microphone
        if state == "lost":
            return f"microphone lost {time.monotonic() - since:.0f} s ago: {reason}", "red"
        if state == "silent":
            return "microphone silent: is it muted?", "red"
        shown = state if state == "not open yet" else "open"
        if self._muted:
            return f"microphone {shown}, muted: nothing is spotted", "red"
        return f"microphone {shown}", None


def summary_of(seconds: float, lost_seconds: float, detections: Mapping[str, int]) -> str:
    """A session in one line: the time, lost audio included, and detections by keyword; nothing
    where there was no audio."""
    if not seconds:
        return ""
    found = Counter({label: count for label, count in detections.items() if count})
    each = ", ".join(f"{label} {count}" for label, count in found.most_common())
    total = found.total()
    return (
        f"{_listened(int(seconds))}, lost {lost_seconds:.1f} s; {total}"
        f" detection{'s' * (total != 1)}{f': {each}' if each else ''}"
    )


def _listened(seconds: int) -> str:
    return f"listened {seconds // 60} min {seconds % 60:02} s"


def _size_of_stdout() -> os.terminal_size:
    size = os.get_terminal_size(1)
    return size if size.columns and size.lines else os.terminal_size((80, 24))  # not set: serial


def _row(name: str, share: float, width: int, figure: str) -> str:
    filled = round(min(max(share, 0.0), 1.0) * max(width, 0))
    return f"{_fit(name, NAME)}{'#' * filled}{'.' * (width - filled)} {figure}"


def _fit(text: str, columns: int) -> str:
    """``text`` exactly ``columns`` wide."""
    text = _cut(text, columns)
    return text + " " * (columns - _cells(text))


def _cut(text: str, columns: int) -> str:
    """``text`` without characters that are not printed, at most ``columns`` wide."""
    text = "".join(c if c.isprintable() else "�" for c in text)
    while _cells(text) > columns:
        text = text[: min(len(text) - 1, columns)]
    return text


def _cells(text: str) -> int:
    """The columns that ``text`` takes: two for the wide characters of East Asia."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
