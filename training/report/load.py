"""A results folder as a study: sweeps, finished trials, models, tests, latencies."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kws_edge.config.yaml_file import load
from kws_edge.errors import DataError, MissingFileError
from training.report.run import Run
from training.study.results import (
    QUANTIZATIONS,
    Converted,
    Tested,
    Timings,
    converted_path,
    model_name,
    tested_path,
    timings_path,
)
from training.study.store import get
from training.sweep.config import BASE_NAME, SweepConfig
from training.sweep.point import Point
from training.sweep.records import Record, Records
from training.sweep.trial import make_trial

# In the order in which a report tells of them.
KINDS = ("mfcc", "log_mel", "spectrogram")


@dataclass(frozen=True)
class Study:
    """The trials of one split of the data; ``failed`` are those without a result."""

    split: str
    sweeps: tuple[SweepConfig, ...]
    runs: tuple[Run, ...]
    failed: tuple[Record, ...]
    timings: Timings | None

    @property
    def kinds(self) -> list[str]:
        """Those with results."""
        return [kind for kind in KINDS if any(run.kind == kind for run in self.runs)]

    def of_kind(self, kind: str) -> list[Run]:
        """One run for each configuration, the most accurate on validation first."""
        runs = [run for run in self.runs if run.kind == kind and run.first_seed]
        return sorted(runs, key=lambda run: (-run.validation.value, run.key))

    def configurations(self) -> list[Run]:
        """Of all kinds."""
        return [run for kind in self.kinds for run in self.of_kind(kind)]

    def base(self, kind: str) -> list[Run]:
        """The runs of the base point, its first seed first; empty until there are any.

        It is the base of the first sweep of this kind, by name, that has such runs.
        """
        return next((runs for _, runs in self._bases(kind)), [])

    def base_name(self, kind: str) -> str:
        """What the sweep calls that point."""
        return next((config.base_name for config, _ in self._bases(kind)), BASE_NAME)

    def _bases(self, kind: str) -> Iterator[tuple[SweepConfig, list[Run]]]:
        by_key = {run.key: run for run in self.runs}
        for config in self.sweeps:
            if config.base.kind == kind:
                keys = [make_trial(config, config.base, seed).key for seed in config.seeds]
                if found := [by_key[key] for key in keys if key in by_key]:
                    yield config, found

    @property
    def tested(self) -> bool:
        """Was the test part read for every configuration?"""
        return bool(self.runs) and all(run.tests for run in self.runs)


def load_studies(results: Path) -> list[Study]:
    """A study for each split that has finished trials, the official one first.

    Raises `MissingFileError` where the folder is not there and `DataError` where it holds
    no finished trial or no sweep's configuration, or a file that is not what it should be.
    """
    if not results.is_dir():
        raise MissingFileError(f"{results}: no such folder; sweep makes it")
    records = list(Records(results))
    found = [load(path, SweepConfig) for path in results.glob("*.yaml")]
    sweeps = {config.name: config for config in sorted(found, key=lambda config: config.name)}
    complete = [record for record in records if record.state == "complete"]
    if not complete:
        raise DataError(f"{results}: no finished trial; make some with: python -m training sweep")
    absent = sorted({record.sweep for record in complete} - set(sweeps))
    if absent:
        raise DataError(
            f"{results}: no {absent[0]}.yaml, the sweep that {len(complete)} trials are of"
        )
    path = timings_path(results)
    timings = get(path, Timings) if path.exists() else None
    runs = [_run(results, record, sweeps[record.sweep], timings) for record in complete]
    failed = [record for record in records if record.state == "failed"]
    splits = sorted({run.split for run in runs}, key=lambda split: split != "official")
    return [
        Study(
            split,
            tuple(config for config in sweeps.values() if config.split == split),
            tuple(run for run in runs if run.split == split),
            tuple(r for r in failed if r.sweep in sweeps and sweeps[r.sweep].split == split),
            timings,
        )
        for split in splits
    ]


def _run(results: Path, record: Record, sweep: SweepConfig, timings: Timings | None) -> Run:
    run = Run(record, Point(**record.point), record.seed == sweep.seeds[0])
    for quantization in QUANTIZATIONS:
        name = model_name(record.key, quantization)
        if not converted_path(results, name).exists():
            continue
        converted = run.models[quantization] = get(converted_path(results, name), Converted)
        timing = timings.models.get(name) if timings else None
        # of another model of that name, nothing is said
        if timing and timing.sha256 == converted.sha256:
            run.timings[quantization] = timing
        path = tested_path(results, name)
        if path.exists() and (tested := get(path, Tested)).sha256 == converted.sha256:
            run.tests[quantization] = tested
    return run
