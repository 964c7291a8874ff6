"""Noticing at once that a server answers.

JupyterHub's own back-off waits up to five seconds between two looks; a server that takes
two seconds is noticed one to two seconds late on average. Looking every 50 ms costs
nothing and leaves JupyterHub's own first look to succeed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp

_INTERVAL = 0.05
#: Seconds between two looks at whether the container still runs.
_LIVENESS = 1.0


class ServerEndedError(Exception):
    """The container ended before its server answered."""


async def wait_until_ready(url: str, is_running: Callable[[], Awaitable[bool]]) -> None:
    """Return when ``url`` answers below 500; raise ServerEndedError if the server ends.

    How long it may take is the caller's business (JupyterHub's ``start_timeout``).
    """
    timeout = aiohttp.ClientTimeout(total=5)
    looked = time.monotonic()
    async with aiohttp.ClientSession(timeout=timeout) as client:
        while True:
            if await _answers(client, url):
                return
            if time.monotonic() - looked > _LIVENESS:
                looked = time.monotonic()
                if not await is_running():
                    raise ServerEndedError
            await asyncio.sleep(_INTERVAL)


async def _answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(url, allow_redirects=False) as response:
            return response.status < 500
    except (aiohttp.ClientError, TimeoutError):
        return False
