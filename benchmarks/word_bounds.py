"""How much of a word the bounds of `kws_edge.audio.speech_level` hold, on real clips.

    python -m benchmarks.word_bounds DATA [--clips 150] [--seed 0] [--pictures FOLDER]

DATA is Mini Speech Commands, of which the training part (official split) is used. Two
definitions are compared: "before" is the one that cut training windows and test streams up to
0.1.0. The final burst (the release of a "t" or "p") is searched for independently of both: the
steepest rise of the spectrum in at least four of five bands, in frames of 4 ms, within 350 ms
after the vowel. Bursts that no ear would notice and bursts in noise are not found by it, so the
shares are of the clips in which it finds one. "The end moves" is median and 90th percentile.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from kws_edge.audio.files import read_audio
from kws_edge.audio.speech_level import SpeechLevels, measure_speech
from kws_edge.types import FloatArray
from training.data.clips import Clip, scan
from training.data.splits import split_clips

RATE = 16000
FINAL_PLOSIVES = ("left", "right", "stop", "up")
Bounds = tuple[int, int]


@dataclass(frozen=True)
class Measured:
    """A clip's bounds in samples by both definitions, and its final ``burst``, if one is found."""

    clip: Clip
    samples: FloatArray
    before: Bounds
    levels: SpeechLevels
    burst: int | None

    @property
    def now(self) -> Bounds:
        return self.levels.bounds


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--clips", default=150, show_default=True, help="Clips of each word.")
@click.option("--seed", default=0, show_default=True)
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for 20 pictures.")
def main(data: Path, clips: int, seed: int, pictures: Path | None) -> None:
    """Print length of the words and share of final bursts inside, before and now."""
    words: dict[str, list[Clip]] = {}
    for clip in split_clips(scan(data), "official").training:
        words.setdefault(clip.label, []).append(clip)
    random = np.random.default_rng(seed)
    print(
        "| word | clips | length before, ms | length now, ms | the end moves, ms |"
        " bursts found | inside before | inside now |"
    )
    print("|---|---|---|---|---|---|---|---|")
    every: list[Measured] = []
    for label, listed in sorted(words.items()):
        chosen = random.permutation(len(listed))[:clips]
        measured = [measure(listed[number]) for number in sorted(chosen)]
        print(row(label, measured))
        every += measured
    print(row("all", every))
    print(row("of these: " + ", ".join(FINAL_PLOSIVES), with_plosive(every)))
    print(
        f"\n{sum(m.levels.word is None for m in every)} of {len(every)} clips hold no word that"
        " stands out: their bounds are the whole clip."
    )
    for name, values in (
        ("level, dBFS", [m.levels.level_dbfs for m in every]),
        ("signal to noise, dB", [m.levels.snr_db for m in every]),
    ):
        found = ", ".join(f"{v:.1f}" for v in np.percentile(values, [1, 2, 3, 50]))
        print(f"{name}: 1st, 2nd, 3rd and 50th percentile {found}")
    if pictures:
        draw(with_plosive(every)[:: max(1, len(with_plosive(every)) // 20)][:20], pictures)


def with_plosive(measured: Sequence[Measured]) -> list[Measured]:
    return [m for m in measured if m.clip.label in FINAL_PLOSIVES]


def measure(clip: Clip) -> Measured:
    samples = read_audio(clip.path, RATE)
    levels = measure_speech(samples, RATE)
    return Measured(clip, samples, bounds_before(samples), levels, final_burst(samples))


def row(label: str, measured: Sequence[Measured]) -> str:
    """A line of the table; lengths are 10th, 50th and 90th percentile."""
    bursts = [m for m in measured if m.burst is not None]
    lengths = [
        " / ".join(
            f"{v:.0f}" for v in np.percentile([to_ms(b[1] - b[0]) for b in bounds], [10, 50, 90])
        )
        for bounds in ([m.before for m in measured], [m.now for m in measured])
    ]
    moves = np.percentile([to_ms(m.now[1] - m.before[1]) for m in measured], [50, 90])
    inside = [
        f"{100 * np.mean([holds(b, m) for b, m in zip(bounds, bursts, strict=True)]):.0f} %"
        for bounds in ([m.before for m in bursts], [m.now for m in bursts])
    ]
    cells = [
        label,
        str(len(measured)),
        *lengths,
        f"{moves[0]:.0f} / {moves[1]:.0f}",
        str(len(bursts)),
        *inside,
    ]
    return f"| {' | '.join(cells)} |"


def holds(bounds: Bounds, measured: Measured) -> bool:
    return measured.burst is not None and bounds[0] <= measured.burst < bounds[1]


def to_ms(samples: int) -> float:
    return 1000 * samples / RATE


def bounds_before(samples: FloatArray) -> Bounds:
    """The definition up to 0.1.0: 20 dB below the loud frames, half way to the noise, gaps of
    150 ms bridged; the stretch with most energy. Kept for this comparison alone."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 320)[::160]
    levels = 10 * np.log10(np.maximum(np.var(frames, axis=1, dtype=np.float64), 10**-9.6))
    noise, peak = np.percentile(levels, [10, 95])
    speech = np.flatnonzero(levels >= max((noise + peak) / 2, peak - 20))
    segments = np.split(speech, np.flatnonzero(np.diff(speech) > 15) + 1)
    word = max(segments, key=lambda segment: float(np.sum(10 ** (levels[segment] / 10))))
    return int(word[0]) * 160, min(len(samples), int(word[-1]) * 160 + 320)


def final_burst(samples: FloatArray) -> int | None:
    """The sample at which the last consonant's burst begins; None where there is none."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), 64)[::32]
    power = np.abs(np.fft.rfft(frames * np.hanning(65)[:64])) ** 2  # [frames, 33], every 2 ms
    hertz = np.fft.rfftfreq(64, 1 / RATE)
    vowel = smooth(power[:, (hertz >= 200) & (hertz <= 2800)].sum(axis=1), 10)
    loud = np.flatnonzero(10 * np.log10(vowel + 1e-12) > 10 * np.log10(vowel.max() + 1e-12) - 14)
    edges = (250, 1000, 2000, 3500, 5500, 8001)
    bands = [power[:, (hertz >= a) & (hertz < b)].sum(axis=1) for a, b in itertools.pairwise(edges)]
    level = 10 * np.log10(np.stack([smooth(band, 3) for band in bands], axis=1) + 1e-11)
    end = int(loud[-1])
    best, steepest = None, 8.0  # dB
    for at in range(max(end + 5, 14), min(len(level) - 6, end + 175)):
        rise = level[at : at + 4].max(axis=0) - np.median(level[at - 14 : at - 2], axis=0)
        if (fourth := float(np.sort(rise)[-4])) >= steepest:
            best, steepest = at * 32 + 32, fourth
    return best


def smooth(values: npt.NDArray[np.float64], frames: int) -> npt.NDArray[np.float64]:
    return np.convolve(values, np.ones(frames) / frames, "same")


def draw(measured: Sequence[Measured], folder: Path) -> None:
    """A picture a clip: wave and spectrogram with both bounds (red before, green now)."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    for m in measured:
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True)
        top.plot(np.arange(len(m.samples)) / RATE, m.samples, linewidth=0.4)
        top.set_title(f"{m.clip.label}/{m.clip.path.name}: red before, green now, burst dotted")
        dither = np.random.default_rng(0).normal(0, 1e-6, len(m.samples))  # log of zeros
        bottom.specgram(
            m.samples + dither, NFFT=256, Fs=RATE, noverlap=216, cmap="magma", vmin=-140, vmax=-40
        )
        for axes in (top, bottom):
            for bounds, colour in ((m.before, "red"), (m.now, "lime")):
                for edge in bounds:
                    axes.axvline(edge / RATE, color=colour)
            if m.burst is not None:
                axes.axvline(m.burst / RATE, color="cyan", linestyle=":")
        figure.savefig(folder / f"{m.clip.label}-{m.clip.path.stem}.png", dpi=70)


if __name__ == "__main__":
    main()
