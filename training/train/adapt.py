"""Adapt a trained run to the takes of a speaker, of its words or of new ones, and compare."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kws_edge.errors import ConfigError, MissingFileError
from kws_edge.recorder.collection import check_name
from training.config import (
    Attribution,
    DataConfig,
    OptimizerConfig,
    ScheduleConfig,
    SourceConfig,
    TrainingConfig,
)
from training.data.clips import NOISES, Clip, scan
from training.data.loading import Examples, features_of
from training.data.material import find_recordings
from training.data.windows import UNKNOWN
from training.networks.registry import pretrained_layers
from training.stats import wilson_interval
from training.train.run import Run
from training.train.trainer import posteriors

LEAST_TAKES = 5  # of a new word: one of them is not trained on
CLIPS_A_WORD = 600  # takes of a word in an epoch, counting repeats
MOST_REPEATS = 50
UNKNOWN_WINDOWS = 3000  # at least, in an epoch: few words must not mean little other speech
OWN_OTHERS = 4.0  # how often a take of _unknown_ comes, relative to another word of the data
SCHEDULE = ScheduleConfig(
    epochs=30, passes=4, warmup_epochs=1, averaging=0.99, label_smoothing=0.05
)
# of a head on pretrained layers, which cost most of the time and do not change
HEAD_SCHEDULE = dataclasses.replace(SCHEDULE, epochs=10)


def _short(base: TrainingConfig) -> dict[str, Any]:
    """The settings of ``base`` with which an adaptation takes minutes."""
    frozen = pretrained_layers(base.network.architecture)
    return {
        "network": dataclasses.replace(base.network, frozen=frozen),
        "teacher": None,
        "optimizer": OptimizerConfig(learning_rate=1e-3),
        "schedule": HEAD_SCHEDULE if frozen else SCHEDULE,
    }


# What a folder of the run is for: so much the model loses where it is not there.
COST_OF_CLIPS = "the words in it are not repeated, and are known less well afterwards"
COSTS = {
    "noise": "no noise of a room is mixed in: the model copes with less of it",
    "speech": "no sentences are repeated: more false accepts in running speech",
    "mined": "the stretches that it once took for a word are not repeated: more false accepts",
}


def adapted_config(start: Run, recordings: Path, name: str, only: bool) -> TrainingConfig:
    """The configuration of ``start`` with the takes in ``recordings/<label>/`` as well.

    Labels that it does not know become words of their own; with ``only`` its words are those
    of ``recordings`` and no others, and all that it knew are unknown words. Every fifth take
    is kept for validation; takes of ``_unknown_`` and ``_silence_`` alone will do, unless ``only``
    words of ``recordings`` count. Raises `ConfigError` where a new word has too few takes for that,
    for a folder whose name can be no label, and for a run without windows.
    """
    base = start.config
    if base.windows is None:
        raise ConfigError(f"{start.folder}: has no windows, and so no unknown words to learn from")
    known = () if only else base.data.words
    takes = count_takes(recordings, known)
    repeat = max(1, min(MOST_REPEATS, CLIPS_A_WORD // max(takes.values(), default=1)))
    windows = base.windows
    if any(clip.label == UNKNOWN for clip in scan(recordings)):
        weights = {UNKNOWN: OWN_OTHERS, **windows.word_weights}
        windows = dataclasses.replace(windows, word_weights=weights)
    if only:
        keywords = repeat * sum(takes.values())
        share = (1 - windows.silence_share) * UNKNOWN_WINDOWS / (keywords + UNKNOWN_WINDOWS)
        windows = dataclasses.replace(windows, unknown_share=max(windows.unknown_share, share))
    public = [source for source in base.data.sources if source.folder != recordings.resolve()]
    data = dataclasses.replace(
        base.data,
        words=(*known, *(label for label in takes if label not in known)),
        sources=(*public, SourceConfig(recordings.resolve(), "takes", repeat=repeat)),
    )
    return dataclasses.replace(
        base,
        name=name,
        data=data,
        windows=windows,
        **_short(base),
        init_from=start.folder,
        attribution=(*base.attribution, Attribution("recordings of its maker", "not stated")),
    )


WAKE_SCHEDULE = ScheduleConfig(
    epochs=60, passes=8, warmup_epochs=1, averaging=0.995, label_smoothing=0.02
)
WAKE_WINDOW_MS = 1500.0  # a phrase of four syllables and some room around it
NEAR_WEIGHT = 30.0  # of the texts that sound like a phrase, relative to another word of the data
WAKE_SPEECH = Path("librispeech")  # below the data folder
LIBRISPEECH = Attribution(
    "LibriSpeech, train-clean-5", "CC BY 4.0", "https://www.openslr.org/31", "Vassil Panayotov"
)
VOICES = Attribution("Synthetic voices of Kokoro-82M, espeak-ng and flite", "as these are")


def wake_config(start: Run, takes: Path, name: str) -> TrainingConfig:
    """The configuration of ``start`` for the phrases in ``takes``, which synthetic voices said,
    and no others; divided by voice. Sentences of Mini LibriSpeech are other speech as well."""
    config = adapted_config(start, takes, name, only=True)
    *public, own = config.data.sources
    own = dataclasses.replace(own, split="official", repeat=1)
    speech = tuple(dict.fromkeys((*config.data.speech, WAKE_SPEECH)))
    windows = config.windows and dataclasses.replace(
        config.windows, word_weights={**config.windows.word_weights, UNKNOWN: NEAR_WEIGHT}
    )
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, sources=(*public, own), speech=speech),
        features=dataclasses.replace(config.features, window_ms=WAKE_WINDOW_MS),
        windows=windows,
        schedule=WAKE_SCHEDULE,
        attribution=(*start.config.attribution, LIBRISPEECH, VOICES),
    )


def present(config: TrainingConfig, data: Path) -> tuple[TrainingConfig, list[str]]:
    """``config`` with those of its folders alone that are there, and what the others cost. All of
    Speech Commands, where it is there, stands for the folders with parts of it.

    Raises `MissingFileError` where no clip of a word that it keeps is there.
    """

    def there(folder: Path) -> bool:
        return (data / folder).is_dir()

    config = dataclasses.replace(config, data=_with_speech_commands(config.data, data))
    found = config.data
    kept = dataclasses.replace(
        found,
        sources=tuple(source for source in found.sources if there(source.folder)),
        **{name: tuple(filter(there, getattr(found, name))) for name in COSTS},
    )
    gone = [str(one.folder) for one in found.sources if one not in kept.sources]
    missing = [f"{data / folder} is not there: {COST_OF_CLIPS}" for folder in gone]
    for name, cost in COSTS.items():
        lost = [folder for folder in getattr(found, name) if folder not in getattr(kept, name)]
        missing += [f"{data / folder} is not there: {cost}" for folder in lost]
    takes = {clip.label for source in kept.sources for clip in scan(data / source.folder)}
    if words := [word for word in config.data.words if word not in takes]:
        raise MissingFileError(
            f"{data}: no clips of {', '.join(words)}, which the model would forget: get them with"
            f" 'python -m training data fetch {data}', or teach your words alone (--only)"
        )
    return dataclasses.replace(config, data=kept), missing


SPEECH_COMMANDS = Path("speech_commands")  # as `data fetch` calls it
PARTS_OF_IT = (Path("mini_speech_commands"), Path("unknown"))
ITS_NOISES = {Path("background_noise"): SPEECH_COMMANDS / NOISES}


def _with_speech_commands(found: DataConfig, data: Path) -> DataConfig:
    if not (data / SPEECH_COMMANDS).is_dir():
        return found
    others = tuple(one for one in found.sources if one.folder not in PARTS_OF_IT)
    whole = (SourceConfig(SPEECH_COMMANDS),) if others != found.sources else ()
    noise = tuple(ITS_NOISES.get(folder, folder) for folder in found.noise)
    return dataclasses.replace(found, sources=(*whole, *others), noise=noise)


def count_takes(recordings: Path, known: Sequence[str] = ()) -> dict[str, int]:
    """How many takes of each word are in ``recordings``; of ``known`` words one is enough, and
    none where there are takes of other sounds. See `adapted_config`."""
    clips = scan(recordings)
    takes = Counter(clip.label for clip in clips if clip.label[0] != "_")
    for label in takes:
        try:
            check_name(label)
        except ValueError as error:
            raise ConfigError(f"{recordings / label}: cannot be a word: {error}") from error
    few = [
        f"{label} ({count})"
        for label, count in takes.items()
        if count < LEAST_TAKES and label not in known
    ]
    if few or not (takes or known):
        raise ConfigError(
            f"{recordings}: too few takes of {', '.join(few) or 'any word'}; record at least"
            f" {LEAST_TAKES} of each, better 20 (kws-edge record WORD --count 20), or move"
            " elsewhere what shall be no word"
        )
    return dict(takes)


def summary(start: Run, config: TrainingConfig, recordings: Path) -> str:
    """One line: which words there are now, and which of them have takes."""
    takes = count_takes(recordings, config.data.words)
    others = Counter(clip.label for clip in scan(recordings) if clip.label[0] == "_")
    new, old = [
        [
            f"{word} ({takes[word]} takes)"
            for word in takes
            if (word in start.config.data.words) is known
        ]
        for known in (False, True)
    ]
    kept = [word for word in config.data.words if word not in takes]
    sounds = [f"{label} ({count} takes)" for label, count in others.items()]
    groups = (
        ("new words", new),
        ("known words", old),
        ("other sounds", sounds),
        ("as before", kept),
    )
    return "; ".join(f"{what}: {', '.join(words)}" for what, words in groups if words)


def compare(before: Run, after: Run, data: Path, recordings: Path) -> Iterator[str]:
    """Lines that say how many of the takes kept for validation, and of other people's clips of
    the same words, the network knew ``before`` and knows ``after``, and how many of other words
    it takes for one of its words."""
    found = find_recordings(after.config, data).validation
    own = [clip for clip in found.keywords if recordings.resolve() in clip.path.resolve().parents]
    others = [clip for clip in found.keywords if clip not in own]
    old, new = before.network(), after.network()
    for what, chosen in (("own takes", own), ("other people's clips", others)):
        known = [clip for clip in chosen if clip.label in before.config.data.words]
        if known:
            yield f"{what}, before: {_known(old, before.config, known)}"
        if chosen:
            yield f"{what}, after: {_known(new, after.config, chosen)}"
    unknown = [clip for clip in found.others if clip.label not in before.config.data.words]
    if unknown:
        yield f"other words, before: {_fired(old, before.config, unknown)}"
    if found.others:
        yield f"other words, after: {_fired(new, after.config, found.others)}"


def _known(model: keras.Model, config: TrainingConfig, clips: Sequence[Clip]) -> str:
    """By the most likely of all labels, unknown and silence included."""
    targets = np.array([config.labels.index(clip.label) for clip in clips])
    found = posteriors(model, Examples(features_of(clips, config.features), targets))
    right = int((found.argmax(axis=1) == targets).sum())
    lower, upper = wilson_interval(right, len(clips))
    return f"{right} of {len(clips)} known ({right / len(clips):.1%}, {lower:.1%} to {upper:.1%})"


def _fired(model: keras.Model, config: TrainingConfig, clips: Sequence[Clip]) -> str:
    targets = np.full(len(clips), config.labels.index(UNKNOWN))
    found = posteriors(model, Examples(features_of(clips, config.features), targets))
    wrong = int((found[:, : len(config.data.words)].max(axis=1) > 0.5).sum())
    return f"{wrong} of {len(clips)} taken for a word ({wrong / len(clips):.1%})"
