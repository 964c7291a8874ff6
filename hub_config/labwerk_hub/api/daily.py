"""The loop that does what is due once a day, or once a month."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import retention
from labwerk_hub.services.workbench import Workbench

_log = logging.getLogger(__name__)
#: Seconds between two looks whether anything is due.
_PERIOD = 600.0

#: Does what is due by now, days that were missed included, and nothing if that is done.
Task = Callable[[Workbench], object]
TASKS: tuple[Task, ...] = (retention.seal_and_redact,)


class Daily:
    """Looks every ten minutes whether something is due, in a thread of its own."""

    def __init__(self, workbench: Workbench, tasks: Sequence[Task]) -> None:
        self._workbench = workbench
        self._tasks = tasks
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="daily", daemon=True)

    def start(self) -> None:
        """Begin; the first look is at once, to catch up after downtime."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the task that is under way."""
        self._stopping.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            for task in self._tasks:
                self._do(task)
            self._stopping.wait(_PERIOD)

    def _do(self, task: Task) -> None:
        """One task that fails must not keep the others from being done."""
        try:
            task(self._workbench)
        except LabwerkError as error:
            _log.warning("What is due daily waits for the next look: %s", error)
        except Exception:  # noqa: BLE001 - nothing may end the loop for good
            _log.exception("What is due daily failed, the next look tries it again")
