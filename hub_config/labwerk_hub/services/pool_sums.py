"""The whole pool in sums: one reading of it serves everybody who looks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from labwerk_hub.domain.board import Shape, Sums
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.services.workbench import Workbench


@dataclass(frozen=True)
class PoolTotals:
    """What is held and waited for, pool-wide.

    ``held`` are the units of each GPU that leases hold, as bits; ``taken`` those that
    cannot be had: held, kept for somebody now, or standing there otherwise. ``sessions``
    and ``waiting`` count by flavour.
    """

    shape: Shape
    held: Mapping[str, int]
    taken: Mapping[str, int]
    sums: Sums
    sessions: Mapping[str, int]
    waiting: Mapping[str, int]


class PoolSums:
    """Reads the pool's totals, not more often than every ``seconds``.

    In a pool of ten thousand GPUs they are the dearest part of the board, and the same for
    everybody; how many people look at it does not matter this way.
    """

    def __init__(self, workbench: Workbench, seconds: float = 2.0) -> None:
        self._workbench, self._seconds = workbench, seconds
        self._lock = Lock()
        self._totals: PoolTotals | None = None
        self._until = 0.0

    def read(self) -> PoolTotals:
        """The totals; raises GpuDriverError or DatabaseError if they cannot be read."""
        inventory = self._workbench.inventory.read()
        with self._lock:
            totals = self._totals
            known = totals is not None and totals.shape.inventory == inventory
            if totals is None or not known or time.monotonic() >= self._until:
                shape = totals.shape if totals is not None and known else Shape(inventory)
                totals = self._totals = self._counted(shape)
                self._until = time.monotonic() + self._seconds
            return totals

    def forget(self) -> None:
        """Read them anew for the next reader."""
        with self._lock:
            self._until = 0.0

    def _counted(self, shape: Shape) -> PoolTotals:
        now_ms = to_ms(self._workbench.clock())
        with self._workbench.database.reading() as tx:
            reservations = tx.reservations.current(now_ms)
            held = tx.holdings.masks()
            sessions = tx.holdings.sessions([f.name for f in self._workbench.catalogue.flavours])
            waiting = Counter(ticket.flavour for ticket in tx.tickets.open())
        kept = [s for r in reservations if r.from_ms <= now_ms < r.released_ms for s in r.slices]
        taken = shape.masks(held, kept)
        return PoolTotals(shape, held, taken, shape.sums(taken), sessions, waiting)
