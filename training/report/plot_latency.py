"""Pre-processing and model: the two parts of a decision's time, as bars."""

from dataclasses import dataclass

from training.report import svg
from training.report.load import Study
from training.report.words import KIND, QUANTIZATION
from training.study.results import Timing

WIDTH, LEFT, RIGHT, TOP, ROW = 560, 205, 62, 34, 22
MODEL = "#8c959f"


@dataclass(frozen=True)
class Bar:
    name: str
    timing: Timing


def bars(study: Study) -> list[Bar]:
    """The base point of each kind and its best configuration on validation, as each
    quantization; those that were timed.
    """
    found = []
    for kind in study.kinds:
        base, best = study.base(kind)[:1], study.of_kind(kind)[0]
        named = [("base point", run) for run in base]
        if not base or base[0].key != best.key:
            named.append(("best", best))
        found += [
            Bar(f"{KIND[kind]}, {name}, {q}", run.timings[q])
            for name, run in named
            for q in QUANTIZATION
            if q in run.timings
        ]
    return found


def draw_latency(found: list[Bar]) -> str:
    """Medians of both parts; the numbers at the ends are the medians of their sum."""
    height = TOP + ROW * len(found) + 40
    longest = max(b.timing.features.median_ms + b.timing.model.median_ms for b in found)
    x = svg.Scale(0, longest, LEFT, WIDTH - RIGHT)
    bottom = height - 36
    body = [
        svg.box(LEFT, 10, 12, 12, svg.COLOUR["mfcc"]),
        svg.text(LEFT + 17, 20, "pre-processing"),
        svg.box(LEFT + 120, 10, 12, 12, MODEL),
        svg.text(LEFT + 137, 20, "model"),
        svg.text(
            (LEFT + WIDTH - RIGHT) / 2,
            height - 6,
            "median of a decision (ms)",
            anchor="middle",
            size=13,
        ),
    ]
    for tick in x.ticks():
        body.append(svg.line(x(tick), TOP, x(tick), bottom))
        body.append(svg.text(x(tick), bottom + 15, f"{tick:g}", anchor="middle", colour=svg.GREY))
    for number, bar in enumerate(found):
        top = TOP + ROW * number + 4
        features, model = bar.timing.features.median_ms, bar.timing.model.median_ms
        between, end = x(features), x(features + model)
        body.append(svg.text(LEFT - 6, top + 12, bar.name, anchor="end", size=11))
        body.append(svg.box(LEFT, top, between - LEFT, ROW - 7, svg.COLOUR["mfcc"]))
        body.append(svg.box(between, top, end - between, ROW - 7, MODEL))
        body.append(svg.text(end + 5, top + 12, f"{bar.timing.sum.median_ms:.3g}", size=11))
    return svg.picture(WIDTH, height, "Latency of pre-processing and model", body)
