"""How much of what the sweeps plan is there."""

from dataclasses import dataclass

from training.report.load import KINDS, Study
from training.report.words import KIND, count, listed
from training.sweep.config import SweepConfig
from training.sweep.one_factor import distinct, one_factor


@dataclass(frozen=True)
class Coverage:
    """Of one plan of a sweep; refused and failed trials have a record but no result."""

    sweep: str
    kind: str
    plan: str
    planned: int
    done: int
    failed: int

    @property
    def left(self) -> int:
        return max(0, self.planned - self.done - self.failed)


def coverage(study: Study) -> list[Coverage]:
    """A line for each plan of each sweep."""
    return [line for config in study.sweeps for line in _of_sweep(study, config)]


def _of_sweep(study: Study, config: SweepConfig) -> list[Coverage]:
    keys = {trial.key for trial in distinct(one_factor(config))}
    done = sum(run.key in keys for run in study.runs)
    failed = sum(record.key in keys for record in study.failed)
    lines = [Coverage(config.name, config.base.kind, "one factor", len(keys), done, failed)]
    if config.search:
        searched = [r.record for r in study.runs] + list(study.failed)
        ours = [r.state for r in searched if (r.sweep, r.plan) == (config.name, "search")]
        done, failed = ours.count("complete"), ours.count("failed")
        trials = config.search.trials
        lines.append(Coverage(config.name, config.base.kind, "search", trials, done, failed))
    return lines


def state(study: Study) -> str:
    """In a sentence or two: what is there and what is missing."""
    lines = coverage(study)
    planned, done = sum(line.planned for line in lines), sum(line.done for line in lines)
    failed = sum(line.failed for line in lines)
    words = [f"{done} of {count(planned, 'planned run')} are there"]
    if failed:
        words.append(f"{count(failed, 'has', 'have')} no result (refused or failed)")
    gaps = [f"{n.left} of the {KIND[n.kind]} {n.plan} plan" for n in lines if n.left]
    text = "; ".join(words) + "."
    if gaps:
        text += f" **Incomplete**: missing are {listed(gaps)}."
    absent = [KIND[kind] for kind in KINDS if kind not in study.kinds]
    if absent:
        text += f" There is no result of {listed(absent)} features yet."
    return text + _models(study)


def _models(study: Study) -> str:
    """What conversion, timing and testing still lack."""
    total, lacks = len(study.runs), []
    converted = sum(bool(run.models) for run in study.runs)
    timed = sum(bool(run.timings) for run in study.runs)
    tested = sum(bool(run.tests) for run in study.runs)
    if converted < total:
        lacks.append(f"{converted} of {count(total, 'network')} are converted.")
    if timed < total:
        lacks.append(f"{timed} of {count(total, 'network')} are timed.")
    if tested == 0:
        lacks.append("The test part has not been read: all accuracies are on validation.")
    elif tested < total:
        lacks.append(f"{tested} of {count(total, 'network')} are tested.")
    return "".join(f" {sentence}" for sentence in lacks)


def complete(study: Study) -> bool:
    """Is nothing missing?"""
    return (
        not any(line.left for line in coverage(study))
        and set(study.kinds) == set(KINDS)
        and not _models(study)
    )
