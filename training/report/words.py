"""Names and numbers as a reader wants them."""

from collections.abc import Sequence

from training.sweep.point import Point

KIND = {"mfcc": "MFCC", "log_mel": "log-Mel", "spectrogram": "spectrogram"}
PARAMETER = {
    "frame_length_ms": "frame length",
    "overlap": "overlap",
    "num_mel_bins": "mel bands",
    "lower_edge_hertz": "lower edge",
    "upper_edge_hertz": "upper edge",
    "num_coefficients": "coefficients",
}
UNIT = {"frame_length_ms": "ms", "overlap": "%", "lower_edge_hertz": "Hz", "upper_edge_hertz": "Hz"}
QUANTIZATION = {"float32": "float32", "dynamic": "dynamic range", "int8": "int8"}


def value(parameter: str, number: float) -> str:
    """Of a hyper-parameter, without its unit; the overlap in percent."""
    return f"{100 * number:g}" if parameter == "overlap" else f"{number:g}"


def with_unit(parameter: str, number: float) -> str:
    unit = UNIT.get(parameter)
    return f"{value(parameter, number)} {unit}" if unit else value(parameter, number)


def configuration(point: Point) -> str:
    """``MFCC, 40 ms frames, 50 % overlap, 40 bands of 20 to 4000 Hz, 10 coefficients``."""
    words = [
        KIND[point.kind],
        f"{point.frame_length_ms:g} ms frames",
        f"{100 * point.overlap:g} % overlap",
    ]
    if point.kind != "spectrogram":
        words.append(
            f"{point.num_mel_bins} bands of {point.lower_edge_hertz:g} to"
            f" {point.upper_edge_hertz:g} Hz"
        )
    if point.kind == "mfcc":
        words.append(f"{point.num_coefficients} coefficients")
    return ", ".join(words)


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 clip``, ``2 clips``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def ms(number: float) -> str:
    """Milliseconds to three digits."""
    return f"{number:.3g} ms"


def kb(number: float) -> str:
    return f"{number:,.0f} KB"
