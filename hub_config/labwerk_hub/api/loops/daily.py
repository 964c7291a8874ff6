"""The loop that does what is due once a day, or once a month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from labwerk_hub.api.loops.loop import Loop
from labwerk_hub.services import retention
from labwerk_hub.services.workbench import Workbench

#: Seconds between two looks whether anything is due.
_PERIOD = 600.0

#: Does what is due by now, days that were missed included, and nothing if that is done.
Task = Callable[[Workbench], object]
TASKS: tuple[Task, ...] = (retention.seal_and_redact, retention.scrub)


class DailyLoop(Loop):
    """Looks every ten minutes whether something is due; at once, to catch up after downtime."""

    name = "daily"
    trouble = "What is due daily is not done"

    def __init__(self, workbench: Workbench, tasks: Sequence[Task]) -> None:
        super().__init__(_PERIOD)
        self._workbench = workbench
        self._tasks = tasks

    def look_once(self) -> None:
        """Do all that is due; one task that fails keeps no other from being done."""
        for task in self._tasks:
            self.attempt(partial(task, self._workbench))
