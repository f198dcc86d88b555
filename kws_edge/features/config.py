"""The settings of a front end, and the registry of the front ends that they can name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from kws_edge.config.schema import did_you_mean, find_bounds_faults, setting, shortened
from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray

FFT_LENGTHS = ("frame_length", "power_of_two")
LARGEST_FFT = 32_768  # samples
LARGEST_WINDOW = 2**22  # FFT samples of all frames of a window: 64 MB as complex128


FRAMING = ("sample_rate", "frame_length_ms", "frame_step_ms", "window_ms", "fft_length")


class FrameTransform(Protocol):
    """One kind of front end: frames of samples to features.

    Derive from it and pass the class to `register_front_end`. Each row of features depends on
    one frame alone, so that a stream of frames gives the features of a window. One that adapts to
    the sound before a frame forgets it in `reset`, and says in ``settling_samples`` after how much
    sound, a multiple of the step, it has adapted.
    """

    name: ClassVar[str]  # what `FeatureConfig.kind` calls it
    settings: ClassVar[tuple[str, ...]] = ()  # the settings it reads besides the framing
    sample_dtype: ClassVar[npt.DTypeLike] = np.float32  # of what `prepare` returns
    settling_samples: ClassVar[int] = 0

    def __init__(self, config: "FeatureConfig") -> None: ...

    @staticmethod
    def faults(config: "FeatureConfig") -> Sequence[str]:
        """What makes no sense in ``config``, ``setting: reason`` each; framing and ranges of
        single settings are checked already."""
        return ()

    @staticmethod
    def width(config: "FeatureConfig") -> int:
        """Features in a frame."""
        ...

    def reset(self) -> None:
        """The next frame is the first of a signal."""
        return

    def prepare(self, samples: FloatArray, previous: float) -> npt.NDArray[Any]:
        """``samples [n]`` filtered before framing, ``[n]``; ``previous`` is the sample before
        the first, 0 at the start of a signal."""
        return samples

    def compute(self, frames: npt.NDArray[Any]) -> FloatArray:
        """Features of prepared ``frames [n, frame_length]``, each ``frame_step`` after the one
        before it: float32 ``[n, width]``."""
        ...


_FRONT_ENDS: dict[str, type[FrameTransform]] = {}
F = TypeVar("F", bound=type[FrameTransform])


def register_front_end(front_end: F) -> F:
    """Make ``front_end`` known by its name; also usable as a decorator.

    Raises `ValueError` where another front end has that name.
    """
    known = _FRONT_ENDS.setdefault(front_end.name, front_end)
    if known is not front_end:
        raise ValueError(f"{front_end.name}: {known.__qualname__} has this name already")
    return front_end


def unregister_front_end(name: str) -> None:
    """Forget a front end, as a test does with one that it registered."""
    del _FRONT_ENDS[name]


def front_end_names() -> tuple[str, ...]:
    """Every name that `FeatureConfig.kind` can be."""
    return tuple(_FRONT_ENDS)


def _time(default: float, doc: str) -> Any:
    return setting(default, doc=doc, unit="ms", minimum=0, maximum=60_000, excluded=0)


def _count(default: int, doc: str) -> Any:
    return setting(default, doc=doc, minimum=1, maximum=256)


def _edge(default: float, doc: str) -> Any:
    return setting(default, doc=doc, unit="Hz", minimum=0, maximum=192_000)


@dataclass(frozen=True)
class FeatureConfig:
    """Front end and framing; lengths in ms, edges in Hz.

    ``kind`` is the name of a registered front end. ``fft_length`` is in samples, or
    ``frame_length`` (as long as the frame) or ``power_of_two`` (the next one, as
    `tf.signal.stft` does by default). Raises `ValidationErrors` with every fault: an unknown
    kind, numbers out of range, edges above Nyquist, frames longer than the window, mel bands
    into which no FFT bin falls. A setting that the front end does not read needs no more than to be
    in range.
    """

    kind: str = setting(doc="Name of a registered front end.")
    sample_rate: int = setting(
        16000, doc="Samples in a second.", unit="Hz", minimum=1, maximum=384_000
    )
    frame_length_ms: float = _time(40.0, "Time that a frame covers.")
    frame_step_ms: float = _time(20.0, "From the start of a frame to the next.")
    fft_length: int | Literal["frame_length", "power_of_two"] = setting(
        "frame_length", doc="Samples of the FFT.", unit="samples", minimum=2, maximum=LARGEST_FFT
    )
    num_mel_bins: int = _count(40, "Mel bands in a frame.")
    lower_edge_hertz: float = _edge(20.0, "Where the lowest band begins.")
    upper_edge_hertz: float = _edge(4000.0, "Where the highest band ends.")
    log_offset: float = setting(
        1e-6, doc="Added before the logarithm.", minimum=0, maximum=1000, excluded=0
    )
    num_coefficients: int = _count(10, "Cepstral coefficients in a frame.")
    window_ms: float = _time(1000.0, "Time that the network sees at once.")

    def __post_init__(self) -> None:
        # each step computes with what the one before has checked
        steps = (self._kind_faults, self._range_faults, self._framing_faults, self._own_faults)
        for step in steps:
            if faults := step():
                raise ValidationErrors(faults)

    def _kind_faults(self) -> list[str]:
        if self.kind in _FRONT_ENDS:
            return []
        listed = ", ".join(_FRONT_ENDS)
        hint = did_you_mean(str(self.kind), _FRONT_ENDS)
        return [f"kind: found {shortened(self.kind)}, expected one of {listed}{hint}"]

    def _range_faults(self) -> list[str]:
        read = {*FRAMING, *self.front_end.settings}  # the others change nothing
        faults = [fault for fault in find_bounds_faults(self) if fault.split(":")[0] in read]
        if isinstance(self.fft_length, str) and self.fft_length not in FFT_LENGTHS:
            faults.append(
                f"fft_length: found {shortened(self.fft_length)}, expected an integer or"
                f" {' or '.join(FFT_LENGTHS)}"
            )
        return faults

    def _framing_faults(self) -> list[str]:
        faults = []
        if self.frame_length < 2 or self.frame_step < 1:
            faults.append(
                f"frame_length_ms: {self.frame_length_ms} with a step of "
                f"{self.frame_step_ms} is less than two samples"
            )
        if self.frame_length > self.window_samples:
            faults.append(
                f"frame_length_ms: {self.frame_length_ms} is longer than the window of"
                f" {self.window_ms}"
            )
        if self.frame_step > self.frame_length:
            faults.append(
                f"frame_step_ms: {self.frame_step_ms} is longer than the frame of "
                f"{self.frame_length_ms}: samples between frames would be lost"
            )
        if self.fft_samples < self.frame_length:
            faults.append(
                f"fft_length: {self.fft_length} is shorter than the frame of "
                f"{self.frame_length} samples"
            )
        elif self.fft_samples > LARGEST_FFT:
            faults.append(f"frame_length_ms: {self.fft_samples} FFT samples, above {LARGEST_FFT}")
        if not faults and self.num_frames * self.fft_samples > LARGEST_WINDOW:
            faults.append(
                f"window_ms: {self.num_frames} frames of {self.fft_samples} FFT samples are"
                f" more than {LARGEST_WINDOW} in all"
            )
        return faults

    def _own_faults(self) -> list[str]:
        return list(self.front_end.faults(self))

    @property
    def front_end(self) -> type[FrameTransform]:
        """The registered front end of this kind."""
        return _FRONT_ENDS[self.kind]

    def relevant(self) -> dict[str, Any]:
        """The settings that the features depend on, framing in samples: equal ones give equal
        features."""
        framing = ("sample_rate", "frame_length", "frame_step", "fft_samples", "window_samples")
        names = ("kind", *framing, *self.front_end.settings)
        return {name: getattr(self, name) for name in names}

    @property
    def frame_length(self) -> int:
        """Samples in a frame."""
        return round(self.frame_length_ms * self.sample_rate / 1000)

    @property
    def frame_step(self) -> int:
        """Samples from the start of a frame to the start of the next."""
        return round(self.frame_step_ms * self.sample_rate / 1000)

    @property
    def window_samples(self) -> int:
        """Samples in the window that the model sees."""
        return round(self.window_ms * self.sample_rate / 1000)

    @property
    def fft_samples(self) -> int:
        """Samples of the FFT, the frame zero-padded at its end."""
        if self.fft_length == "frame_length":
            return self.frame_length
        if self.fft_length == "power_of_two":
            return 1 << (self.frame_length - 1).bit_length()
        return self.fft_length

    @property
    def num_frames(self) -> int:
        """Whole frames in a window."""
        return 1 + (self.window_samples - self.frame_length) // self.frame_step

    @property
    def framed_samples(self) -> int:
        """Samples of the window that lie in its whole frames."""
        return self.frame_length + (self.num_frames - 1) * self.frame_step

    @property
    def shape(self) -> tuple[int, int]:
        """Frames in a window and features in a frame."""
        return self.num_frames, self.front_end.width(self)
