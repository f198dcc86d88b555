"""Which hyper-parameters matter, by the one-factor plan."""

from training.report.answers import Answer
from training.report.effects import Effect, effects
from training.report.load import Study
from training.report.noise import SeedNoise
from training.report.score import points
from training.report.words import KIND, PARAMETER, listed, with_unit


def which_matter(study: Study, noise: SeedNoise) -> Answer:
    found = effects(study)
    texts = []
    for kind in study.kinds:
        of_kind = [effect for effect in found if effect.kind == kind]
        if of_kind:
            texts.append(_of_kind(kind, of_kind, noise))
        else:
            texts.append(f"**{KIND[kind]}**: no hyper-parameter has two values yet.")
    return Answer("Which hyper-parameters matter?", tuple(texts))


def _of_kind(kind: str, found: list[Effect], noise: SeedNoise) -> str:
    clear = [effect for effect in found if effect.matters(noise)]
    rest = [PARAMETER[e.parameter] for e in found if e not in clear]
    if not clear:
        most = found[0]
        known = "the noise" if noise.df else "the noise, of which nothing is known without seeds"
        return (
            f"**{KIND[kind]}**: none by more than {known}. The widest range is that of the"
            f" {PARAMETER[most.parameter]}, {points(most.range)[1:]}."
        )
    text = f"**{KIND[kind]}**: {listed([_said(effect) for effect in clear])}."
    if rest:
        text += f" Inside the noise: {listed(rest)}."
    return text


def _said(effect: Effect) -> str:
    name = effect.parameter
    return (
        f"**{PARAMETER[name]}** (a range of {points(effect.range)[1:]}: best at"
        f" {with_unit(name, effect.best)}, worst at {with_unit(name, effect.worst)})"
    )
