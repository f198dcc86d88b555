"""The lab's questions, answered from the data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Paragraphs, the first of which says it shortly; ``**`` marks what is bold."""

    question: str
    paragraphs: tuple[str, ...]
