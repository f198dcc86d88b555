"""Runs the steps of a model in order, and skips those that are done."""

from collections.abc import Callable

from training.release.stamps import key_of
from training.release.steps import STEP_NAMES, STEPS
from training.release.workspace import Workspace

Report = Callable[[str], None]


def build(
    space: Workspace,
    report: Report,
    first: str | None = None,
    last: str = STEP_NAMES[-1],
) -> None:
    """Run the steps up to ``last``; those before ``first`` must be done.

    A step is done where its stamp has the key of its present inputs and its outputs exist. With
    ``first``, that step and those after it run in any case, and those before it do not run.
    Code is no input: after a change of code, name the ``first`` step that it concerns.
    """
    begin = STEP_NAMES.index(first) if first else 0
    for step in STEPS[begin : STEP_NAMES.index(last) + 1]:
        key = key_of(step.inputs(space))
        stamp = space.stamps.read(step.name)
        if first is None and stamp and stamp.key == key:
            report(f"{step.name}: done before")
            continue
        report(f"{step.name}: runs")
        space.stamps.remove(step.name)
        outputs = step.run(space)
        space.stamps.write(step.name, key, outputs)
        report(f"{step.name}: {', '.join(map(str, outputs)) or 'nothing to do'}")
