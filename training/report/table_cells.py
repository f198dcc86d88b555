"""Cells that several tables have: a configuration's settings, an interval."""

from training.report.blocks import Cell, Column, number
from training.report.score import Score
from training.sweep.point import Point

ALL = (
    Column("frame ms"),
    Column("overlap %"),
    Column("bands"),
    Column("lower Hz"),
    Column("upper Hz"),
    Column("coeff."),
)


def settings(point: Point) -> tuple[Cell, ...]:
    """As in the columns `ALL`; those that a front end does not depend on are empty."""
    mel, cepstral = point.kind != "spectrogram", point.kind == "mfcc"
    return (
        number(point.frame_length_ms),
        number(100 * point.overlap),
        number(point.num_mel_bins if mel else None),
        number(point.lower_edge_hertz if mel else None),
        number(point.upper_edge_hertz if mel else None),
        number(point.num_coefficients if cepstral else None),
    )


def used(kind: str) -> int:
    """How many of the columns `ALL` features of a kind depend on."""
    return {"spectrogram": 2, "log_mel": 5}.get(kind, 6)


def interval(score: Score) -> Cell:
    lower, upper = score.interval
    return Cell(f"{100 * lower:.1f} to {100 * upper:.1f}", lower)


def share(score: Score | None) -> Cell:
    """In percent."""
    return number(100 * score.value if score else None, ".1f")
