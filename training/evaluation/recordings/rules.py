"""Which measures, when odd, point to which remedy."""

from dataclasses import dataclass
from typing import Literal

TAIL_PERCENT = 5  # of the reference are beyond a limit
Side = Literal["low", "high", "both"]


@dataclass(frozen=True)
class Rule:
    """A ``measure`` that is odd on one ``side`` of the reference, or on both.

    ``are`` completes "32 of 40 clips are ..."; a clip that is odd by the rule ``unless`` is not
    counted, since that brings this about by itself. What is below ``least`` does no harm, however
    rare it is in the reference.
    """

    name: str
    measure: str
    side: Side
    are: str
    remedy: str
    unless: str | None = None
    least: float | None = None

    @property
    def usual_share(self) -> float:
        """Share of the reference that is odd by this rule."""
        return TAIL_PERCENT / 100 * (2 if self.side == "both" else 1)


RULES = (
    Rule(
        "clipped",
        "clipped_share",
        "high",
        "more clipped than 95 % of the reference",
        "lower the gain of the microphone until the loudest words stay below full scale",
    ),
    Rule(
        "quiet",
        "level_dbfs",
        "low",
        "quieter than 95 % of the reference",
        "raise the gain of the microphone, or train with quieter copies of the clips",
    ),
    Rule(
        "noisy",
        "snr_db",
        "low",
        "noisier (speech to noise) than 95 % of the reference",
        "bring the microphone closer or the noise down, or train with that noise mixed in",
        unless="clipped",  # clipping holds the speech down and not the noise
    ),
    Rule(
        "reverberant",
        "decay_ms",
        "high",
        "slower to die away than 95 % of the reference",
        "bring the microphone closer to the speaker (it hears the room), or train with"
        " reverberation added",
    ),
    Rule(
        "cut",
        "edge_db",
        "high",
        "louder at their start or end than 95 % of the reference: a word is cut",
        "begin a recording before the word and end it after",
        unless="reverberant",  # the room goes on after the word
    ),
    Rule(
        "off-centre",
        "position",
        "both",
        "further from the middle of the window than 90 % of the reference",
        "record a whole window with the word in its middle, or train with shifted copies",
        unless="cut",  # what is left of a word lies at the edge
    ),
    Rule(
        "narrow",
        "high_band_db",
        "low",
        "weaker above 4 kHz than 95 % of the reference",
        "record at 16 kHz or more with a wide-band microphone (a telephone's or a headset's"
        " ends at 4 kHz)",
    ),
    Rule(
        "offset",
        "dc_offset",
        "high",
        "further from a mean of zero than 95 % of the reference",
        "take the DC offset out: another sound card, or a high-pass filter at 20 Hz",
        least=0.001,
    ),
)
