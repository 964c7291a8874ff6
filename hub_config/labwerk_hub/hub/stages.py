"""The stages of a start, as the pending page shows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum

from labwerk_hub.texts import N_, Message, render


class Stage(StrEnum):
    """What a start is doing; the page lists all of them in this order."""

    ADMITTED = "admitted"
    CONTAINER = "container"
    SERVER = "server"
    READY = "ready"


SENTENCES = {
    Stage.ADMITTED: N_("Checking your choice and budget"),
    Stage.CONTAINER: N_("Preparing your container"),
    Stage.SERVER: N_("Waiting for JupyterLab to answer"),
    Stage.READY: N_("Ready"),
}
_PROGRESS = {Stage.ADMITTED: 10, Stage.CONTAINER: 30, Stage.SERVER: 60, Stage.READY: 95}


class Stages:
    """What one start has reached; any number of pages may follow it."""

    def __init__(self) -> None:
        self._events: list[dict[str, object]] = []
        self._changed = asyncio.Event()
        self._done = False

    def reach(self, stage: Stage, language: str) -> None:
        """Note that ``stage`` has been reached."""
        self._events.append(
            {
                "progress": _PROGRESS[stage],
                "message": render(Message(SENTENCES[stage]), language),
                "stage": stage.value,
            }
        )
        self._done = stage is Stage.READY
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def current(self) -> Stage:
        """What the start is doing now, for a page that cannot follow the events."""
        return Stage(str(self._events[-1]["stage"])) if self._events else Stage.ADMITTED

    async def events(self) -> AsyncIterator[dict[str, object]]:
        """JupyterHub's progress events, from the first on."""
        sent = 0
        while True:
            changed = self._changed
            while sent < len(self._events):
                yield self._events[sent]
                sent += 1
            if self._done:
                return
            await changed.wait()
