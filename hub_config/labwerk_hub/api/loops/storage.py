"""The loop that measures homes and projects, and keeps snapshots of homes."""

from __future__ import annotations

from labwerk_hub.api.loops.loop import Loop
from labwerk_hub.services import storage
from labwerk_hub.services.workbench import Workbench

#: Seconds between two looks; which folders' turn it is, is decided anew each time.
_PERIOD = 60.0
#: Seconds that the end of the service waits: a look may be walking through large folders.
_PATIENCE = 1.0


class StorageLoop(Loop):
    """Looks at the disk every minute; not at once, when everybody's servers are looked for."""

    name = "storage"
    trouble = "Disk space is not measured now"

    def __init__(self, workbench: Workbench) -> None:
        super().__init__(_PERIOD, delay=_PERIOD, patience=_PATIENCE)
        self._workbench = workbench

    def look_once(self) -> None:
        """Measure whatever's turn it is."""
        storage.look(self._workbench)
