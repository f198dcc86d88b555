"""The DET curve: false rejects over false accepts per hour (Martin et al. 1997, with rates per
hour as keyword spotting has them)."""

import itertools
from typing import Any

from training.evaluation.tuning.tune import Tuning
from training.report import svg

WIDTH, HEIGHT = 640, 440
LEFT, RIGHT, TOP, BOTTOM = 60, 16, 64, 50
ZERO = 34  # width of the column for settings without a false accept
POINT_COLOURS = ("#d55e00", "#0072b2", "#007a5a", "#cc79a7", "#56b4e9")  # Okabe and Ito
SHORTEST, LONGEST = (0xBD, 0xC6, 0xCF), (0x3B, 0x44, 0x4D)


def draw_det(tuning: Tuning, points: dict[str, Any]) -> str:
    """A line a smoothing time at the default's other times, over the thresholds; the
    working points with their 95 % intervals. Both axes are logarithmic."""
    spoken, hours = int(tuning.bench.spoken.sum()), tuning.bench.hours
    chosen = tuning.choices[0].row.config
    rows = [
        row
        for row in tuning.rows
        if (row.config.refractory_ms, row.config.repeat_ms)
        == (chosen.refractory_ms, chosen.repeat_ms)
    ]
    most = max(row.false_accepts for row in rows) + 1
    x = svg.Scale(0.5 / hours, 1.1 * most / hours, LEFT + ZERO, WIDTH - RIGHT, log=True)
    fewest = max(0.5, 0.7 * min(row.misses for row in rows))  # none is drawn as half a miss
    y = svg.Scale(100 * fewest / spoken, 100.0, HEIGHT - BOTTOM, TOP, log=True)
    body = _axes(x, y)
    times = sorted({row.config.smoothing_ms for row in rows})
    for number, time in enumerate(times):
        colour = _shade(number / max(1, len(times) - 1))
        same = [row for row in rows if row.config.smoothing_ms == time]
        line = [(_x(r.false_accepts / hours, x), _y(100 * r.misses / spoken, y)) for r in same]
        body.append(svg.path(line, colour))
        body += _legend(LEFT + 88 * number, 40, f"{time:g} ms", colour)
    colours = dict(zip(points, itertools.cycle(POINT_COLOURS), strict=False))
    for number, name in enumerate(sorted(points, key="default".__eq__)):  # that on top
        body += _point(name, points[name], x, y, colours[name])
        body += _legend(LEFT + 88 * number, 20, name, colours[name])
    title = f"{tuning.file.manifest.name}: DET, {spoken} keywords, {hours:.2f} h of negatives"
    body.append(svg.text(WIDTH - RIGHT, 20, title, anchor="end", size=11, colour=svg.GREY))
    repeat = "" if chosen.repeat_ms == "off" else f", repeat {chosen.repeat_ms:g} ms"
    smoothing = f"lines: smoothing; refractory {chosen.refractory_ms:g} ms{repeat}"
    body.append(svg.text(WIDTH - RIGHT, 56, smoothing, anchor="end", size=11, colour=svg.GREY))
    return svg.picture(WIDTH, HEIGHT, title, body)


def _y(rejected: float, y: svg.Scale) -> float:
    return y(max(rejected, y.low))


def _x(rate: float, x: svg.Scale) -> float:
    """No false accept has no place on a logarithmic scale: it has a column of its own."""
    return x(max(rate, x.low)) if rate else LEFT + ZERO / 3


def _axes(x: svg.Scale, y: svg.Scale) -> list[str]:
    body = []
    for tick in [0.0, *x.ticks()]:
        place = _x(tick, x)
        body.append(svg.line(place, TOP, place, HEIGHT - BOTTOM))
        body.append(
            svg.text(place, HEIGHT - BOTTOM + 16, f"{tick:g}", anchor="middle", colour=svg.GREY)
        )
    for tick in y.ticks():
        body.append(svg.line(LEFT, y(tick), WIDTH - RIGHT, y(tick)))
        body.append(svg.text(LEFT - 6, y(tick) + 4, f"{tick:g}", anchor="end", colour=svg.GREY))
    middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    across, up = "false accepts per hour", "false reject rate (%)"
    body.append(svg.text(middle[0], HEIGHT - 12, across, anchor="middle", size=13))
    body.append(svg.text(16, middle[1], up, anchor="middle", size=13, turned=True))
    return body


def _point(name: str, point: dict[str, Any], x: svg.Scale, y: svg.Scale, colour: str) -> list[str]:
    rate, rejected = point["false_accepts_per_hour"], 100 * (1 - point["recall"])
    left, right = (
        min(_x(point[f"false_accepts_per_hour_{end}"], x), x.end) for end in ("lower", "upper")
    )
    top, bottom = (_y(100 * (1 - point[f"recall_{end}"]), y) for end in ("lower", "upper"))
    across, up = _x(rate, x), _y(rejected, y)
    return [
        svg.line(left, up, right, up, colour, 1.5),
        svg.line(across, top, across, bottom, colour, 1.5),
        svg.marker("float32", across, up, colour, size=5, tip=name),
    ]


def _legend(x: float, y: float, name: str, colour: str) -> list[str]:
    return [svg.line(x, y - 4, x + 18, y - 4, colour, 3), svg.text(x + 23, y, name)]


def _shade(share: float) -> str:
    mixed = (round(a + share * (b - a)) for a, b in zip(SHORTEST, LONGEST, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)
