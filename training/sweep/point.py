"""One place in the space of front ends, in the units in which it is searched."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from kws_edge.features.front_end import FeatureConfig

# What can be swept. The rest of a point stays as the sweep's base has it.
HYPER_PARAMETERS = (
    "frame_length_ms",
    "overlap",
    "num_mel_bins",
    "lower_edge_hertz",
    "upper_edge_hertz",
    "num_coefficients",
)


@dataclass(frozen=True)
class Point:
    """A front end by its hyper-parameters; ``overlap`` is the part of a frame (0 to below 1)
    that the next one hears again.

    The FFT is as long as the frame, zero-padded to ``min_fft_length`` samples where the
    frame is shorter: 8 ms are 128 samples, too few for 40 mel bands. A point may describe a
    front end that does not exist; `features` then raises `ValidationErrors`.
    """

    kind: str
    sample_rate: int = 16000
    frame_length_ms: float = 40.0
    overlap: float = 0.5
    min_fft_length: int = 0
    num_mel_bins: int = 40
    lower_edge_hertz: float = 20.0
    upper_edge_hertz: float = 4000.0
    log_offset: float = 1e-6
    num_coefficients: int = 10
    window_ms: float = 1000.0

    def features(self) -> FeatureConfig:
        """The front end. Raises `ValidationErrors` where there is none such."""
        frame_length = round(self.frame_length_ms * self.sample_rate / 1000)
        return FeatureConfig(
            kind=self.kind,
            sample_rate=self.sample_rate,
            frame_length_ms=self.frame_length_ms,
            frame_step_ms=round(self.frame_length_ms * (1 - self.overlap), 6),
            fft_length=(
                "frame_length" if frame_length >= self.min_fft_length else self.min_fft_length
            ),
            num_mel_bins=self.num_mel_bins,
            lower_edge_hertz=self.lower_edge_hertz,
            upper_edge_hertz=self.upper_edge_hertz,
            log_offset=self.log_offset,
            num_coefficients=self.num_coefficients,
            window_ms=self.window_ms,
        )

    def moved(self, **changes: Any) -> "Point":
        """This point with some hyper-parameters changed."""
        return dataclasses.replace(self, **changes)

    def relevant(self) -> dict[str, Any]:
        """The settings on which this kind of features depends; equal ones are one point."""
        settings = dataclasses.asdict(self)
        frame_length = round(self.frame_length_ms * self.sample_rate / 1000)
        # padding that pads nothing makes no difference
        settings["min_fft_length"] = max(self.min_fft_length, frame_length)
        unused = []
        if self.kind not in ("mfcc", "psf_mfcc"):
            unused.append("num_coefficients")
        if self.kind == "spectrogram":
            unused += ["num_mel_bins", "lower_edge_hertz", "upper_edge_hertz", "log_offset"]
        return {name: value for name, value in settings.items() if name not in unused}
