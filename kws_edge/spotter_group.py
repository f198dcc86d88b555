"""Several models over one stream of audio, with features computed once where settings agree."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from kws_edge.detection.detector import Detection, DetectorConfig
from kws_edge.detection.near_misses import NearMiss
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.features.front_end import FeatureConfig, RollingFeatures
from kws_edge.model.manifest import Manifest
from kws_edge.spotter import Decision, KeywordSpotter, checked_block
from kws_edge.types import FloatArray
from kws_edge.verifier import Verdicts

__all__ = ["AnySpotter", "SpotterGroup", "group_faults", "run_all"]


class SpotterGroup:
    """`KeywordSpotter` objects that begin together, with the methods of one.

    Detections, near misses and decisions have the name of their model. Decisions have the scores
    of all ``labels``: those of the model that decided, and the last ones of the others; of a label
    of several models the highest.
    """

    def __init__(self, members: Sequence[KeywordSpotter]) -> None:
        """Raises `ConfigError` for two models of one name, or of different sample rates."""
        self.members = tuple(members)
        if faults := group_faults([one.manifest for one in members]):
            raise ConfigError("; ".join(faults))
        self.name = ", ".join(one.name for one in members)
        labels = [label for one in members for label in one.labels]
        self.labels = tuple(dict.fromkeys(labels))
        self.keywords = tuple(dict.fromkeys(word for one in members for word in one.keywords))
        # the longest window is that which the end of a stream must fill
        self.features = max((one.features for one in members), key=lambda one: one.window_samples)
        self.verification = next((one.verification for one in members if one.verification), None)
        self.verdicts = Verdicts()
        self.presets: dict[str, DetectorConfig] = {}
        self._rows = np.array([self.labels.index(label) for label in labels])
        ends = np.cumsum([len(one.labels) for one in members]).tolist()
        self._parts = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
        self._posteriors = np.zeros(len(labels), np.float32)
        self._scores = np.zeros(len(labels), np.float32)
        self._share()

    @property
    def samples_processed(self) -> int:
        """Samples of the stream so far, lost ones included."""
        return self.members[0].samples_processed

    @property
    def samples_idle(self) -> int:
        """Samples of the stream for which no network ran."""
        return min(one.samples_idle for one in self.members)

    @property
    def config(self) -> DetectorConfig:
        """The settings of the first model, with the thresholds of all keywords."""
        thresholds = {
            word: one.config.threshold_of(word)
            for one in reversed(self.members)
            for word in one.keywords
        }
        return replace(self.members[0].config, thresholds=thresholds)

    @property
    def on_decision(self) -> Callable[[Decision], None] | None:
        return self._on_decision

    @on_decision.setter
    def on_decision(self, listener: Callable[[Decision], None] | None) -> None:
        self._on_decision = listener
        for index, one in enumerate(self.members):
            one.on_decision = self._decided(index) if listener else None

    def push(self, block: FloatArray | npt.NDArray[np.int16]) -> list[Detection]:
        """As `KeywordSpotter.push`: detections in order of time, then of models."""
        block = checked_block(block)
        found = []
        while len(block):
            size = min(one.samples_to_decision for one in self.members)
            part, block = block[:size], block[size:]
            for one in self.members:
                found += [replace(each, model=one.name) for each in one.push_checked(part)]
        return found

    def skip(self, samples: int) -> None:
        """Audio was lost; see `KeywordSpotter.skip`."""
        for one in self.members:
            one.skip(samples)

    def take_near_misses(self) -> list[NearMiss]:
        """Words nearly spotted since the last call; see `KeywordSpotter`."""
        return [
            replace(each, model=one.name) for one in self.members for each in one.take_near_misses()
        ]

    def prepare(self, config: DetectorConfig) -> Callable[[], None]:
        """As `KeywordSpotter.prepare`, for thresholds alone, in every model with the keyword."""
        if unknown := set(config.thresholds) - set(self.keywords):
            raise ValidationErrors([f"thresholds.{word}: no such keyword" for word in unknown])
        switches = [
            one.prepare(
                replace(one.config, thresholds={w: config.threshold_of(w) for w in one.keywords})
            )
            for one in self.members
        ]
        return lambda: run_all(switches)

    def set_active_keywords(self, keywords: Collection[str]) -> None:
        """Spot these alone from now on, in all models."""
        for one in self.members:
            one.set_active_keywords(keywords)

    @property
    def active_keywords(self) -> tuple[str, ...]:
        """The keywords that are spotted."""
        active = {word for one in self.members for word in one.active_keywords}
        return tuple(word for word in self.keywords if word in active)

    @property
    def muted(self) -> bool:
        return self.members[0].muted

    def set_muted(self, muted: bool) -> None:
        """As `KeywordSpotter.set_muted`, for all models."""
        for one in self.members:
            one.set_muted(muted)

    def _share(self) -> None:
        """Let all who have the same settings of features use one stream of them."""
        streams: dict[FeatureConfig, RollingFeatures] = {}
        for one in self.members:
            shared = streams.setdefault(one.features, one.rolling_features)
            if shared is not one.rolling_features:
                one.use_features(shared)
            one.verdicts = self.verdicts
        self.on_decision = None

    def _decided(self, index: int) -> Callable[[Decision], None]:
        part, name = self._parts[index], self.members[index].name

        def decided(decision: Decision) -> None:
            assert self._on_decision
            self._posteriors[part] = decision.posteriors
            self._scores[part] = 0 if decision.scores is None else decision.scores
            self._on_decision(
                replace(
                    decision,
                    posteriors=self._highest(self._posteriors),
                    scores=None if decision.scores is None else self._highest(self._scores),
                    model=name,
                )
            )

        return decided

    def _highest(self, values: FloatArray) -> FloatArray:
        """``values`` of all labels of all models, as ``[labels]``."""
        result = np.zeros(len(self.labels), np.float32)
        np.maximum.at(result, self._rows, values)
        return result


def group_faults(models: Sequence[Manifest]) -> list[str]:
    """What keeps models from listening together."""
    faults, first = [], models[0]
    for index, one in enumerate(models):
        if one.name in [other.name for other in models[:index]]:
            faults.append(f"models[{index}].model: {one.name} stands there twice")
        if one.features.sample_rate != first.features.sample_rate:
            faults.append(
                f"models[{index}].model: {one.name} is of {one.features.sample_rate} Hz,"
                f" {first.name} of {first.features.sample_rate} Hz"
            )
    return faults


def run_all(actions: Sequence[Callable[[], None]]) -> None:
    for action in actions:
        action()


AnySpotter = KeywordSpotter | SpotterGroup
