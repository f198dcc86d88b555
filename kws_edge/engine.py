"""The one loop: source -> spotter -> events -> sinks and observers.

A microphone, a file, a pipe and a Wyoming client differ in their source alone.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.detection.detector import Detection, DetectorConfig
from kws_edge.detection.sequences import SequenceConfig, SequenceTracker, sequence_faults
from kws_edge.errors import ConfigError
from kws_edge.events import Event, EventFactory, EventType
from kws_edge.sources.base import AudioSource, Block
from kws_edge.spotter import Decision, KeywordSpotter
from kws_edge.spotter_group import AnySpotter, SpotterGroup
from kws_edge.verifier import Verification


class Observer(Protocol):
    """Sees all that passes through an engine, in its thread; must be quick."""

    def block(self, block: Block) -> None:
        """A block, before it is processed."""

    def decision(self, decision: Decision) -> None: ...

    def event(self, event: Event) -> None: ...


class Engine:
    """One stream of audio through one spotter, and its detections through ``sequences``.

    ``put`` takes each event, after the observers saw it; ``recent`` keeps the stream's last
    audio for a sink that saves clips. ``between_blocks`` is called when a block is done, so
    that nothing else happens in the middle of one.
    """

    def __init__(
        self,
        spotter: AnySpotter,
        put: Callable[[Event], None] | None = None,
        observers: Sequence[Observer] = (),
        recent: SampleBuffer | None = None,
        between_blocks: Callable[[], None] | None = None,
        sequences: Sequence[SequenceConfig] = (),
    ) -> None:
        self.detections = 0
        self.samples_lost = 0
        self.stop_reason = ""
        self._rate = spotter.features.sample_rate
        self._events = EventFactory(self._rate)
        self._sequences = SequenceTracker(sequences, self._rate)
        self._put = put
        self._observers = tuple(observers)
        self._recent = recent
        self._between_blocks = between_blocks
        self.use(spotter)

    def use(self, spotter: AnySpotter) -> None:
        """Process what comes from now on with another spotter, of the same sample rate."""
        self.spotter = spotter
        if self._observers:
            spotter.on_decision = self._decided

    def run(self, source: AudioSource) -> Iterator[Detection]:
        """Process ``source`` until it ends or `stop` is called; its detections as they fall."""
        for block in source.blocks():
            yield from self.process(block)
            if self._between_blocks:
                self._between_blocks()
            if self.stop_reason:
                break
        yield from self.finish()

    def process(self, block: Block) -> list[Detection]:
        """Process one block and emit its events; its detections."""
        for observer in self._observers:
            observer.block(block)
        held = self._skip(block) if block.lost else []
        if self._recent and self.spotter.muted:
            self._recent.skip(len(block.samples))  # what is said now gets into no later clip
        elif self._recent:
            self._recent.push(block.samples)
        return [*held, *self._spot(block)]

    def finish(self) -> list[Detection]:
        """End the stream; the last detections.

        Half a window of silence follows a source that ended by itself, so that a word at the
        very end of it comes to the middle of the window as others do.
        """
        seconds = round(self.spotter.samples_processed / self._rate, 3)
        last: list[Detection] = []
        if not self.stop_reason:
            window = self.spotter.features.window_samples
            last = self._spot(Block(np.zeros(window // 2, np.float32)))
        last += self._report(self._sequences.reset())
        if self._recent:
            self._recent.end_of_stream()
        self.emit("stopped", seconds=seconds, reason=self.stop_reason or "the source ended")
        return last

    def stop(self, reason: str) -> None:
        """Make `run` end after the block under way; from any thread or signal handler."""
        self.stop_reason = self.stop_reason or reason

    def set_sequences(self, sequences: Sequence[SequenceConfig]) -> None:
        """Join the words of these from now on; to be called between two blocks."""
        self._report(self._sequences.configure(sequences))

    def end_sequences(self) -> None:
        """Report the words that wait for others; to be called between two blocks."""
        self._report(self._sequences.reset())

    def emit(self, kind: EventType, **data: object) -> None:
        """Emit an event at the present place of the stream."""
        self._emit(self._events.make(kind, self.spotter.samples_processed, **data))

    def _skip(self, block: Block) -> list[Detection]:
        held = self._report(self._sequences.reset())
        self.samples_lost += block.lost
        self.spotter.skip(block.lost)
        if self._recent:
            self._recent.skip(block.lost)
        self.emit("dropped", samples=block.lost, reason=block.reason)
        return held

    def _spot(self, block: Block) -> list[Detection]:
        found = []
        for detection in self.spotter.push(block.samples):
            found += self._sequences.push(detection)
        found += self._sequences.advance(self.spotter.samples_processed)
        self._report(found)
        for near_miss in self.spotter.take_near_misses():
            self._emit(self._events.near_miss(near_miss))
        return found

    def _report(self, found: list[Detection]) -> list[Detection]:
        self.detections += len(found)
        for detection in found:
            self._emit(self._events.detection(detection))
        return found

    def _decided(self, decision: Decision) -> None:
        for observer in self._observers:
            observer.decision(decision)

    def _emit(self, event: Event) -> None:
        for observer in self._observers:
            observer.event(event)
        if self._put:
            self._put(event)


def spot(
    source: AudioSource, spotter: AnySpotter, sequences: Sequence[SequenceConfig] = ()
) -> Iterator[Detection]:
    """The detections of ``source`` as they fall, without events or sinks."""
    return Engine(spotter, sequences=sequences).run(source)


def listen(
    source: str | Path | AudioSource | None = None,
    *,
    model: str | Path | Sequence[str | Path] = "default",
    config: DetectorConfig | None = None,
    device: int | str | None = None,
    verifier: str | Path | Verification | None = None,
    sequences: Sequence[SequenceConfig] = (),
) -> Iterator[Detection]:
    """Detections as they fall, from a microphone, a sound file or any source of blocks.

    ``source``: the path of a sound file, an object with ``blocks()`` (16 kHz mono with the
    bundled models), or None for the microphone ``device`` (index, name or part of a name; None
    for the system's default). ``model``: as for `load_model`, or several, whose detections have the
    name of their model; ``config``: instead of the model's own detector settings;
    ``verifier``: a second model that confirms each detection, or
    a `Verification` with a threshold of its own; ``sequences``: keywords to join to one detection.

    The model and the file are opened at once; the microphone opens with the first ``next()``
    and closes with the generator. Raises `KwsEdgeError`: `MissingFileError`, `ModelError`,
    `DataError`, `ValidationErrors`, and `AudioDeviceError` where the microphone does not open
    or goes away.
    """
    if isinstance(verifier, (str, Path)):
        verifier = Verification.load(verifier)
    names = [model] if isinstance(model, (str, Path)) else model
    members = [KeywordSpotter.load(name, config, verifier) for name in names]
    spotter = members[0] if len(members) == 1 else SpotterGroup(members)
    if faults := sequence_faults(sequences, spotter.keywords):
        raise ConfigError("; ".join(faults))
    rate = spotter.features.sample_rate
    if source is None:
        return _listen_to_microphone(spotter, device, sequences)
    if isinstance(source, (str, Path)):
        from kws_edge.sources.base import AudioFile

        source = AudioFile(Path(source), rate)
    return spot(source, spotter, sequences)


def _listen_to_microphone(
    spotter: AnySpotter, device: int | str | None, sequences: Sequence[SequenceConfig]
) -> Iterator[Detection]:
    from kws_edge.sources.microphone import Microphone

    with Microphone(spotter.features.sample_rate, device) as microphone:
        yield from spot(microphone, spotter, sequences)
