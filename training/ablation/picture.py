"""Accuracy against what a network costs, in three panels."""

from collections.abc import Sequence

from training.ablation.costs import Cost
from training.ablation.effects import Tried
from training.report import svg

WIDTH, HEIGHT = 960, 380
TOP, BOTTOM, LEFT, GAP = 34, 52, 54, 26
# Okabe and Ito's palette
COLOURS = ("#0072b2", "#c24e00", "#007a5a", "#a3457f", "#57606a")


def draw_networks(networks: Sequence[tuple[Tried, Cost]]) -> str:
    """Means over seeds of accuracy on drawn windows; lines join the widths of an
    architecture."""
    accuracy = [100 * one.mean(lambda r: r.validation.windows) for one, _ in networks]
    y = svg.scale_of(accuracy, HEIGHT - BOTTOM, TOP, margin=0.1)
    panels = {
        "int8 model (KB)": [cost.kb for _, cost in networks],
        "multiply-accumulates a window (million)": [
            one.results[0].multiply_accumulates / 1e6 for one, _ in networks
        ],
        "decision, windowed, int8 (ms)": [cost.windowed_ms for _, cost in networks],
    }
    width = (WIDTH - LEFT - len(panels) * GAP) / len(panels)
    names = [one.results[0].network for one, _ in networks]
    body = []
    for number, (title, costs) in enumerate(panels.items()):
        start = LEFT + number * (width + GAP)
        x = svg.scale_of(costs, start, start + width, log=True, margin=0.12)
        body += _frame(x, y, title, first=number == 0)
        body += _points(names, [(x(c), y(a)) for c, a in zip(costs, accuracy, strict=True)])
    return svg.picture(WIDTH, HEIGHT, "Accuracy on drawn windows against cost", body)


def _frame(x: svg.Scale, y: svg.Scale, title: str, *, first: bool) -> list[str]:
    body = [
        *svg.grid_x(x, TOP, HEIGHT - BOTTOM),
        *svg.grid_y(y, x.start, x.end, figures=first),
    ]
    body.append(svg.text((x.start + x.end) / 2, HEIGHT - 12, title, anchor="middle", size=13))
    if first:
        body.append(
            svg.text(
                15,
                (TOP + HEIGHT - BOTTOM) / 2,
                "accuracy on drawn windows (%)",
                anchor="middle",
                size=13,
                turned=True,
            )
        )
    return body


def _points(names: Sequence[str], places: Sequence[tuple[float, float]]) -> list[str]:
    architectures = list(dict.fromkeys(_architecture(name) for name in names))
    body = []
    for colour, architecture in zip(COLOURS, architectures, strict=False):
        own = [
            (place, name)
            for name, place in zip(names, places, strict=True)
            if _architecture(name) == architecture
        ]
        own.sort()
        body.append(svg.path([place for place, _ in own], colour, 1.2))
        for (x, y), name in own:
            body.append(svg.marker("float32", x, y, colour, tip=name))
            body.append(svg.text(x, y - 9, name, anchor="middle", size=11, colour=colour))
    return body


def _architecture(name: str) -> str:
    return name.rsplit("-", 1)[0]
