"""A guided session: prompt, record, judge, ask and keep, until each label has enough samples."""

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from kws_edge.audio.files import resample
from kws_edge.errors import AudioDeviceError, DataError
from kws_edge.recorder.collection import Collection, Entry
from kws_edge.recorder.screen import Screen
from kws_edge.recorder.take import SAMPLE_RATE, Take, Timing, judge, record
from kws_edge.sources.base import AudioSource
from kws_edge.types import FloatArray

TO_SAY = {"_silence_": "say nothing: the room is recorded", "_unknown_": "say any other word"}
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
        speaker = self._config.speaker
        return {x: len(self._collection.samples(x, speaker)) for x in self._config.labels}

    def run(self, kept: Callable[[Entry], None], shuffled: random.Random | None = None) -> None:
        """Record what is missing; ``kept`` is called with each sample.

        Returns when all are recorded or the user quits. Raises `AudioDeviceError` where the
        microphone fails, `DataError` where too many takes are refused, `KwsEdgeError` where a file
        cannot be written; samples kept before stay.
        """
        config = self._config
        self._collection.check_writable(config.labels)
        for label in config.labels:
            self._collection.complete(label, config.speaker)
        for label, number in plan(self.have(), config.count, shuffled):
            what = TO_SAY.get(label, f"say '{label}'")
            self._screen.prompt(f"{what} ({number} of {config.count})")
            take = self._unattended(label) if config.accept else self._attended(label)
            if take is None:
                return
            save = self._collection.save
            kept(save(take, label, config.speaker, self._audio.device, config.keep_raw))

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
