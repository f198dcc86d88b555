"""Label tracks: as Audacity writes them, or refused with their line."""

from pathlib import Path

import pytest

from kws_edge.detection.scoring import SpokenWord, read_label_track
from kws_edge.errors import DataError

WORDS = [SpokenWord(0.5, 1.0, "yes"), SpokenWord(2.0, 2.0, "no")]


@pytest.mark.parametrize(
    "content",
    [
        "0.5\t1.0\tyes\n2\t2\tno\n",
        "\ufeff0.5\t1.0\tyes\r\n2\t2\tno\r\n",  # a byte order mark, Windows
        "\n0.5\t1.0\tyes\n\n2\t2\tno\n \n",
        "0.5\t1.0\tyes\n\\\t200.0\t3000.0\n2\t2\tno\n",  # a label in the spectral view
    ],
)
def test_as_audacity_writes_it(content: str, tmp_path: Path) -> None:
    path = tmp_path / "track.txt"
    path.write_bytes(content.encode())
    assert read_label_track(path) == WORDS


@pytest.mark.parametrize(
    "line",
    ["yes", "0.5\t1.0", "a\tb\tyes", "nan\t1\tyes", "0\tinf\tyes", "-1\t1\tyes", "2\t1\tyes"],
)
def test_a_line_that_is_none_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "track.txt"
    path.write_text(f"0.5\t1.0\tyes\n{line}\n")
    with pytest.raises(DataError, match=r"track\.txt, line 2: expected start, end and label"):
        read_label_track(path)
