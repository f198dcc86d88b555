"""Teaching: a job that makes another model from the recordings, and the change to that model."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from kws_edge.audio.files import is_clip
from kws_edge.boundary import printable
from kws_edge.errors import DataError, MissingFileError
from kws_edge.files import private_folder
from kws_edge.model.file import DEFAULT_MODEL, find_model
from kws_edge.sinks.base import ModelControl
from kws_edge.sinks.page.job import CAN_RUN, BackgroundJob
from kws_edge.sinks.page.server import fault, in_force, json_body

FOLDER = ".teach"  # in the recordings; training passes over names that begin with a dot
NAME = re.compile(r"own-(\d+)")  # of a model made here
JOB_SECONDS = 6 * 3600.0
CHECK_SECONDS = 60.0
SWITCH_SECONDS = 60.0
LOG_LINES = 200  # that the page shows
# Prints what is missing, if anything.
CHECK = (
    "import importlib.util as u; print(*[n for n in ('training', 'keras', 'tensorflow')"
    " if u.find_spec(n) is None])"
)


class Teach:
    """Runs ``python -m training adapt --build`` on ``recordings``; called from several threads.

    ``interpreter`` is the Python that has the training side; None: this one, where it has.
    """

    def __init__(
        self,
        recordings: Path | None,
        interpreter: Path | None,
        models: ModelControl,
        seconds: float = JOB_SECONDS,
    ) -> None:
        self._recordings, self._models = recordings and recordings.absolute(), models
        self._own = interpreter is None
        self._python = str(interpreter.absolute()) if interpreter else sys.executable
        self._folder = (self._recordings or Path()) / FOLDER
        self._job = BackgroundJob(self._folder, seconds)
        self._changing = threading.Lock()
        self._fault: str | None = None  # of the interpreter; empty: there is none

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/api/teach", self._get),
            web.post("/api/teach", self._start),
            web.post("/api/teach/cancel", self._cancel),
            web.post("/api/teach/switch", self._switch),
        ]

    def describe(self) -> dict[str, Any]:
        """For ``/api/state``: how far the job is."""
        if self._recordings is None:
            return {"state": "none"}
        status = self._job.status()
        names = ("state", "step", "epoch", "epochs", "started", "ended", "model")
        return {name: status[name] for name in names if name in status}

    def document(self) -> dict[str, Any]:
        """All that the page shows of it."""
        status = self.describe()
        model = self._model(status.get("model"))
        return {
            **status,
            "unavailable": self.unavailable(),
            "takes": self.takes(),
            "log": self._job.log(LOG_LINES) if self._recordings else [],
            "comparison": _comparison(model.parent) if model else [],
            "file": str(model) if model and model.exists() else None,
            "in_force": self._models.in_force.source,
        }

    def unavailable(self) -> str:
        """Why nothing can be taught here; empty where it can."""
        if self._recordings is None:
            return "page.recordings is not set: there is no folder to learn from"
        if not CAN_RUN:
            return "the page teaches on Linux and macOS alone"
        if self._fault is None:
            self._fault = self._check()
        return self._fault

    def takes(self) -> dict[str, int]:
        """How many takes of each label the recordings have."""
        counts: dict[str, int] = {}
        with suppress(OSError):
            for folder in sorted((self._recordings or Path(FOLDER)).iterdir()):
                if folder.name[0] != "." and folder.is_dir():
                    counts[folder.name] = sum(map(is_clip, folder.iterdir()))
        return {label: count for label, count in counts.items() if count}

    def start(self, only: bool) -> str:
        """Begin a job; the name of the model that it makes. One that failed is gone on with.

        Raises `DataError` where nothing can be taught, and as `BackgroundJob.start`."""
        with self._changing:
            if reason := self.unavailable():
                raise DataError(reason)
            if not self.takes():
                raise DataError(f"{self._recordings}: no takes to learn from yet")
            private_folder(self._folder, "page.recordings")
            before = self._job.status()
            name = before.get("model", "")
            if before["state"] in ("none", "done") or not NAME.fullmatch(name):
                name = self._new_name()
            command = self._command(name, only, before)
            self._job.start(command, self._environment(), model=name, only=only, start=command[-1])
            return name

    def switch(self, name: object) -> Any:
        """Change to a model made here, or with None to the configured one; a future."""
        if name is None:
            return self._models.use(None)
        model = self._model(name)
        if model is None or not model.is_file():
            raise MissingFileError(f"model: no {printable(str(name)[:40])} was made here")
        return self._models.use(str(model))

    def _model(self, name: object) -> Path | None:
        """The file of a model that is made here; it need not be there yet."""
        if not isinstance(name, str) or not NAME.fullmatch(name):
            return None
        return self._folder / "models" / name / f"{name}.tflite"

    def _new_name(self) -> str:
        found = [
            int(match[1])
            for path in (self._folder / "models").glob("*")
            if (match := NAME.fullmatch(path.name))
        ]
        return f"own-{max(found, default=0) + 1}"

    def _command(self, name: str, only: bool, before: dict[str, Any]) -> list[str]:
        source = self._models.in_force.source
        data = Path(os.environ.get("KWS_EDGE_DATA", "data")).absolute()
        command = [self._python, "-m", "training", "adapt", str(self._recordings)]
        command += ["--name", name, "--data", str(data), "--build", str(self._folder / "models")]
        command += ["--output", str(self._folder / "work"), "--compare", _path_of(source)]
        command += ["--only"] if only else []
        # always from the model that was not made here: otherwise each would learn from the last
        made_here = self._folder in Path(source).parents
        start = before.get("start") if made_here else None
        return [*command, f"--from={_run_of(source)}" if not start else str(start)]

    def _environment(self) -> dict[str, str]:
        """What the command needs beside this process's own variables."""
        environment = {"PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        if not self._own:  # it has a kws_edge of its own
            return environment | {"PYTHONPATH": ""}
        package, path = str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")
        return environment | {"PYTHONPATH": os.pathsep.join(filter(None, (package, path)))}

    def _check(self) -> str:
        """What keeps the interpreter from training; asked in a child, once."""
        try:
            found = subprocess.run(
                [self._python, "-c", CHECK],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=CHECK_SECONDS,
                cwd="/",
                check=False,
                env={**os.environ, **self._environment()},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"page.training: {self._python}: {printable(str(error)[:200])}"
        missing = found.stdout.split()
        if found.returncode == 0 and not missing:
            return ""
        lacks = ", ".join(missing) or printable(found.stderr.strip()[-200:]) or "answers nothing"
        return f"the training side is not installed ({self._python} lacks {lacks}); page.training"

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(self.document))

    async def _start(self, request: web.Request) -> web.Response:
        only = (await json_body(request)).get("only", False)
        if not isinstance(only, bool):
            return fault(422, "only: expected true or false")
        return web.json_response({"model": await asyncio.to_thread(self.start, only)})

    async def _cancel(self, request: web.Request) -> web.Response:
        if not await asyncio.to_thread(self._job.cancel):
            return fault(422, "no job is at work")
        return web.json_response({})

    async def _switch(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        if "model" not in body:
            return fault(422, "model: missing")
        done = await asyncio.to_thread(self.switch, body["model"])
        await in_force(done, SWITCH_SECONDS)
        return web.json_response({"model": self._models.in_force.name})


def _comparison(folder: Path) -> Sequence[Any]:
    try:
        found = json.loads((folder / "comparison.json").read_text())
    except (OSError, ValueError):
        return []
    return found if isinstance(found, list) else []


def _path_of(source: str) -> str:
    """The file of the model, since the job runs in another folder."""
    return str(find_model(source).absolute())


# With few takes its run learns new words in minutes, and better than that of the default model does
# (docs/custom-words.md).
START = "small-int8"


def _run_of(source: str) -> str:
    """The run that a released model was exported from, which lies beside it, and that of `START`
    for the default model; raises `DataError` for a model without one."""
    model = find_model(source)
    start = find_model(START) if model == find_model(DEFAULT_MODEL) else model
    run = start.absolute().parent / "run"
    if not (run / "config.yaml").is_file():
        raise DataError(f"{run}: no run of the model, and none to start from")
    return str(run)
