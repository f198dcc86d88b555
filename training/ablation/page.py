"""``docs/models.md``: the networks and the recipe's parts, from results alone."""

from training.ablation.config import Ablation
from training.ablation.costs import Cost, Costs
from training.ablation.effects import Effect, Measure, Tried, effect, seed_spread
from training.ablation.picture import draw_networks
from training.report.blocks import Block, Cell, Column, Figure, Section, Table, Text, number, word

MEASURES: dict[str, Measure] = {
    "drawn windows": lambda result: result.validation.windows,
    "words alone": lambda result: result.validation.closed,
    "all labels": lambda result: result.validation.open,
    "fired on others": lambda result: result.validation.fired,
}


def page(ablation: Ablation, found: list[Tried], costs: Costs) -> Section:
    """``found`` has the unchanged recipe first."""
    blocks: list[Block] = [*_about(ablation, found), _networks(found, costs)]
    if any(not one.variant.is_network for one in found):
        blocks.append(_parts(found))
    if ablation.notes:
        notes = tuple(Text(note) for note in ablation.notes)
        blocks.append(Section("Also tried", notes))
    return Section("Models that were tried", tuple(blocks))


def _about(ablation: Ablation, found: list[Tried]) -> list[Text]:
    base = found[0].results[0]
    spread = {name: seed_spread(found, measure)[0] for name, measure in MEASURES.items()}
    seeds = [len(one.results) for one in found]
    return [
        Text(
            f"Each network learned for {base.epochs} epochs, where nothing else is said, by"
            f" {ablation.recipe.name}: shorter than what ships, to compare. All figures are of"
            f" the validation speakers ({base.clips} clips of the words), none of the test set,"
            f" and means over {min(seeds)} to {max(seeds)} seeds: **drawn windows** are"
            " words anywhere in a second, with neighbours, noise, rooms and other levels, and"
            " all that is no keyword; **words alone** are the clips as recorded, the most likely"
            " of the eight; **all labels** has clips of other words too; **fired on others** is"
            " how many of those a keyword gets more than half of."
        ),
        Text(
            "Seeds alone spread by "
            + ", ".join(f"{100 * value:.2f} ({name})" for name, value in spread.items())
            + " points (standard deviation, pooled over the variants)."
        ),
    ]


def _networks(found: list[Tried], costs: Costs) -> Section:
    rows, drawn = [], []
    for one in found:
        result = one.results[0]
        cost = costs.by_network.get(result.network)
        if not one.variant.is_network:
            continue
        if cost:
            drawn.append((one, cost))
        rows.append(
            (
                word(result.network),
                number(result.parameters, ","),
                number(result.multiply_accumulates / 1e6, ".2f"),
                *_cost(cost),
                *(number(100 * one.mean(measure), ".1f") for measure in MEASURES.values()),
                number(len(one.results)),
            )
        )
    titles = [
        "network",
        "parameters",
        "MMAC",
        "KB, int8",
        "ms windowed",
        "ms streaming",
        *(f"{name}, %" for name in MEASURES),
        "seeds",
    ]
    columns = tuple(Column(title, number=place > 0) for place, title in enumerate(titles))
    caption = (
        f"Networks by width; ms of a decision without its features, {costs.interpreter}, one"
        f" thread, {costs.machine}; streaming ones decide on the newest 80 ms and what they keep"
    )
    blocks: list[Block] = [Table("networks", caption, columns, tuple(rows), wide=True)]
    if drawn:
        names = ", ".join(one.results[0].network for one, _ in drawn)
        blocks.append(
            Figure(
                "networks",
                draw_networks(drawn),
                "Accuracy against cost, means over seeds",
                f"Accuracy on drawn windows over KB, multiply-accumulates and ms of {names}",
            )
        )
    return Section("Networks", tuple(blocks))


def _cost(cost: Cost | None) -> tuple[Cell, Cell, Cell]:
    if cost is None:
        return number(None), number(None), number(None)
    return (
        number(cost.kb, ".1f"),
        number(cost.windowed_ms, ".3f"),
        number(cost.streaming_ms, ".3f"),
    )


def _parts(found: list[Tried]) -> Section:
    base = found[0]
    changed = [one for one in found if not one.variant.is_network]

    def on_windows(one: Tried) -> float:
        return effect(one, base, found, MEASURES["drawn windows"]).value

    rows = tuple(
        (
            word(one.variant.says),
            *(_cell(effect(one, base, found, measure)) for measure in MEASURES.values()),
            number(len(one.results)),
        )
        for one in sorted(changed, key=on_windows)
    )
    columns = tuple(
        Column(title, number=place > 0)
        for place, title in enumerate(["change", *MEASURES, "seeds"])
    )
    caption = (
        f"Differences to the unchanged recipe ({base.results[0].network}), in points, with 95 %"
        " intervals by the spread between seeds; * is more than seeds alone would do"
    )
    return Section("What each part of the recipe does", (Table("parts", caption, columns, rows),))


def _cell(found: Effect) -> Cell:
    text = f"{100 * found.value:+.1f}"
    if found.half is not None:
        text += f" ± {100 * found.half:.1f}{' *' if found.clear else ''}"
    return Cell(text, found.value)
