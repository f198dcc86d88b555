"""The few shapes that the plots are drawn with, as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, GREY, PALE = "#1b1f24", "#57606a", "#d8dee4"
# Okabe and Ito's palette, told apart by colour-blind eyes too
COLOUR = {"mfcc": "#0072b2", "log_mel": "#c24e00", "spectrogram": "#007a5a"}


@dataclass(frozen=True)
class Scale:
    """From values (``low`` to ``high``) to pixels (``start`` to ``end``)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self._on(self.low), self._on(self.high)
        return self.start + (self._on(value) - low) / (high - low) * (self.end - self.start)

    def _on(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def ticks(self) -> list[float]:
        """Round values within the scale."""
        return _log_ticks(self.low, self.high) if self.log else _ticks(self.low, self.high)


@dataclass(frozen=True)
class ErrorScale(Scale):
    """Of accuracies in percent, by the logarithm of the errors (at least 0.1): 90
    and 95 stand as far apart as 80 and 90.
    """

    def _on(self, value: float) -> float:
        return math.log10(max(100 - value, 0.1))

    def ticks(self) -> list[float]:
        return [100 - error for error in _log_ticks(max(100 - self.high, 0.1), 100 - self.low)]


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 7
    power = 10 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough)
    return [
        n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


def _log_ticks(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        found = [s * 10.0**e for e in exponents for s in steps if low <= s * 10.0**e <= high]
        if len(found) >= 3:
            return found
    return _ticks(low, high)


def scale_of(
    values: Sequence[float], start: float, end: float, *, log: bool = False, margin: float = 0.06
) -> Scale:
    """A scale that holds all ``values`` with some room around."""
    low, high = min(values), max(values)
    if log:
        room = (high / low) ** margin if high > low else 1.3
        return Scale(low / room, high * room, start, end, log=True)
    room = (high - low) * margin or abs(high) * 0.1 or 1.0
    return Scale(low - room, high + room, start, end)


def error_scale_of(values: Sequence[float], start: float, end: float) -> ErrorScale:
    """The same for accuracies in percent."""
    errors = scale_of([max(100 - value, 0.1) for value in values], 0, 1, log=True)
    return ErrorScale(100 - errors.high, 100 - errors.low, start, end)


def text(
    x: float,
    y: float,
    content: str,
    *,
    anchor: str = "start",
    size: float = 12,
    colour: str = INK,
    weight: int = 400,
    turned: bool = False,
) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}"'
        f' font-weight="{weight}" fill="{colour}"{turn}>{escape(content)}</text>'
    )


def line(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    colour: str = PALE,
    width: float = 1,
    dash: str = "",
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
        f' stroke-width="{width:g}"{dashed}/>'
    )


def path(points: Sequence[tuple[float, float]], colour: str, width: float = 1.5) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'
    )


def marker(
    shape: str,
    x: float,
    y: float,
    colour: str,
    *,
    size: float = 4,
    strong: bool = True,
    tip: str = "",
) -> str:
    """``float32`` a circle, ``dynamic`` a square, ``int8`` a triangle."""
    style = f'fill="{colour}" fill-opacity="{0.95 if strong else 0.4}"'
    if strong:
        style += ' stroke="#fff" stroke-width="1"'
    if shape == "dynamic":
        sides = f'width="{2 * size:g}" height="{2 * size:g}"'
        drawn = f'<rect x="{x - size:.1f}" y="{y - size:.1f}" {sides} {style}>'
        end = "</rect>"
    elif shape == "int8":
        corners = [(x, y - 1.3 * size), (x - 1.2 * size, y + size), (x + 1.2 * size, y + size)]
        drawn = f'<polygon points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in corners)}" {style}>'
        end = "</polygon>"
    else:
        drawn = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.1 * size:g}" {style}>'
        end = "</circle>"
    return f"{drawn}{f'<title>{escape(tip)}</title>' if tip else ''}{end}"


def grid_x(x: Scale, top: float, bottom: float) -> list[str]:
    """An upright line at each tick of ``x``, its value below."""
    body = []
    for tick in x.ticks():
        body.append(line(x(tick), top, x(tick), bottom))
        body.append(text(x(tick), bottom + 16, f"{tick:g}", anchor="middle", colour=GREY))
    return body


def grid_y(y: Scale, left: float, right: float, *, figures: bool = True) -> list[str]:
    """A level line at each tick of ``y``, its value to the left if wanted."""
    body = []
    for tick in y.ticks():
        body.append(line(left, y(tick), right, y(tick)))
        if figures:
            body.append(text(left - 6, y(tick) + 4, f"{tick:g}", anchor="end", colour=GREY))
    return body


def picture(width: float, height: float, title: str, body: Sequence[str]) -> str:
    """A whole SVG, on white so that it reads on any page; ``title`` is its name when read out."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}" role="img" font-family="{FONT}">'
        f"<title>{escape(title)}</title>{box(0, 0, width, height, '#fff')}{''.join(body)}</svg>"
    )
