"""Reloads ten times a second, while the demo is spoken, lose no word."""

from pathlib import Path

import pytest

from benchmarks.reloads import with_reloads, without_reloads


@pytest.mark.slow
def test_no_reload_loses_adds_or_moves_a_word(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("{}\n")
    expected = without_reloads(1, config)
    assert len(expected) >= 7
    found, reloads = with_reloads(1, config, hertz=10)
    assert reloads > 50
    assert found == expected
