"""The loop that measures homes and projects, and keeps snapshots of homes."""

from __future__ import annotations

import logging
import threading

from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import storage
from labwerk_hub.services.workbench import Workbench

_log = logging.getLogger(__name__)
#: Seconds between two looks; which folders' turn it is, is decided anew each time.
_PERIOD = 60.0


class StorageLoop:
    """Looks at the disk every minute, in a thread of its own."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="storage", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """No further look; one that is under way may be walking through large folders."""
        self._stopping.set()
        self._thread.join(timeout=1)

    def _loop(self) -> None:
        while not self._stopping.wait(_PERIOD):
            try:
                storage.look(self._workbench)
            except LabwerkError as error:
                _log.warning("Disk space is not measured now, tried again soon: %s", error)
            except Exception:  # noqa: BLE001 - nothing may end the measuring for good
                _log.exception("This look at the disk failed, the next one catches up")
