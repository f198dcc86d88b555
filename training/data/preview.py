"""Examples of the windows that a network trains on: to listen to, and to look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kws_edge.audio.files import write_wav
from kws_edge.audio.level import level_dbfs
from kws_edge.features.front_end import FrontEnd
from kws_edge.types import FloatArray
from training.config import TrainingConfig
from training.data.material import find_recordings
from training.data.passes import plan_of, window_maker

COLUMNS = 4


@dataclass(frozen=True)
class Example:
    """A window as it was drawn: ``samples [n]``, its label, and its kind in words."""

    samples: FloatArray
    label: str
    kind: str


def examples(config: TrainingConfig, data: Path, count: int) -> Iterator[Example]:
    """The first ``count`` windows of the validation part's first pass."""
    maker = window_maker(config, find_recordings(config, data), "validation")
    for item, random in plan_of(maker, config, "validation", 0)[:count]:
        yield Example(*maker.draw(item, random))


def write_preview(config: TrainingConfig, data: Path, output: Path, count: int) -> list[Path]:
    """``<n>-<label>.wav`` for each, and ``windows.png`` with all of them: wave and features."""
    shown = list(examples(config, data, count))
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for number, example in enumerate(shown):
        path = output / f"{number:03}-{example.label.strip('_')}.wav"
        write_wav(path, example.samples, config.features.sample_rate)
        written.append(path)
    picture = output / "windows.png"
    _draw(shown, config, picture)
    return [*written, picture]


def _draw(shown: list[Example], config: TrainingConfig, path: Path) -> None:
    from matplotlib.figure import Figure  # not pyplot: it would look for a display

    front_end = FrontEnd(config.features)
    seconds = config.features.window_ms / 1000
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(3.6 * COLUMNS, 2.4 * rows), layout="constrained")
    axes = figure.subplots(2 * rows, COLUMNS, squeeze=False, height_ratios=[1, 2] * rows)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, example in enumerate(shown):
        row, column = divmod(place, COLUMNS)
        wave, features = axes[2 * row, column], axes[2 * row + 1, column]
        wave.plot(example.samples, linewidth=0.4, color="black")
        wave.set_xlim(0, len(example.samples))
        title = (
            f"{place:03} {example.label}: {example.kind}, {level_dbfs(example.samples):.0f} dBFS"
        )
        wave.set_title(title, fontsize=7)
        image = front_end(example.samples).T
        features.imshow(image, origin="lower", aspect="auto", extent=(0, seconds, 0, len(image)))
    figure.savefig(path, dpi=90, metadata={"Software": None})
