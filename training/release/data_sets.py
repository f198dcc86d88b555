"""The step 'data': runs the commands that make or download the data sets."""

import glob
import shlex
import shutil
from pathlib import Path

from kws_edge.errors import ConfigError, MissingFileError
from training.release.model_config import DataSetConfig
from training.release.workspace import Workspace

COMMANDS = ".made-by"  # a folder in the data folder: the command of each data set made here


def fetch(space: Workspace, data_set: DataSetConfig) -> Path:
    """The data set's path; runs its command only where nothing is there.

    What the command writes to ``{output}`` appears under its name when the command is done, so a
    kill leaves no half data set. Raises `ConfigError` where another command made what is there.
    """
    target = space.data / data_set.output
    record = space.data / COMMANDS / f"{str(data_set.output).replace('/', '+')}.txt"
    if target.exists():
        made_by = record.read_text().strip() if record.exists() else data_set.command
        if made_by != data_set.command:
            raise ConfigError(
                f"{target}: another command made it ({made_by}); remove it to make it again"
            )
        return target
    space.data.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.unlink(missing_ok=True)
    space.run(*_arguments(data_set.command, space.data, partial))
    if partial.exists():
        partial.rename(target)
    if not target.exists():
        raise MissingFileError(f"{target}: the command did not make it: {data_set.command}")
    record.parent.mkdir(exist_ok=True)
    record.write_text(data_set.command + "\n")
    return target


def _arguments(command: str, data: Path, output: Path) -> list[str]:
    """The words of ``command``, filled in after the split, so that paths may hold spaces; file
    patterns become the files that are there."""
    words = []
    for word in shlex.split(command):
        filled = word.replace("{data}", str(data)).replace("{output}", str(output))
        words += sorted(glob.glob(filled)) if glob.has_magic(word) else [filled]
    return words
