"""How fast sound dies away: what a distant microphone hears of the room."""

import numpy as np

from kws_edge.audio.speech_level import PEAK_PERCENTILE, STEP_SECONDS, SpeechLevels

FIT_STEPS = 16  # a decay is fitted over 80 ms
HEADROOM_DB = 20.0  # a fit starts so far above the noise, so that the noise does not flatten it
RANGE_DB = 25.0  # peak above noise; with less there is no room for a decay to show
BELOW_PEAK_DB = 25.0  # and no further below the peak
SLOWEST_MS = 5000.0


def decay_ms(measured: SpeechLevels) -> float | None:
    """Time in ms for 60 dB at the steepest fall of the level in the clip, at most 5 s.

    Speech stops faster than a room does, so the steepest fall is the room's decay, or the
    speaker's where there is no room to hear (Wen, Habets and Naylor, "Blind estimation of
    reverberation time based on the distribution of signal decay rates", ICASSP 2008). None
    where the noise leaves less than 25 dB, or the clip is shorter than a fit.

    The level of a room's tail wavers, and its steepest stretch reads low: about 0.5 s where the
    reverberation time is 0.8 s. Compare it with other clips, not with a room's figure.
    """
    levels, noise = measured.frame_dbfs, measured.noise_dbfs
    peak = float(np.percentile(levels, PEAK_PERCENTILE))
    if len(levels) <= FIT_STEPS or peak - noise < RANGE_DB:
        return None
    stretches = np.lib.stride_tricks.sliding_window_view(levels, FIT_STEPS + 1)
    lowest = max(noise + HEADROOM_DB, peak - BELOW_PEAK_DB)
    stretches = stretches[stretches[:, 0] >= lowest]  # [fits, 17]
    if not len(stretches):
        return None
    time = (np.arange(FIT_STEPS + 1) - FIT_STEPS / 2) * STEP_SECONDS * 1000  # ms, mean 0
    slopes = stretches @ time / (time @ time)  # least squares, dB a ms
    steepest = float(slopes.min())
    return min(SLOWEST_MS, -60.0 / steepest) if steepest < 0 else SLOWEST_MS
