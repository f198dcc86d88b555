"""Numbers and names as the pages of an experiment write them."""

from training.experiments.compare import Difference, TrialScore
from training.experiments.experiment import Experiment
from training.experiments.results import ResultRow, TrialRun

QUANTIZATION = {"dynamic": "dynamic range"}
# How a page names a setting, and its unit; others are named as in the configuration.
SETTING = {
    "features.frame_length_ms": ("frame length", "ms"),
    "features.overlap": ("overlap", "%"),
    "features.num_mel_bins": ("mel bands", ""),
    "features.lower_edge_hertz": ("lower edge", "Hz"),
    "features.upper_edge_hertz": ("upper edge", "Hz"),
    "features.num_coefficients": ("coefficients", ""),
}


def setting(name: str) -> str:
    return SETTING[name][0] if name in SETTING else name


def with_unit(name: str, value: float | str) -> str:
    """``50 %`` for an overlap of 0.5, ``20 Hz``, ``relu``."""
    if isinstance(value, str):
        return value
    number = f"{100 * value:g}" if name == "features.overlap" else f"{value:g}"
    return f"{number} {SETTING[name][1]}".strip() if name in SETTING else number


def number(value: float | None, form: str = "g") -> str:
    """Formatted, empty where nothing is known."""
    return "" if value is None else format(value, form)


def percent(share: float | None, unit: str = " %") -> str:
    return "" if share is None else f"{100 * share:.1f}{unit}"


def points(difference: float) -> str:
    """A difference of shares in percentage points, signed, never -0.0."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}"


def interval(score: TrialScore | None) -> str:
    """``91.9 to 95.2``, empty where the score is no share of clips."""
    ends = score.interval if score else None
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}" if ends else ""


def gained(difference: Difference) -> str:
    """``+1.7 points (-0.2 to +3.6)``."""
    text = f"{points(difference.value)} points"
    if difference.interval:
        lower, upper = (100 * end for end in difference.interval)
        text += f" ({lower:+.1f} to {upper:+.1f})"
    return text


def p_value(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def verdict(difference: Difference) -> str:
    return "more than the noise" if difference.clear else "inside the noise"


def configuration(experiment: Experiment, run: TrialRun | ResultRow) -> str:
    """``MFCC, 40 ms frames, 50 % overlap, 40 bands of 20 to 4000 Hz, 10 coefficients``; for other
    experiments the name of the variant, or its settings.
    """
    group = experiment.group(run["group"])
    title = group.title or group.name
    if not run["features.frame_length_ms"]:
        return f"{title}, {_named(run)}"

    def value(name: str) -> str:
        return with_unit(name, float(run[name]))

    words = [title, f"{value('features.frame_length_ms')} frames"]
    if run["features.overlap"]:
        words.append(f"{value('features.overlap')} overlap")
    if run["features.num_mel_bins"]:
        edges = f"{run['features.lower_edge_hertz']} to {run['features.upper_edge_hertz']} Hz"
        words.append(f"{run['features.num_mel_bins']} bands of {edges}")
    if run["features.num_coefficients"]:
        words.append(f"{run['features.num_coefficients']} coefficients")
    return ", ".join(words)


def _named(run: TrialRun | ResultRow) -> str:
    return run["variant"] or run["trial"]
