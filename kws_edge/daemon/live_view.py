"""The live view of `listen` on a terminal: level, scores, last detections, lost audio."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TextIO

from kws_edge.audio.level import level_dbfs
from kws_edge.detection.detector import is_keyword
from kws_edge.events import Event
from kws_edge.sources.base import Block
from kws_edge.spotter import Decision

REDRAW_SECONDS = 0.1
BAR = 30
QUIETEST_DBFS = -80.0
TOP = 3
LAST = 5


class LiveView:
    """Redraws some lines in place, ten times a second at the most."""

    def __init__(self, stream: TextIO, labels: Sequence[str], sample_rate: int) -> None:
        """``labels`` as the posteriors of decisions have them; keywords alone are shown."""
        self._stream = stream
        self.on_closed: Callable[[], object] = lambda: None  # the terminal has gone
        self._labels = labels
        self._keywords = [n for n, label in enumerate(labels) if is_keyword(label)]
        self._rate = sample_rate
        self._level = QUIETEST_DBFS
        self._lost = 0
        self._microphone = ""
        self._last: deque[str] = deque(maxlen=LAST)
        self._drawn_at = 0.0
        self._lines = 0

    def block(self, block: Block) -> None:
        if len(block.samples):
            # falls slowly, as the needle of a meter does
            now = max(level_dbfs(block.samples), QUIETEST_DBFS)
            self._level = max(now, self._level - 1.0)
        self._lost += block.lost

    def decision(self, decision: Decision) -> None:
        now = time.monotonic()
        if now - self._drawn_at >= REDRAW_SECONDS:
            self._drawn_at = now
            self._draw(decision)

    def event(self, event: Event) -> None:
        if event.type == "detection":
            data = event.data
            self._last.append(f"{event.time_s:10.2f} s  {data['label']:<10} {data['score']:.2f}")
        elif event.type == "microphone":
            self._microphone = f", microphone {event.data['state']}"

    def _draw(self, decision: Decision) -> None:
        minutes, seconds = divmod(decision.sample // self._rate, 60)
        best = sorted(self._keywords, key=lambda n: -decision.posteriors[n])[:TOP]
        lines = [
            f"level {_bar(1 - self._level / QUIETEST_DBFS)} {self._level:6.1f} dBFS",
            *(
                f"{self._labels[index]:<10.10}{_bar(float(decision.posteriors[index]), BAR - 4)}"
                f" {decision.posteriors[index]:6.2f}"
                for index in best
            ),
            f"listened {minutes} min {seconds:02} s, lost {self._lost / self._rate:.1f} s"
            f"{self._microphone}{', idle' if decision.idle else ''}; Ctrl-C ends",
            *self._last,
        ]
        up = f"\033[{self._lines}A" if self._lines else ""
        try:
            self._stream.write(up + "".join(f"\r\033[K{line}\n" for line in lines))
            self._stream.flush()
        except OSError:
            self.on_closed()
        self._lines = len(lines)


def _bar(share: float, width: int = BAR) -> str:
    filled = round(min(max(share, 0.0), 1.0) * width)
    return "#" * filled + "." * (width - filled)
