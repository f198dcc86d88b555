"""Making a Wyoming server known in the local network (mDNS, as Home Assistant looks for it)."""

import asyncio
import logging
import socket
from contextlib import suppress

import ifaddr
from zeroconf import Error
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from kws_edge.boundary import os_reason
from kws_edge.wyoming.endpoint import Endpoint

log = logging.getLogger(__name__)

SERVICE = "_wyoming._tcp.local."
CHECK_SECONDS = 30.0


async def announce(name: str, endpoint: Endpoint) -> None:
    """Until cancelled: announce, and again when this machine's addresses change.

    A network that is not there yet, or went away, is no fault: it is tried again.
    """
    shown: list[str] = []
    registered: AsyncZeroconf | None = None
    try:
        while True:
            addresses = _addresses(endpoint.host, name)
            if addresses != shown:
                await _withdraw(registered)
                shown, registered = [], None
                if addresses and (registered := await _register(name, endpoint.port, addresses)):
                    shown = addresses
            await asyncio.sleep(CHECK_SECONDS)
    finally:
        await _withdraw(registered)


async def _register(name: str, port: int, addresses: list[str]) -> AsyncZeroconf | None:
    """The announcement, None where there was a fault (said in a line)."""
    zeroconf = None
    try:
        zeroconf = AsyncZeroconf()
        info = AsyncServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            port=port,
            parsed_addresses=addresses,
            server=f"{socket.gethostname().split('.')[0]}.local.",
        )
        await zeroconf.async_register_service(info, allow_name_change=True)
    except (OSError, Error) as error:
        log.warning("cannot announce %r: %s; trying again", name, str(error) or type(error))
        await _withdraw(zeroconf)
        return None
    log.info("announced as %r at %s", info.name.removesuffix(f".{SERVICE}"), ", ".join(addresses))
    return zeroconf


async def _withdraw(zeroconf: AsyncZeroconf | None) -> None:
    if zeroconf:
        with suppress(asyncio.TimeoutError, OSError):
            await zeroconf.async_unregister_all_services()
        await zeroconf.async_close()


def _addresses(host: str, name: str) -> list[str]:
    """Those of this machine that a server bound to ``host`` can be reached at; none where the
    system does not list them."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return [host]
    try:
        adapters = list(ifaddr.get_adapters())
    except OSError as error:  # a service without netlink sockets
        log.warning("cannot announce %r: %s; trying again", name, os_reason(error))
        return []
    found = [
        ip.ip if isinstance(ip.ip, str) else ip.ip[0]
        for adapter in adapters
        for ip in adapter.ips
        if ip.is_IPv4 or host == "::"
    ]
    return sorted(
        a for a in found if not a.startswith(("127.", "169.254.", "fe80:")) and a != "::1"
    )
