"""A recipe's networks trained: the teacher, where there is one, then the model itself."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from kws_edge.errors import ConfigError
from kws_edge.types import FloatArray
from training.data.material import Recordings, find_recordings
from training.data.passes import AugmentedEpochs
from training.networks.build import network as build_network
from training.networks.build import uncompiled
from training.networks.cost import multiply_accumulates
from training.train.provenance import git_commit, library_versions
from training.train.recipe import NetworkConfig, Recipe
from training.train.run import (
    CALIBRATION,
    RECIPE,
    History,
    as_document,
    new_folder,
    partial_folder,
    write_run_files,
)
from training.train.start import Start
from training.train.trained import WEIGHTS
from training.train.trainer import TrainingTask, fit
from training.train.validation import Measures, clip_windows, measure, posteriors

CALIBRATION_WINDOWS = 600
Report = Callable[[str], None]
Prepare = Callable[[keras.Model], None]


def train_recipe(
    recipe: Recipe,
    data: Path,
    output: Path,
    cache: Path,
    report: Report,
    split_lists: Path | None = None,
    prepare: Prepare = lambda _: None,
    judged_by: Recipe | None = None,
) -> Path:
    """The new run folder below ``output``, as `train` makes it, with ``recipe.yaml``, and
    windows of training to calibrate int8 with. ``prepare`` gives the network other weights
    to begin with than random ones. ``judged_by`` is the recipe whose windows it is validated
    on, if not its own.

    Raises `MissingFileError` and `DataError` for recordings that are not there.
    """
    teachers = known_teachers(recipe)
    provenance = {"git_commit": git_commit(), **library_versions()}
    recordings = find_recordings(recipe, data, split_lists)
    passes = AugmentedEpochs(recipe, recordings, "training", cache)
    validation = AugmentedEpochs(recipe, recordings, "validation", cache)
    if judged_by:
        heard = _heard(recipe, judged_by)
        validation = AugmentedEpochs(
            heard, find_recordings(judged_by, data, split_lists), "validation", cache
        )
    drawn = validation.get(0, report)
    clips = clip_windows(recipe, recordings)
    seed = recipe.seed if recipe.schedule.seed is None else recipe.schedule.seed
    started = time.monotonic()

    def learn(
        network: NetworkConfig,
        epochs: int,
        teachers: Sequence[keras.Model] = (),
        prepare: Prepare = lambda _: None,
    ) -> tuple[keras.Model, History, Measures]:
        keras.utils.set_random_seed(seed)  # of the weights to begin with, too
        model = build_network(recipe.run(network))
        prepare(model)
        report(f"{network.architecture}, width {network.width}: {model.count_params()} parameters")
        lesson = TrainingTask(
            lambda epoch: passes.get(epoch % recipe.schedule.passes, report),
            len(recipe.labels),
            recipe.augmentation.masks,
            recipe.augmentation.mixup,
            _soft_targets(teachers, passes, recipe) if teachers else None,
            recipe.teacher.share if recipe.teacher and teachers else 0.0,
        )
        schedule = dataclasses.replace(recipe.schedule, epochs=epochs)
        history = fit(model, lesson, drawn, schedule, seed, report)
        measures = measure(model, recipe, clips, drawn)
        report(f"validation: {measures}")
        return model, history, measures

    if recipe.teacher and recipe.teacher.network:
        teachers = [learn(recipe.teacher.network, recipe.teacher.epochs)[0]]
    model, history, measures = learn(recipe.network, recipe.schedule.epochs, teachers, prepare)
    metrics = {
        "seconds": round(time.monotonic() - started, 1),
        "parameters": model.count_params(),
        "multiply_accumulates": multiply_accumulates(model),
        "validation": dataclasses.asdict(measures),
        "windows": len(passes.get(0).targets),
        "clips": _counts(recordings),
        **provenance,
    }
    return _save(model, recipe, passes, history, metrics, output)


def _heard(recipe: Recipe, judge: Recipe) -> Recipe:
    """What draws windows as ``judge`` does, as ``recipe`` hears them."""
    return dataclasses.replace(recipe, windows=judge.windows, augmentation=judge.augmentation)


def known_teachers(recipe: Recipe) -> list[keras.Model]:
    """The trained networks that the recipe names as its teachers. Raises `MissingFileError`,
    and `ConfigError` for one that hears or tells apart other things."""
    teachers = []
    for folder in recipe.teacher.runs if recipe.teacher else ():
        start = Start.read(folder)
        for what in ("features", "labels"):
            if getattr(start.recipe, what) != getattr(recipe, what):
                raise ConfigError(f"{folder}: a teacher with other {what} than {recipe.name}'s")
        teachers.append(start.network())
    return teachers


def _soft_targets(
    teachers: Sequence[keras.Model], passes: AugmentedEpochs, recipe: Recipe
) -> Callable[[int], FloatArray]:
    known: dict[int, FloatArray] = {}

    def soft(epoch: int) -> FloatArray:
        number = epoch % recipe.schedule.passes
        if number not in known:
            windows = passes.get(number)
            known[number] = np.mean([posteriors(one, windows) for one in teachers], axis=0)
        return known[number]

    return soft


def _counts(recordings: Recordings) -> dict[str, dict[str, int]]:
    return {
        part: {name: len(clips) for name, clips in vars(getattr(recordings, part)).items()}
        for part in ("training", "validation")
    }


def _save(
    model: keras.Model,
    recipe: Recipe,
    passes: AugmentedEpochs,
    history: History,
    metrics: dict[str, Any],
    output: Path,
) -> Path:
    partial = partial_folder(output, recipe.name)
    partial.mkdir()
    if keras.backend.backend() == "tensorflow":  # else `convert` makes the SavedModel
        model.export(partial, verbose=False)
    write_run_files(partial, recipe.run(), history, metrics)
    document = yaml.safe_dump(as_document(recipe), sort_keys=False)
    (partial / RECIPE).write_text(document)
    uncompiled(model, recipe.run()).save_weights(partial / WEIGHTS)
    windows = passes.get(0).features[:CALIBRATION_WINDOWS]
    np.save(partial / CALIBRATION, np.asarray(windows, np.float32))
    return new_folder(partial, output, recipe.name)
