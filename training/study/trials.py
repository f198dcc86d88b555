"""The trials of a results folder whose networks are at hand."""

from collections.abc import Iterator
from pathlib import Path

from kws_edge.errors import DataError
from training.sweep.records import Record, Records
from training.sweep.trial import network_folder


def complete(results: Path) -> list[Record]:
    """Those with a result. Raises `DataError` where there is none."""
    records = [record for record in Records(results) if record.state == "complete"]
    if not records:
        raise DataError(f"{results}: no finished trial; make some with: python -m training sweep")
    return records


def with_network(results: Path, models: Path) -> Iterator[tuple[Record, Path]]:
    """Each complete trial and the folder of its network, where that is here."""
    for record in complete(results):
        folder = network_folder(models, record.key)
        if folder.is_dir():
            yield record, folder
