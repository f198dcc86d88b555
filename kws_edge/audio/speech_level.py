"""Where a word is in a recording and how loud it is: the one definition that all parts use.

The recorder, the training windows, the augmentation, the test streams and the check of
recordings measure with `measure_speech`. Everything in it is a ratio, to the noise of the same
recording or to its loudest moment, so the bounds do not depend on the gain.

How it works, on frames of 16 ms every 5 ms:

1. The noise in each frequency band is the mean of the frames that no sound stands out of.
2. A frame's evidence is Sohn's likelihood ratio, averaged over the bands: r - 1 - ln r, where r
   is power over noise (Sohn, Kim and Sung, "A statistical model-based voice activity detection",
   IEEE Signal Processing Letters 1999). A weak "f" or "s" in a few bands counts, where a total
   level would miss it.
3. Frames with weak evidence form stretches. A stretch with 50 ms of strong evidence is speech;
   stretches with less than `GAP_SECONDS` between them are one sound.
4. A short, weak stretch shortly before the sound belongs to it. After the sound, so does a burst:
   the release of a final plosive ("up", "left", "stop") comes after as much as 300 ms of closure.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.audio.level import LOWEST_DBFS, runs, to_dbfs, without_rumble
from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray

FRAME_SECONDS, STEP_SECONDS = 0.016, 0.005
BAND_EDGES_HERTZ = (0.0, 500.0, 1000.0, 1500.0, 2200.0, 3000.0, 4000.0, 5500.0, math.inf)

NOISE_PERCENTILE = 10  # of the frames: even a word that fills most of a clip leaves so many
NOISE_SMOOTHING_FRAMES = 6
QUIET_RATIO = 4.0  # a frame with less than this, power over noise, is noise
NOISE_REFINEMENTS = 2
DYNAMIC_RANGE = 1e-7  # of the loudest frame: digital silence is no measure of noise
GATED_RANGE = 1e-4  # of the loudest frame: the loudest noise that passes a gate with speech

WEAK, BURST, CLEAR, STRONG = 0.5, 0.8, 1.5, 3.0  # evidence; white noise alone is below 0.3
WEAK_RANGE_DB, STRONG_RANGE_DB, BURST_RANGE_DB = 40.0, 26.0, 52.0  # below the loudest moment
SPEECH_SECONDS = 0.05  # of strong evidence: a click has less
GAP_SECONDS = 0.20  # the closure within "stop" or "happy" is shorter, a pause between words longer
EDGE_GAP_SECONDS = 0.06  # between a weak beginning or end and the rest of the sound
BURST_GAP_SECONDS = 0.30  # the longest closure before a final plosive
BURST_SECONDS = 0.20  # a longer stretch is no burst
BURST_RISE_DB = 4.0  # within 10 ms, averaged over the bands
BURST_BELOW_WORD_DB = 6.0  # a louder one is a sound of its own
EMPHASIS_HERTZ = 4000.0  # up to here the range is measured with +6 dB an octave, as in speech

ACTIVE_RANGE_DB = 20.0  # speech is at most so far below its loud frames
PEAK_PERCENTILE = 95
LEAST_SNR_DB = -10.0  # below this, speech and noise cannot be separated
LEAST_POWER = (0.5 / 32768) ** 2  # half a step of int16: nothing is there


Powers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sound:
    """A stretch above the noise: samples ``start`` to before ``end``, and its ``energy``."""

    start: int
    end: int
    energy: float

    def overlaps(self, start: int, end: int) -> bool:
        return self.start < end and self.end > start


@dataclass(frozen=True)
class SpeechLevels:
    """What `measure_speech` found in ``sample_count`` samples at ``sample_rate_hz``.

    - ``sounds``: in order of time; none where nothing stands out of the noise.
    - ``frame_dbfs [frames]``: level of each frame without rumble, at least `LOWEST_DBFS`.
      Full scale (0 dB) is a square wave of amplitude 1.
    - ``noise_dbfs``: level of the noise around the sounds.
    - ``threshold_dbfs``: the level from which a frame counts as active speech.
    - ``active [frames]``: the frames within the word (or anywhere, without a word) that do.
    """

    sample_count: int
    sample_rate_hz: int
    sounds: tuple[Sound, ...]
    frame_dbfs: Powers
    noise_dbfs: float
    threshold_dbfs: float
    active: Mask

    @property
    def word(self) -> Sound | None:
        """The sound with most energy; None where there is only noise."""
        return max(self.sounds, key=lambda sound: sound.energy, default=None)

    @property
    def bounds(self) -> tuple[int, int]:
        """First sample of the word and the one after its last; all samples without a word."""
        return (self.word.start, self.word.end) if self.word else (0, self.sample_count)

    @property
    def power(self) -> float:
        """Mean square of the active frames."""
        return float(np.mean(10 ** (self.frame_dbfs[self.active] / 10)))

    @property
    def level_dbfs(self) -> float:
        """Level of the active speech, as ITU-T P.56 means it: pauses within it do not count."""
        return to_dbfs(self.power)

    @property
    def snr_db(self) -> float:
        """Speech over noise; the noise within the active frames is subtracted first."""
        excess = self.power / 10 ** (self.noise_dbfs / 10) - 1
        return 10 * math.log10(max(excess, 10 ** (LEAST_SNR_DB / 10)))


@dataclass(frozen=True)
class _Frames:
    """Per frame, each ``[frames]``: ``power``, ``evidence``, ``rise_db`` (onset of a burst),
    ``range_db`` (level relative to the loudest moment)."""

    power: Powers
    evidence: Powers
    rise_db: Powers
    range_db: Powers
    noise_power: float


def measure_speech(samples: FloatArray, sample_rate: int) -> SpeechLevels:
    """Measure ``samples [n]`` (float, in [-1, 1)), n > 0, at ``sample_rate`` in Hz.

    A clip shorter than a frame is padded with zeros to one. Raises `ValidationErrors` for no
    samples, more than one channel, integers, or values that are not finite.
    """
    _validate(samples)
    bands = _band_powers(without_rumble(samples, sample_rate), sample_rate)
    frames = _describe(bands)
    sounds: tuple[Sound, ...] = ()
    if frames.power.max() >= LEAST_POWER:
        length, count = round(FRAME_SECONDS * sample_rate), len(samples)
        step = round(STEP_SECONDS * sample_rate)
        sounds = tuple(
            Sound(
                # a quarter of a frame: an edge is found when about so much of it has come in
                first * step + length // 4 if first else 0,
                (last - 1) * step + 3 * length // 4 if last < len(frames.power) else count,
                float(frames.power[first:last].sum()) * step,
            )
            for first, last in _find_sounds(frames)
        )
        sounds = tuple(sound for sound in sounds if sound.start < sound.end)
    return _with_levels(frames, sounds, len(samples), sample_rate)


def cut_frames(samples: npt.NDArray[Any], sample_rate: int) -> npt.NDArray[Any]:
    """The frames of `SpeechLevels`, ``[frames, samples]``: a view of ``samples [n]``."""
    length, step = round(FRAME_SECONDS * sample_rate), round(STEP_SECONDS * sample_rate)
    if len(samples) < length:
        samples = np.pad(samples, (0, length - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(samples, length)[::step]


def _validate(samples: FloatArray) -> None:
    if samples.ndim != 1:
        raise ValidationErrors([f"samples: expected one channel [n], found {samples.shape}"])
    if not len(samples):
        raise ValidationErrors(["samples: expected at least one, found none"])
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValidationErrors([f"samples: expected float32 in [-1, 1), found {samples.dtype}"])
    if not np.isfinite(samples).all():
        raise ValidationErrors(["samples: found values that are not finite"])


def _band_powers(samples: Powers, sample_rate: int) -> Powers:
    """Mean square in each band of each frame, ``[frames, bands]``; they add up to the frame's."""
    frames = cut_frames(samples, sample_rate)
    length = frames.shape[1]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)
    spectrum: Powers = np.square(np.abs(np.fft.rfft(frames * window)))
    spectrum[:, 1 : (length + 1) // 2] *= 2  # the other half of a real signal's spectrum
    spectrum /= length * np.sum(window**2)
    hertz = np.fft.rfftfreq(length, 1 / sample_rate)
    firsts = np.unique(np.searchsorted(hertz, BAND_EDGES_HERTZ[:-1]))
    bands: Powers = np.add.reduceat(spectrum, firsts[firsts < len(hertz)], axis=1)
    return bands


def _describe(bands: Powers) -> _Frames:
    power = bands.sum(axis=1)
    floor = max(float(power.max()) * DYNAMIC_RANGE, 1e-30) / bands.shape[1]
    quiet = _noise(bands, floor)  # [bands]
    gated = quiet.sum() <= floor * len(quiet) < power.max()
    noise = _gated_noise(bands, floor) if gated else quiet
    ratio = np.maximum(bands / np.maximum(noise, floor), 1)
    evidence = np.mean(ratio - 1 - np.log(ratio), axis=1)
    level = 10 * np.log10(bands + np.maximum(noise, floor))  # [frames, bands]
    rise = np.zeros_like(level)
    rise[2:] = level[2:] - np.minimum(level[:-2], level[1:-1])  # over 10 ms
    centres = np.array(BAND_EDGES_HERTZ[:-1]) + np.diff((*BAND_EDGES_HERTZ[:-1], 8000.0)) / 2
    weights = np.minimum(centres[: bands.shape[1]], EMPHASIS_HERTZ) ** 2
    emphasised = bands @ weights
    # either will do: a vowel is louder in all, an "s" above 4 kHz
    below = np.maximum(_below_loudest_db(power), _below_loudest_db(emphasised))
    return _Frames(
        power,
        evidence,
        np.mean(np.maximum(rise, 0), axis=1),
        below,
        float(quiet.sum()),
    )


def _gated_noise(bands: Powers, floor: float) -> Powers:
    """The noise that a noise gate lets through with the speech, ``[bands]``.

    Around it there is digital silence, over which any noise would look like speech. Where
    nothing but speech passes, its weakest frames are no noise: hence the limit.
    """
    power = bands.sum(axis=1)
    noise = _noise(bands[power > floor * bands.shape[1]], floor)
    limit = float(power.max()) * GATED_RANGE
    return noise * min(1.0, limit / max(float(noise.sum()), 1e-30))


def _below_loudest_db(power: Powers) -> Powers:
    """``power [frames]`` in dB relative to what is reached for as long as the shortest speech.

    A click is shorter, so it does not count.
    """
    level: Powers = 10 * np.log10(np.maximum(power, 1e-30))
    frames = min(len(power), round(SPEECH_SECONDS / STEP_SECONDS))
    return level - np.sort(level)[-frames]


def _noise(bands: Powers, floor: float) -> Powers:
    """Mean square of the noise in each band, ``[bands]``.

    The low percentile finds quiet frames; their mean is the noise. A percentile alone would be
    too low, and lower still where the noise wavers.
    """
    width = min(NOISE_SMOOTHING_FRAMES, len(bands))
    sums = np.concatenate([np.zeros((1, bands.shape[1])), np.cumsum(bands, axis=0)])
    noise = np.percentile((sums[width:] - sums[:-width]) / width, NOISE_PERCENTILE, axis=0)
    noise = np.maximum(noise, 0.0)  # a sum's rounding may leave less than nothing
    for _ in range(NOISE_REFINEMENTS):
        quiet = np.mean(bands / np.maximum(noise, floor), axis=1) < QUIET_RATIO
        if quiet.any():
            noise = np.maximum(noise, bands[quiet].mean(axis=0))
    return noise


def _find_sounds(frames: _Frames) -> list[tuple[int, int]]:
    """First and one past the last frame of each sound, in order of time."""
    weak = (frames.evidence > WEAK) & (frames.range_db > -WEAK_RANGE_DB)
    burst = weak | ((frames.evidence > BURST) & (frames.range_db > -BURST_RANGE_DB))
    strong = frames.evidence > STRONG
    core = strong & (frames.range_db > -STRONG_RANGE_DB)
    least = round(SPEECH_SECONDS / STEP_SECONDS)
    speech = [(a, b) for a, b in runs(weak) if strong[a:b].sum() >= least]
    joined = _joined(speech, round(GAP_SECONDS / STEP_SECONDS))
    joined = [(a, b) for a, b in joined if core[a:b].sum() >= least]
    # noise alone reaches the weak evidence now and then, but not so far beyond it
    segments = [(a, b) for a, b in runs(weak) if frames.evidence[a:b].max() > CLEAR]
    bursts = runs(burst)
    sounds: list[tuple[int, int]] = []
    for number, (first, last) in enumerate(joined):
        if sounds and first < sounds[-1][1]:
            continue  # it was the burst of the sound before
        lowest = sounds[-1][1] if sounds else 0
        limit = joined[number + 1][0] if number + 1 < len(joined) else len(frames.power)
        end = _with_tail(last, limit, segments)
        loud_end = first + int(np.flatnonzero(core[first:last])[-1]) + 1
        farthest = min(loud_end + round(BURST_GAP_SECONDS / STEP_SECONDS), limit)
        end = max(end, _burst_end(frames, (first, last), farthest, bursts))
        sounds.append((_with_onset(first, lowest, segments), end))
    return sounds


def _with_onset(first: int, lowest: int, segments: list[tuple[int, int]]) -> int:
    """Where a sound begins whose clear part begins at ``first``."""
    near = round(EDGE_GAP_SECONDS / STEP_SECONDS)
    return min([first, *(a for a, b in segments if lowest <= a < first and first - b <= near)])


def _with_tail(last: int, limit: int, segments: list[tuple[int, int]]) -> int:
    """Where a sound ends whose clear part ends at ``last``.

    The gap counts from there: noises after one another do not add up.
    """
    near = round(EDGE_GAP_SECONDS / STEP_SECONDS)
    return max([last, *(b for a, b in segments if last < b and a < limit and a - last <= near)])


def _burst_end(
    frames: _Frames, sound: tuple[int, int], farthest: int, segments: list[tuple[int, int]]
) -> int:
    """Where the last burst after ``sound`` ends that begins by frame ``farthest``.

    The sound's own end without one. The closure counts from the end of the loud part, the vowel.
    """
    first, end = sound
    loud = frames.power[first:end].max() / 10 ** (BURST_BELOW_WORD_DB / 10)
    longest = round(BURST_SECONDS / STEP_SECONDS)
    # the rise is steepest shortly after the first weak frame
    rising = np.flatnonzero(frames.rise_db[: farthest + 4] >= BURST_RISE_DB)
    for a, b in segments:
        if a > farthest:
            break
        # a frame of rise before the segment counts: there it was too weak for it
        onsets = rising[(rising >= max(a - 2, sound[1])) & (rising < b)]
        if not len(onsets):
            continue
        onset = max(a, int(onsets[0]))
        if b - onset <= longest and frames.power[onset:b].max(initial=0) <= loud:
            end = max(end, b)
    return end


def _with_levels(
    frames: _Frames, sounds: tuple[Sound, ...], count: int, sample_rate: int
) -> SpeechLevels:
    levels = 10 * np.log10(np.maximum(frames.power, 10 ** (LOWEST_DBFS / 10)))
    word = max(sounds, key=lambda sound: sound.energy, default=None)
    middles = np.arange(len(levels)) * round(STEP_SECONDS * sample_rate)
    middles += round(FRAME_SECONDS * sample_rate) // 2
    outside, inside = np.ones(len(levels), bool), np.ones(len(levels), bool)
    for sound in sounds:
        outside &= (middles < sound.start) | (middles >= sound.end)
    if word:
        inside = (middles >= word.start) & (middles < word.end)
    noise_power = frames.noise_power
    # where speech is hardly louder than the noise, the first estimate counts it in
    if not sounds:
        noise_power = min(noise_power, float(np.median(frames.power)))
    elif outside.any():
        noise_power = min(noise_power, float(frames.power[outside].mean()))
    noise = to_dbfs(noise_power)
    peak = float(np.percentile(levels[inside], PEAK_PERCENTILE))
    # from half way between noise and speech, where the noise is near
    threshold = min(peak, max((noise + peak) / 2, peak - ACTIVE_RANGE_DB))
    active = inside & (levels >= threshold)
    return SpeechLevels(count, sample_rate, sounds, levels, noise, threshold, active)


def _joined(runs: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and first - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined
