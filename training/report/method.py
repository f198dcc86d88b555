"""How the figures came about, and what they rest on."""

from training.report.blocks import Section, Text
from training.report.load import Study
from training.report.noise import LEVEL, SeedNoise
from training.report.score import points
from training.report.words import configuration, count, listed


def method(study: Study, noise: SeedNoise) -> Section:
    texts = [_data(study), _training(study), _bases(study), _noise(noise), _ranking(), _chosen()]
    if study.timings:
        texts.append(_latency(study))
    return Section("How this was made", tuple(Text(text) for text in texts))


def _data(study: Study) -> str:
    clips = study.runs[0].record.metrics["clips"]
    text = f"**Data.** {clips['training']} clips to train on, {clips['validation']} to choose by"
    text += " (no speaker in both)" if study.split == "official" else ""
    tests = {t.test.data: t.test.clips for run in study.runs for t in run.tests.values()}
    if tests:
        text += "; tested on " + listed([f"{n} clips of the {name}" for name, n in tests.items()])
    return f"{text}. 1 KB is 1,024 bytes."


def _training(study: Study) -> str:
    configs = [run.record.config for run in study.runs]
    optimizers = {
        f"{c['architecture']}, {c['optimizer']['epochs']} epochs, batches of"
        f" {c['optimizer']['batch_size']}"
        for c in configs
    }
    hosts = sorted({run.record.metrics["host"] for run in study.runs})
    hours = sum(float(run.record.metrics["seconds"]) for run in study.runs) / 3600
    commits = sorted({str(run.record.metrics["git_commit"])[:12] for run in study.runs})
    return (
        f"**Training.** {listed(sorted(optimizers))}; validation accuracy after the last epoch."
        f" {hours:.1f} hours on {listed(hosts)}; {'commit' if len(commits) == 1 else 'commits'}"
        f" {', '.join(commits)}."
    )


def _bases(study: Study) -> str:
    bases = [
        f"{configuration(base[0].point)} ({study.base_name(kind)})"
        for kind in study.kinds
        if (base := study.base(kind))
    ]
    return (
        f"**Base points**, around which the factors are changed: {'; '.join(bases) or 'none yet'}."
    )


def _noise(noise: SeedNoise) -> str:
    if not noise.df:
        return (
            "**Noise.** No point has been trained with several seeds yet, so the spread between"
            " seeds is not known and no difference is set against it."
        )
    return (
        "**Noise.** Two things move an accuracy without meaning anything. Other clips: intervals"
        " are Wilson's, 95 %, and two models are compared clip by clip by McNemar's exact test"
        " where that is known of both, else by Newcombe's interval. Other seeds: at the base"
        f" points validation accuracy has a standard deviation of {points(noise.sd)[1:]}"
        f" ({count(noise.df, 'degree')} of freedom, pooled), taken to be the same everywhere; a"
        " difference is set against simulated studies in which nothing has any effect, with as"
        f" many candidates. A difference is called clear where both give p < {LEVEL:g}; p are not"
        " corrected for the number of questions."
    )


def _ranking() -> str:
    return (
        "**Ranking.** One factor at a time: the range of validation accuracy over a"
        " hyper-parameter's values, all else at the base point, against the range that seeds"
        " alone would give over as many runs. Effects of two changed together are not seen so."
    )


def _chosen() -> str:
    return (
        "**Choice.** Best configurations and fronts are chosen by validation accuracy alone, one"
        " seed a configuration; the test part has no say in them. A figure that something was"
        " chosen by flatters it; its figure on the test part does not."
    )


def _latency(study: Study) -> str:
    found = study.timings
    if not found:
        return ""
    load = " to ".join(f"{value:g}" for value in found.load)
    busy = max(found.load, default=0.0) > found.cores
    return (
        f"**Latency.** Batch 1, one thread, on {found.machine}, {found.interpreter}:"
        f" {len(found.models)} models in turn, {found.rounds} rounds in an order drawn anew of"
        f" {count(found.calls, 'decision')} each. Load average {load or 'not known'} on"
        f" {count(found.cores, 'core')}"
        + (": others worked at the same time, so compare, and do not quote." if busy else ".")
    )
