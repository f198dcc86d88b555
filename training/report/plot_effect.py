"""One hyper-parameter alone: validation accuracy at each of its values, with intervals."""

from collections.abc import Sequence

from training.report import svg
from training.report.effects import Effect
from training.report.run import Run
from training.report.words import KIND, PARAMETER, UNIT, value, with_unit

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 36, 46


def draw_effect(effects: Sequence[Effect], seeds: dict[str, list[Run]]) -> str:
    """The ``effects`` of one hyper-parameter on several kinds of features.

    ``seeds`` are the runs of each kind's base point, drawn as small dots at its value.
    """
    parameter = effects[0].parameter
    values = sorted({v for effect in effects for v in effect.runs})
    places = svg.Scale(-0.5, len(values) - 0.5, LEFT, WIDTH - RIGHT)
    runs = [run for effect in effects for run in effect.runs.values()]
    runs += [run for effect in effects for run in seeds.get(effect.kind, [])]
    ends = [100 * end for run in runs for end in run.validation.interval]
    y = svg.scale_of(ends, HEIGHT - BOTTOM, TOP)
    body = [*_axes(parameter, values, places, y), *_legend(effects)]
    for number, effect in enumerate(effects):
        aside = 9 * (number - (len(effects) - 1) / 2)  # so that bars stand beside each other
        body += _series(effect, values, places, y, aside)
        if effect.base in effect.runs:
            x = places(values.index(effect.base)) + aside
            body += [
                svg.marker(
                    "",
                    x + 10,
                    y(100 * run.validation.value),
                    svg.COLOUR[effect.kind],
                    size=2,
                    tip=f"seed {run.record.seed}",
                )
                for run in seeds.get(effect.kind, [])[1:]
            ]
    title = f"Validation accuracy by {PARAMETER[parameter]}"
    return svg.picture(WIDTH, HEIGHT, title, body)


def _series(
    effect: Effect, values: list[float], places: svg.Scale, y: svg.Scale, aside: float
) -> list[str]:
    colour = svg.COLOUR[effect.kind]
    points, bars, dots = [], [], []
    for found, run in effect.runs.items():
        x, score = places(values.index(found)) + aside, run.validation
        lower, upper = (y(100 * end) for end in score.interval)
        points.append((x, y(100 * score.value)))
        bars.append(svg.line(x, lower, x, upper, colour, 1.5))
        tip = f"{KIND[effect.kind]}, {with_unit(effect.parameter, found)}: {score}"
        if found == effect.base:
            dots.append(svg.marker("", x, points[-1][1], svg.INK, size=6.5))
        dots.append(svg.marker("", x, points[-1][1], colour, size=4, tip=tip))
    return [svg.path(points, colour, 1.2), *bars, *dots]


def _axes(parameter: str, values: list[float], places: svg.Scale, y: svg.Scale) -> list[str]:
    body = []
    for tick in y.ticks():
        body.append(svg.line(LEFT, y(tick), WIDTH - RIGHT, y(tick)))
        body.append(svg.text(LEFT - 6, y(tick) + 4, f"{tick:g}", anchor="end", colour=svg.GREY))
    for number, found in enumerate(values):
        body.append(
            svg.text(
                places(number),
                HEIGHT - BOTTOM + 16,
                value(parameter, found),
                anchor="middle",
                colour=svg.GREY,
            )
        )
    unit = f" ({UNIT[parameter]})" if parameter in UNIT else ""
    title = f"{PARAMETER[parameter]}{unit}"
    body.append(svg.text((LEFT + WIDTH) / 2, HEIGHT - 10, title, anchor="middle", size=13))
    body.append(
        svg.text(
            15,
            (TOP + HEIGHT - BOTTOM) / 2,
            "validation accuracy (%)",
            anchor="middle",
            size=13,
            turned=True,
        )
    )
    return body


def _legend(effects: Sequence[Effect]) -> list[str]:
    body, x = [], float(LEFT)
    for effect in effects:
        name = KIND[effect.kind]
        body.append(svg.marker("", x + 5, 16, svg.COLOUR[effect.kind], size=5))
        body.append(svg.text(x + 15, 20, name))
        x += 36 + 7 * len(name)
    body.append(svg.marker("", x + 6, 16, svg.INK, size=6.5))
    body.append(svg.marker("", x + 6, 16, svg.PALE, size=4))
    return [*body, svg.text(x + 18, 20, "at the base point")]
