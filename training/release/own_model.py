"""``adapt --build`` and ``synthesize-words --build``: the plan of a model from takes, and what it
changed.

The plan is a ``model.yaml``; `training.release.steps.build` runs it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml

from kws_edge.audio.files import read_audio
from kws_edge.files import write_atomically
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import find_model
from kws_edge.spotter import KeywordSpotter
from training.config import SourceConfig, TrainingConfig, as_document
from training.data.augmentation import RATE
from training.data.clips import Clip, scan
from training.data.splits import by_takes, split_clips
from training.data.windows import SILENCE, UNKNOWN
from training.release.model_config import MODEL_YAML
from training.stats import wilson_interval

COMPARISON = "comparison.json"
STREAM = "choose"  # the detector's settings by it
NEW_VOICES = "new-voices"  # synthetic ones that were neither trained on nor chosen by
STREAM_CLIPS = 300  # of other people, from each folder
STREAM_SPEECH = 40  # excerpts of 6 s, from each folder
TARGETS = {  # those of the default model
    "default": {"false_accepts_per_hour": 2},
    "quiet": {"false_accepts_per_hour": 0.6, "spare_recall": 0.05},
    "eager": {"false_accepts_per_hour": 5},
}
LIMITS = """\
Its detector settings were chosen on one stream of few takes; its figures count takes of the same
people, made in the same sessions as those that it learned from. Measure it on takes of another
day before you rely on it.
"""


@dataclass(frozen=True)
class PlanText:
    """What the card says: ``description``, and ``limits`` of the model."""

    description: str
    limits: str = LIMITS


def write_plan(
    config: TrainingConfig, data: Path, folder: Path, text: PlanText, voices: Path | None = None
) -> None:
    """``model.yaml`` in ``folder`` for ``config``. Its figures count the testing part of the
    takes in ``voices``, of synthetic voices, if there is one."""
    streams = [_stream(STREAM, config, _not_trained_on(config, data))]
    figures: dict[str, object] = {}
    if voices and split_clips(scan(voices), "official").testing:
        clips: dict[str, object] = {"folder": str(voices), "part": "testing"}
        streams.append({**_stream(NEW_VOICES, config, [clips]), "seed": 1})
        about = "synthetic voices that it never had, among other speech"
        named = {"name": NEW_VOICES, "streams": [NEW_VOICES], "description": about}
        figures = {"evaluation": {"streams": [named]}}
    document = {
        **asdict(text),
        "training": as_document(config),
        "export": {"quantization": "int8"},
        "streams": streams,
        "tuning": {"positives": [STREAM], "negatives": [STREAM], "targets": TARGETS},
        **figures,
    }
    folder.mkdir(parents=True, exist_ok=True)
    dumped = yaml.safe_dump(document, sort_keys=False)
    write_atomically(folder / MODEL_YAML, dumped.encode())


def _not_trained_on(config: TrainingConfig, data: Path) -> list[dict[str, object]]:
    """Takes that were held back, and other people's clips of the validation part."""
    clips: list[dict[str, object]] = []
    for source in config.data.sources:
        if source.split == "takes":
            found = [clip for clip in scan(data / source.folder) if clip.label != SILENCE]
            labels = sorted({clip.label for clip in by_takes(found).validation})
            part: dict[str, object] = {"part": "held-back", "labels": labels}
        else:
            labels = [clip.label for clip in _people(source, data)]
            part = {"part": "validation", "count": min(len(labels), STREAM_CLIPS)}
        if labels:
            clips.append({"folder": str(source.folder), **part})
    return clips


def _stream(
    name: str, config: TrainingConfig, clips: Sequence[dict[str, object]]
) -> dict[str, object]:
    """``clips`` among running speech of voices of the validation part, with noise behind."""
    speech = [
        {"folder": str(folder), "count": STREAM_SPEECH, "seconds": 6, "part": "validation"}
        for folder in config.data.speech
    ]
    noise = [str(folder) for folder in config.data.noise[:1]]
    behind = {"folder": noise[0], "snr_db": [5, 10, 15, 20, 30], "quiet": 0.3} if noise else None
    return {
        "name": name,
        "clips": list(clips),
        "speech": speech,
        "margin_ms": 120,
        "gap_seconds": [0.2, 2.5],
        "speech_dbfs": [-40, -15],
        "noise": behind,
        "floor_dbfs": -75,
        "least_seconds": 60,
    }


def _people(source: SourceConfig, data: Path) -> Sequence[Clip]:
    """Clips of voices that are not trained on, where ``source`` is divided by speaker."""
    if source.split != "official":
        return ()
    return split_clips(scan(data / source.folder), "official").validation


@dataclass(frozen=True)
class Change:
    """Of ``count`` clips, in how many the model ``before`` and the one ``after`` spotted
    the clip's word (``spots``) or, where it is none of their words, any of theirs."""

    clips: str
    spots: bool
    count: int
    before: int | None
    after: int

    def __str__(self) -> str:
        what = "spotted" if self.spots else "false accepts"
        before = "" if self.before is None else f"before {self.before}, "
        lower, upper = wilson_interval(self.after, self.count)
        after = f"after {self.after} of {self.count} ({lower:.1%} to {upper:.1%})"
        return f"{self.clips}: {what} {before}{after}"


MOST_CLIPS = 200  # of other people, in each comparison


def compare_models(
    before: str | Path, after: Path, config: TrainingConfig, recordings: Path, data: Path
) -> list[Change]:
    """What the model files ``before`` and ``after`` spot, each as `kws-edge listen` runs it, in
    takes that were held back, in other sounds of ``recordings``, and in other people's clips."""
    models = [Classifier.load(find_model(path)) for path in (before, after)]
    changes = []
    for name, clips in _groups(config, recordings, data):
        is_word = clips[0].label in config.data.words
        counts = [_count(model, clips) for model in models]
        known = not is_word or {clip.label for clip in clips} <= set(models[0].manifest.labels)
        old = counts[0] if known else None
        changes.append(Change(name, is_word, len(clips), old, counts[1]))
    return changes


def _groups(
    config: TrainingConfig, recordings: Path, data: Path
) -> Iterator[tuple[str, Sequence[Clip]]]:
    own = by_takes(scan(recordings))
    known = set(config.data.words)
    people = [clip for source in config.data.sources for clip in _people(source, data)]
    groups: list[tuple[str, Iterable[Clip]]] = [
        ("own takes, held back", (clip for clip in own.validation if clip.label in known)),
        ("own other sounds, held back", _sounds(own.validation)),
        ("own other sounds, learned from", _sounds(own.training)),
        ("other people's words", _some([clip for clip in people if clip.label in known])),
        ("other people's other words", _some([c for c in people if c.label not in known])),
    ]
    for name, clips in groups:
        if found := list(clips):
            yield name, found


def _sounds(clips: Iterable[Clip]) -> list[Clip]:
    return [clip for clip in clips if clip.label in (UNKNOWN, SILENCE)]


def _some(clips: Sequence[Clip]) -> list[Clip]:
    """At most `MOST_CLIPS`, the same ones each time."""
    order = np.random.default_rng(0).permutation(len(clips))[:MOST_CLIPS]
    return [clips[place] for place in sorted(order)]


def _count(model: Classifier, clips: Iterable[Clip]) -> int:
    """In how many clips a word was spotted: the clip's own, where it has one of the model's.

    Each is processed by itself, with a second of silence on either side.
    """
    spotted = 0
    silence = np.zeros(RATE, np.float32)
    for clip in clips:
        samples = np.concatenate([silence, read_audio(clip.path, RATE), silence])
        found = {detection.label for detection in KeywordSpotter(model).push(samples)}
        is_word = clip.label in model.manifest.keywords
        spotted += clip.label in found if is_word else bool(found)
    return spotted


def write_comparison(
    changes: Sequence[Change], folder: Path, report: Callable[[str], None]
) -> None:
    """``comparison.json`` in ``folder``, and a line to ``report`` for each change."""
    for change in changes:
        report(str(change))
    text = json.dumps([asdict(change) for change in changes], indent=1)
    write_atomically(folder / COMPARISON, (text + "\n").encode())
