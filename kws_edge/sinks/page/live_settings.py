"""Requests about the settings that can be changed while kws-edge runs."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from kws_edge.sinks.page.server import fault, in_force, json_body

if TYPE_CHECKING:
    from kws_edge.sinks.base import DetectorControl

CHANGE_SECONDS = 3.0


class LiveSettings:
    """Changes mute, preset, thresholds and active keywords, and writes them into the file."""

    def __init__(self, control: "DetectorControl") -> None:
        self._control = control

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.post("/api/settings", self._change),
            web.post("/api/settings/file", self._write),
        ]

    def describe(self) -> dict[str, Any]:
        """For ``/api/state``: the configuration file in use, or None."""
        file = self._control.file
        return {"file": str(file) if file else None}

    async def _change(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        if body.get("reset") is True and len(body) > 1:
            return fault(422, "reset stands alone")
        done = self._control.change(None if body.get("reset") is True else body)
        await in_force(done, CHANGE_SECONDS)
        return web.json_response(self._control.in_force.as_dict())

    async def _write(self, request: web.Request) -> web.Response:
        await json_body(request)
        notes = await asyncio.to_thread(self._control.write)
        return web.json_response({"path": str(self._control.file), "notes": list(notes)})
