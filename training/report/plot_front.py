"""Accuracy against a cost: all models, and the front drawn and numbered."""

import itertools
from collections.abc import Callable, Sequence

from training.report import svg
from training.report.models import Model
from training.report.score import percent
from training.report.words import KIND, QUANTIZATION, configuration

WIDTH, HEIGHT = 560, 400
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 54, 46


def draw_front(
    models: Sequence[Model],
    front: Sequence[Model],
    cost: Callable[[Model], float],
    axis: str,
    unit: str,
) -> str:
    """Validation accuracy over ``cost``, which ``axis`` names with its ``unit``; log scales, of
    the errors and of the cost, so that the front can be read beside what is far below it.
    """
    x = svg.scale_of([cost(m) for m in models], LEFT, WIDTH - RIGHT, log=True)
    values = [100 * m.validation.value for m in models]
    y = svg.error_scale_of(values, HEIGHT - BOTTOM, TOP)
    body = [*_axes(x, y, f"{axis} ({unit})"), *_legend(models)]
    on_front = {id(model) for model in front}
    for model in models:
        if id(model) not in on_front:
            body.append(_point(model, x, y, cost, unit, strong=False))
    body.append(svg.path(_staircase(front, x, y, cost), svg.INK, 1.5))
    body += [_point(model, x, y, cost, unit, strong=True) for model in front]
    body += _numbers([(x(cost(m)), y(100 * m.validation.value)) for m in front])
    return svg.picture(WIDTH, HEIGHT, f"Validation accuracy against {axis}", body)


def _axes(x: svg.Scale, y: svg.Scale, title: str) -> list[str]:
    body = [
        *svg.grid_x(x, TOP, HEIGHT - BOTTOM),
        *svg.grid_y(y, LEFT, WIDTH - RIGHT),
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    body.append(svg.text(middle, HEIGHT - 10, title, anchor="middle", size=13))
    body.append(
        svg.text(
            15,
            (TOP + HEIGHT - BOTTOM) / 2,
            "validation accuracy (%, log of errors)",
            anchor="middle",
            size=13,
            turned=True,
        )
    )
    return body


def _legend(models: Sequence[Model]) -> list[str]:
    body, place = [], float(LEFT)
    for kind, name in KIND.items():
        if any(model.run.kind == kind for model in models):
            body.append(svg.box(place, 10, 12, 12, svg.COLOUR[kind]))
            body.append(svg.text(place + 17, 20, name))
            place += 40 + 7 * len(name)
    place = float(LEFT)
    for quantization, name in QUANTIZATION.items():
        if any(model.quantization == quantization for model in models):
            body.append(svg.marker(quantization, place + 5, 36, svg.GREY, size=5))
            body.append(svg.text(place + 17, 40, name))
            place += 40 + 7 * len(name)
    body.append(svg.line(place, 36, place + 20, 36, svg.INK, 1.5))
    body.append(svg.text(place + 26, 40, "Pareto front"))
    return body


def _point(
    model: Model,
    x: svg.Scale,
    y: svg.Scale,
    cost: Callable[[Model], float],
    unit: str,
    strong: bool,
) -> str:
    tip = (
        f"{configuration(model.run.point)}, {QUANTIZATION[model.quantization]}:"
        f" {percent(model.validation.value)}, {cost(model):.3g} {unit}"
    )
    place = x(cost(model)), y(100 * model.validation.value)
    colour, size = svg.COLOUR[model.run.kind], 5.5 if strong else 4
    return svg.marker(model.quantization, *place, colour, size=size, strong=strong, tip=tip)


def _staircase(
    front: Sequence[Model], x: svg.Scale, y: svg.Scale, cost: Callable[[Model], float]
) -> list[tuple[float, float]]:
    """At each cost the accuracy that can be had for it."""
    places = [(x(cost(m)), y(100 * m.validation.value)) for m in front]
    stairs = [(places[0][0], y.start), places[0]]
    for (_, before), (to, after) in itertools.pairwise(places):
        stairs += [(to, before), (to, after)]
    return [*stairs, (x.end, places[-1][1])]


def _numbers(places: Sequence[tuple[float, float]]) -> list[str]:
    """1, 2, ... beside the points, none on another: the rows of the front's table."""
    taken = [*places]
    body = []
    for number, (x, y) in enumerate(places, 1):
        offsets = [(-11, -9), (11, -9), (-15, 6), (14, 12), (0, -17), (0, 20), (-22, -14), (24, 2)]
        free = [o for o in offsets if _free((x + o[0], y + o[1] - 4), taken)]
        dx, dy = (free or offsets)[0]
        taken.append((x + dx, y + dy - 4))
        body.append(svg.text(x + dx, y + dy, str(number), anchor="middle", weight=700))
    return body


def _free(place: tuple[float, float], taken: Sequence[tuple[float, float]]) -> bool:
    inside = LEFT + 6 < place[0] < WIDTH - RIGHT - 4 and TOP < place[1] < HEIGHT - BOTTOM
    return inside and all(abs(place[0] - x) > 11 or abs(place[1] - y) > 11 for x, y in taken)
