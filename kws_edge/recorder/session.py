"""A guided session: prompt, record, judge, ask and keep, until each label has enough samples."""

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from kws_edge.audio.resampling import resample
from kws_edge.errors import AudioDeviceError, DataError
from kws_edge.recorder.collection import Collection, Entry
from kws_edge.recorder.screen import Screen
from kws_edge.recorder.take import (
    BACKGROUND,
    OTHER_WORD,
    SAMPLE_RATE,
    Take,
    Timing,
    judge,
    record,
)
from kws_edge.sources.base import AudioSource
from kws_edge.types import FloatArray

TO_SAY = {BACKGROUND: "say nothing: the room is recorded", OTHER_WORD: "say any other word"}
OPENINGS = 3  # of the microphone for one take


@dataclass(frozen=True)
class SessionConfig:
    """``count`` samples in all for each label of ``speaker``, earlier ones included.

    ``accept``: keep good takes without asking, and give up after ``attempts`` refused ones in
    a row.
    """

    labels: tuple[str, ...]
    speaker: str
    count: int = 10
    timing: Timing = field(default_factory=Timing)
    keep_raw: bool = False
    accept: bool = False
    attempts: int = 5


@dataclass(frozen=True)
class AudioIO:
    """Opens a microphone (once for each take) and plays on a loudspeaker."""

    microphone: Callable[[], AbstractContextManager[AudioSource]]
    device: str | None
    play: Callable[[FloatArray, int], None]


def plan(
    have: Mapping[str, int], count: int, shuffled: random.Random | None = None
) -> list[tuple[str, int]]:
    """The prompts: label and number, 1 to ``count``.

    They come in rounds, so that a session that ends early leaves about as many samples of each
    label. Each round is shuffled, because people read a list with a different intonation.
    """
    prompts = []
    for number in range(1, count + 1):
        labels = [label for label, there in have.items() if there < number]
        if shuffled:
            shuffled.shuffle(labels)
        prompts += [(label, number) for label in labels]
    return prompts


@dataclass(frozen=True)
class Prompt:
    """The ``number``-th of ``count`` samples of a label."""

    label: str
    number: int
    count: int

    @property
    def text(self) -> str:
        what = TO_SAY.get(self.label, f"say '{self.label}'")
        return f"{what} ({self.number} of {self.count})"


class Guide:
    """What is to be recorded next; a terminal and the page in the browser follow it.

    ``have``: the speaker's samples by label.
    """

    def __init__(
        self,
        config: SessionConfig,
        collection: Collection,
        shuffled: random.Random | None = None,
    ) -> None:
        """Raises `KwsEdgeError` where the folder cannot be written."""
        self._config, self._collection = config, collection
        collection.check_writable(config.labels)
        for label in config.labels:
            collection.complete(label, config.speaker)
        self.have = collection.counts(config.labels, config.speaker)
        self._labels = [label for label, _ in plan(self.have, config.count, shuffled)]

    @property
    def prompt(self) -> Prompt | None:
        """None where nothing is missing, or all of it was skipped."""
        if not self._labels:
            return None
        label = self._labels[0]
        return Prompt(label, self.have[label] + 1, self._config.count)

    def keep(self, take: Take, device: str | None) -> Entry:
        """Save a take of the prompt and move on. Raises `KwsEdgeError`; then nothing changes."""
        label, config = self._labels[0], self._config
        entry = self._collection.save(take, label, config.speaker, device, config.keep_raw)
        self.have[label] += 1
        self.skip()
        return entry

    def skip(self) -> None:
        """Move on without a sample."""
        del self._labels[0]


class Session:
    """One run of the recorder."""

    def __init__(
        self, config: SessionConfig, collection: Collection, audio: AudioIO, screen: Screen
    ) -> None:
        self._config = config
        self._collection = collection
        self._audio = audio
        self._screen = screen

    def have(self) -> dict[str, int]:
        """The number of samples that the speaker has, by label."""
        return self._collection.counts(self._config.labels, self._config.speaker)

    def run(self, kept: Callable[[Entry], None], shuffled: random.Random | None = None) -> None:
        """Record what is missing; ``kept`` is called with each sample.

        Returns when all are recorded or the user quits. Raises `AudioDeviceError` where the
        microphone fails, `DataError` where too many takes are refused, `KwsEdgeError` where a file
        cannot be written; samples kept before stay.
        """
        guide = Guide(self._config, self._collection, shuffled)
        while prompt := guide.prompt:
            self._screen.prompt(prompt.text)
            accept = self._unattended if self._config.accept else self._attended
            take = accept(prompt.label)
            if take is None:
                return
            kept(guide.keep(take, self._audio.device))

    def _take(self, label: str) -> Take:
        raw, lost = self._record()
        take = judge(raw, label, lost)
        if take.faults:
            self._screen.refused(take.faults)
        else:
            self._screen.good(take.measures)
        return take

    def _record(self) -> tuple[FloatArray, int]:
        """Record once; reopen a microphone that stalls after opening, as on a busy machine."""
        for left in reversed(range(OPENINGS)):
            self._screen.ready()
            with self._audio.microphone() as source:
                try:
                    return record(source, self._config.timing, self._screen)
                except AudioDeviceError as error:
                    if not left:
                        raise
                    self._screen.line(f"  {error} Once more")
        raise AssertionError("unreachable")

    def _unattended(self, label: str) -> Take:
        for _ in range(self._config.attempts):
            take = self._take(label)
            if not take.faults:
                return take
        raise DataError(
            f"{label}: {self._config.attempts} takes in a row were refused, the last one:"
            f" {take.faults[0]}"
        )

    def _attended(self, label: str) -> Take | None:
        """A good take that the user wants; None to stop."""
        while True:
            take = self._take(label)
            if take.faults:
                question = "[Enter] again  [p] play it  [q] quit"
                answer = self._ask(take, question, ("redo", "quit"))
            else:
                question = "[Enter] keep  [r] redo  [p] play  [q] quit"
                answer = self._ask(take, question, ("keep", "redo", "quit"))
            if answer != "redo":
                return take if answer == "keep" else None

    def _ask(self, take: Take, question: str, choices: tuple[str, ...]) -> str:
        return self._screen.ask(question, choices, lambda: self._play(take))

    def _play(self, take: Take) -> None:
        try:
            self._audio.play(take.raw if take.faults else take.sample, SAMPLE_RATE)
        except AudioDeviceError as error:
            self._screen.line(f"  {error}")


def play(samples: FloatArray, sample_rate: int) -> None:
    """Play ``samples [n]`` to their end on the default output device.

    Raises `AudioDeviceError` where there is none.
    """
    try:
        import sounddevice
    except OSError as error:
        raise AudioDeviceError("cannot play: the PortAudio library is missing") from error
    try:
        device_rate = round(sounddevice.query_devices(kind="output")["default_samplerate"])
        try:
            sounddevice.check_output_settings(samplerate=sample_rate, channels=1)
        except sounddevice.PortAudioError:  # hardware without a sound server: one rate only
            samples, sample_rate = resample(samples, sample_rate, device_rate), device_rate
        sounddevice.play(samples, sample_rate, blocking=True, latency="high")
    except (sounddevice.PortAudioError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise AudioDeviceError(f"cannot play: no output device works here ({reason})") from error
