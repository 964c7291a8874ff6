"""What all loops are: a look every so often, in a thread of its own, that nothing ends."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from asyncio import TaskGroup
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool

from labwerk_hub.errors import LabwerkError


class Loop(ABC):
    """Looks every ``period`` seconds, the first time ``delay`` seconds after its start.

    A look that fails is logged as ``trouble`` and made up for by the next one. When the loop
    is told to end, the look that is under way is waited for ``patience`` seconds at most. It
    counts as stuck if none has ended for ``stuck_after`` seconds.
    """

    #: What it is called in the log and among the threads.
    name: str
    #: What stands still while looks fail, to be read before a colon.
    trouble: str

    def __init__(
        self,
        period: float,
        *,
        delay: float = 0.0,
        patience: float = float("inf"),
        stuck_after: float = float("inf"),
    ) -> None:
        self._period = period
        self._delay = delay
        self._patience = patience
        self._stuck_after = stuck_after
        self._log = logging.getLogger(type(self).__module__)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._looked = time.monotonic()

    @abstractmethod
    def look_once(self) -> object:
        """Do what is due by now. Raises LabwerkError with what kept it from being done."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def tell_to_end(self) -> None:
        """Make no further look; waits for nothing."""
        self._stopping.set()

    def wait(self, within: float) -> None:
        """Wait until the look that is under way is over, so many seconds at most."""
        self._thread.join(min(within, self._patience))
        if self._thread.is_alive():
            self._log.warning("%s is left in the middle of a look", self.name)

    @property
    def is_alive(self) -> bool:
        """Whether looks are being made, successful or not."""
        return self._thread.is_alive() and time.monotonic() - self._looked <= self._stuck_after

    def is_stopping(self) -> bool:
        """Whether a look that is under way should come to its end."""
        return self._stopping.is_set()

    def attempt(self, what: Callable[[], object], trouble: str | None = None) -> None:
        """Do something that may fail without an end to the loop.

        ``trouble`` is what stands still then, unless it is what the loop is there for.
        """
        trouble = trouble or self.trouble
        try:
            what()
        except LabwerkError as error:
            self._log.warning("%s, tried again soon: %s", trouble, error)
        except Exception:  # noqa: BLE001 - nothing may end the loop for good
            self._log.exception("%s, tried again soon", trouble)

    def _run(self) -> None:
        self._stopping.wait(self._delay)
        while not self._stopping.is_set():
            self.attempt(self.look_once)
            self._looked = time.monotonic()
            self._stopping.wait(self._period)


async def end(loops: Sequence[Loop], within: float) -> None:
    """End all at once: each may finish its look, and none takes longer than ``within`` seconds."""
    for loop in loops:
        loop.tell_to_end()
    async with TaskGroup() as waiting:
        for loop in loops:
            waiting.create_task(run_in_threadpool(loop.wait, within))
