"""Hard negatives: stretches of recordings without keywords on which a model fires.

What a model takes for a keyword is what its next training must see (`data.mined` of a
TrainingConfig). After that it fires on other stretches; a few rounds on hours of speech
suffice (Sung and Poggio, "Example-based learning for view-based human face detection", IEEE PAMI
1998, call it bootstrapping).
"""

import csv
import dataclasses
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.detection.detector import is_keyword
from kws_edge.files import append_line
from kws_edge.model.classifier import Classifier
from kws_edge.spotter import KeywordSpotter
from kws_edge.types import FloatArray
from training.data.clips import speaker_of

TABLE = "mined.csv"
SAME_SECONDS = 0.5  # two rounds that fire so close to each other fire on the same
BLOCK = 16000  # samples


@dataclass(frozen=True)
class FalseAccept:
    """A model took the end of the stretch in ``clip`` (relative to the folder of the table) for
    ``word``, ``time_s`` after the begin of the recording ``source``."""

    clip: str
    source: str
    time_s: float
    word: str
    score: float
    model: str


@dataclass
class Mined:
    """What `mine` found: recordings, their length, false accepts in them, new clips."""

    recordings: int = 0
    seconds: float = 0.0
    false_accepts: int = 0
    new_clips: int = 0

    def __str__(self) -> str:
        rate = self.false_accepts / max(self.seconds, 1e-9) * 3600
        return (
            f"{self.false_accepts} false accepts in {self.seconds / 3600:.2f} h"
            f" ({rate:.1f} an hour) of {self.recordings} recordings, {self.new_clips} new"
        )


def mine(
    classifier: Classifier, recordings: Iterable[Path], output: Path, threshold: float
) -> Mined:
    """Run a model over ``recordings``, in which all words are wrong; keep what it fires on.

    The model fires at ``threshold`` (0 to 1), lower than in use, so that what nearly fires is
    kept as well. Each stretch holds the windows that led to a detection, and goes to
    ``output/<word>/<speaker>_nohash_<n>.wav``, so that a split by speaker keeps it on the side of
    its source; ``output/mined.csv`` has its source. What an earlier round kept is counted and not
    kept again. Raises `MissingFileError` and `DataError` for a recording that cannot be read.
    """
    manifest = classifier.manifest
    detector = dataclasses.replace(
        manifest.detector, threshold=threshold, thresholds={}, gate_dbfs="off"
    )
    spotter = KeywordSpotter(classifier, detector)
    known = read_table(output)
    mined = Mined()
    for path in recordings:
        samples = read_audio(path, manifest.features.sample_rate)
        mined.recordings += 1
        mined.seconds += len(samples) / manifest.features.sample_rate
        for word, score, time_s, stretch in _false_accepts(spotter, samples):
            mined.false_accepts += 1
            if any(
                row.source == str(path) and abs(row.time_s - time_s) < SAME_SECONDS for row in known
            ):
                continue
            row = _keep(output, path, word, len(known), stretch, manifest.features.sample_rate)
            known.append(FalseAccept(row, str(path), time_s, word, score, manifest.name))
            _append(output / TABLE, known[-1])
            mined.new_clips += 1
    return mined


def read_table(output: Path) -> list[FalseAccept]:
    """The rows of ``mined.csv``; none where it does not exist."""
    if not (output / TABLE).exists():
        return []
    with (output / TABLE).open(newline="") as file:
        return [
            FalseAccept(clip, source, float(time_s), word, float(score), model)
            for clip, source, time_s, word, score, model in list(csv.reader(file))[1:]
        ]


def _false_accepts(
    spotter: KeywordSpotter, samples: FloatArray
) -> Iterator[tuple[str, float, float, FloatArray]]:
    """Word, score, time in the recording (s) and the stretch of each detection."""
    rate = spotter.features.sample_rate
    reach = spotter.features.window_samples + round(spotter.config.smoothing_ms * rate / 1000)
    silence = np.zeros(reach, np.float32)  # a clip may be shorter than a window
    signal = np.concatenate([silence, samples, silence])
    spotter.skip(0)
    began = spotter.samples_processed
    for start in range(0, len(signal), BLOCK):
        for found in spotter.push(signal[start : start + BLOCK]):
            if is_keyword(found.label):
                end = found.sample - began
                time_s = max(0.0, (end - reach) / rate)
                yield found.label, found.score, time_s, signal[max(0, end - reach) : end]


def _keep(
    output: Path, source: Path, word: str, number: int, stretch: FloatArray, rate: int
) -> str:
    clip = f"{word}/{speaker_of(source)}_nohash_{number}.wav"
    (output / word).mkdir(parents=True, exist_ok=True)
    write_wav(output / clip, stretch, rate)
    return clip


def _append(table: Path, row: FalseAccept) -> None:
    if not table.exists():
        append_line(table, ",".join(field.name for field in dataclasses.fields(FalseAccept)), 0o666)
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(dataclasses.astuple(row))
    append_line(table, line.getvalue(), 0o666)
