"""The loop that reads the engine: the one place that meters and reconciles."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from labwerk_hub.api.hub import Hub, HubUnreachableError
from labwerk_hub.domain.leases import Lease
from labwerk_hub.errors import DatabaseError, EngineUnreachableError, StorageError
from labwerk_hub.services import lifetime
from labwerk_hub.services.reconcile import Reconciled, reconcile
from labwerk_hub.services.workbench import Workbench

_log = logging.getLogger(__name__)
#: Servers that are stopped at the same time.
_STOPS = 8
#: Seconds that a reading may take beyond ten periods before it counts as stuck.
_PATIENCE = 60


class Metering:
    """Reads the engine every ``period`` seconds, in a thread of its own."""

    def __init__(self, workbench: Workbench, hub: Hub, period: float) -> None:
        self._workbench = workbench
        self._hub = hub
        self._period = period
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="metering", daemon=True)
        # A stop takes seconds, and the hub serves others meanwhile.
        self._stops = ThreadPoolExecutor(_STOPS, "stop")
        self._looked = time.monotonic()

    def start(self) -> None:
        """Begin; the first reading is at once, to catch up after downtime."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the reading that is under way."""
        self._stopping.set()
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether readings are being made, successful or not."""
        late = time.monotonic() - self._looked > 10 * self._period + _PATIENCE
        return self._thread.is_alive() and not late

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self.read_once()
            except Exception:  # noqa: BLE001 - nothing may end the metering for good
                _log.exception("This reading failed, the next one catches up")
            self._looked = time.monotonic()
            self._stopping.wait(self._period)

    def read_once(self) -> Reconciled | None:
        """One reading; None if it could not be made, which the next one makes up for."""
        try:
            found = reconcile(self._workbench, self._served())
        except (EngineUnreachableError, DatabaseError, StorageError) as error:
            _log.warning("Not metered now, the next reading catches up: %s", error)
            return None
        if found.ended or found.expired or found.unaccounted:
            _log.info(
                "%d run; ended %d, expired %d, removed %d that nobody accounted for",
                found.running,
                found.ended,
                found.expired,
                found.unaccounted,
            )
        list(self._stops.map(self._end, found.to_stop))
        try:
            self._workbench.database.checkpoint()
        except DatabaseError as error:
            _log.warning("The database is tidied after the next reading: %s", error)
        return found

    def _served(self) -> set[str] | None:
        try:
            return self._hub.served()
        except HubUnreachableError as error:
            _log.warning("Orphans cannot be told now: %s", error)
            return None

    def _end(self, lease: Lease) -> None:
        try:
            if not lifetime.is_to_stop(self._workbench, lease.session):
                return  # it has ended, or was extended; the hub would stop another one
            self._hub.stop(lease.person)
            _log.info("%s of %s is being stopped", lease.session, lease.person)
        except (HubUnreachableError, DatabaseError) as error:
            _log.warning("%s is to be stopped, tried again soon: %s", lease.session, error)
