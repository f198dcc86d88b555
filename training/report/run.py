"""A finished trial with all that is known of it."""

from dataclasses import dataclass, field

from training.report.score import Score, score_of
from training.study.results import Converted, Tested, Timing
from training.sweep.point import Point
from training.sweep.records import Record


@dataclass(frozen=True)
class Run:
    """``first_seed``: trained with the seed that all points of its sweep share, so that it
    stands for its configuration. The dictionaries go by quantization.
    """

    record: Record
    point: Point
    first_seed: bool
    models: dict[str, Converted] = field(default_factory=dict)
    tests: dict[str, Tested] = field(default_factory=dict)
    timings: dict[str, Timing] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def kind(self) -> str:
        return self.point.kind

    @property
    def split(self) -> str:
        return str(self.record.config["split"])

    @property
    def validation(self) -> Score:
        """Of the trained network; which clips it knew, by its float32 model."""
        count = int(self.record.metrics["clips"]["validation"])
        converted = self.models.get("float32")
        return Score(
            round(self.record.accuracy * count), count, converted.validation if converted else None
        )

    def test(self, quantization: str = "float32") -> Score | None:
        """On the test part, where it was read."""
        tested = self.tests.get(quantization)
        return score_of(tested.test) if tested else None
