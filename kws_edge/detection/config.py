"""The detector's settings: when a run of posteriors counts as a spotted keyword."""

from dataclasses import dataclass, field
from typing import Literal

from kws_edge.errors import ValidationErrors

# The largest values. A model file or a configuration announces these numbers, and the program
# allocates memory and computes by them.
LARGEST_MS = {
    "smoothing_ms": 10_000.0,
    "refractory_ms": 3_600_000.0,
    "hop_ms": 60_000.0,
    "repeat_ms": 3_600_000.0,
}
QUIETEST_DBFS = -200.0


@dataclass(frozen=True)
class DetectorConfig:
    """When the detector reports a keyword.

    ``threshold`` (0 to 1) holds for every keyword that ``thresholds`` does not name.
    Times are in ms: ``hop_ms`` between two decisions, ``smoothing_ms`` over which posteriors
    are averaged, ``refractory_ms`` after a detection without another. A keyword above its
    threshold fires once, or again after every ``repeat_ms``: a word said twice in a row may
    leave no dip between, and no single word fills two windows so far apart.
    Where no block of 20 ms reaches ``gate_dbfs`` (RMS in dB of full scale) the network does
    not run: see `kws_edge.detection.energy_gate`.
    Raises `ValidationErrors` with every value out of range.
    """

    threshold: float = 0.7
    smoothing_ms: float = 300.0
    refractory_ms: float = 750.0
    hop_ms: float = 100.0
    thresholds: dict[str, float] = field(default_factory=dict)
    gate_dbfs: float | Literal["off"] = "off"
    repeat_ms: float | Literal["off"] = "off"

    def __post_init__(self) -> None:
        faults = []
        for name, value in [("threshold", self.threshold), *self.thresholds.items()]:
            if not 0 < value <= 1:  # nor nan, here and below
                faults.append(f"{name}: {value} is not within 0 to 1")
        for name in ("smoothing_ms", "refractory_ms"):
            if not getattr(self, name) >= 0:
                faults.append(f"{name}: {getattr(self, name)} is below 0")
        if not self.hop_ms > 0:
            faults.append(f"hop_ms: {self.hop_ms} is not above 0")
        if self.repeat_ms != "off" and not self.repeat_ms > 0:
            faults.append(f"repeat_ms: {self.repeat_ms} is not above 0, or 'off'")
        if self.gate_dbfs != "off" and not QUIETEST_DBFS <= self.gate_dbfs < 0:
            end = "below 0" if not self.gate_dbfs < 0 else f"at least {QUIETEST_DBFS:g}"
            faults.append(f"gate_dbfs: {self.gate_dbfs} is not {end}, or 'off'")
        for name, largest in LARGEST_MS.items():
            value = getattr(self, name)
            if value != "off" and value > largest:
                faults.append(f"{name}: {value:g} is above {largest:g} ms")
        if faults:
            raise ValidationErrors(faults)

    def describe(self) -> str:
        """The settings in one line, for people."""
        own = "".join(f", {word} {value:g}" for word, value in self.thresholds.items())
        repeat = "" if self.repeat_ms == "off" else f", repeated after {self.repeat_ms:g} ms"
        gate = "no gate" if self.gate_dbfs == "off" else f"gate at {self.gate_dbfs:g} dBFS"
        return (
            f"threshold {self.threshold:g}{own}, smoothing {self.smoothing_ms:g} ms, refractory"
            f" {self.refractory_ms:g} ms{repeat}, a decision every {self.hop_ms:g} ms, {gate}"
        )

    def threshold_of(self, keyword: str) -> float:
        """The keyword's own threshold, or else the common one."""
        return self.thresholds.get(keyword, self.threshold)
