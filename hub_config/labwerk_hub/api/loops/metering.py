"""The loop that reads the engine: the one place that meters and reconciles."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from labwerk_hub.api.hub import Hub, HubUnreachableError
from labwerk_hub.api.loops.loop import Loop
from labwerk_hub.domain.leases import Lease
from labwerk_hub.errors import DatabaseError
from labwerk_hub.services import lifetime
from labwerk_hub.services.reconcile import Reconciled, reconcile
from labwerk_hub.services.workbench import Workbench

_log = logging.getLogger(__name__)
#: Servers that are stopped at the same time.
_STOPS = 8
#: Seconds that a reading may take beyond ten periods before it counts as stuck.
_PATIENCE = 60


class MeteringLoop(Loop):
    """Reads the engine every ``period`` seconds; at once, to catch up after downtime."""

    name = "metering"
    trouble = "Not metered now"

    def __init__(self, workbench: Workbench, hub: Hub, period: float) -> None:
        super().__init__(period, stuck_after=10 * period + _PATIENCE)
        self._workbench = workbench
        self._hub = hub
        # A stop takes seconds, and the hub serves others meanwhile.
        self._stops = ThreadPoolExecutor(_STOPS, "stop")

    def look_once(self) -> Reconciled:
        """One reading. Raises LabwerkError if it could not be made."""
        found = reconcile(self._workbench, self._served())
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
        if self.is_stopping():
            return  # the next start's first look finds it again
        try:
            if not lifetime.is_to_stop(self._workbench, lease.session):
                return  # it has ended, or was extended; the hub would stop another one
            self._hub.stop(lease.person)
            _log.info("%s of %s is being stopped", lease.session, lease.person)
        except (HubUnreachableError, DatabaseError) as error:
            _log.warning("%s is to be stopped, tried again soon: %s", lease.session, error)
