"""Reservations and their slices."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, insert, select, update

from labwerk_hub.adapters.sql.tables import reservations, reserved_slices
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.reservations import Reservation


class SqlReservations:
    """The Reservations port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, reservation: Reservation) -> None:
        """A new reservation with its slices."""
        self._connection.execute(
            insert(reservations).values(
                id=reservation.id,
                title=reservation.title,
                flavour=reservation.flavour,
                group=reservation.group,
                from_ms=reservation.from_ms,
                to_ms=reservation.to_ms,
                release_after_ms=reservation.release_after_ms,
                made_by=reservation.made_by,
                made_ms=reservation.made_ms,
            )
        )
        lines = [
            {
                "reservation": reservation.id,
                "gpu": slice_.gpu,
                "start": slice_.start,
                "profile": slice_.profile,
                "size": slice_.size,
            }
            for slice_ in reservation.slices
        ]
        self._connection.execute(insert(reserved_slices), lines)

    def current(self, now_ms: int) -> list[Reservation]:
        """Those that are not over and not cancelled, the earliest first."""
        condition = (reservations.c.to_ms > now_ms) & reservations.c.cancelled_ms.is_(None)
        order = (reservations.c.from_ms, reservations.c.id)
        rows = self._connection.execute(select(reservations).where(condition).order_by(*order))
        chosen = select(reservations.c.id).where(condition)
        slices: defaultdict[str, list[Slice]] = defaultdict(list)
        for line in self._connection.execute(
            select(reserved_slices).where(reserved_slices.c.reservation.in_(chosen))
        ):
            slices[line.reservation].append(Slice(line.gpu, line.profile, line.start, line.size))
        return [
            Reservation(
                id=row.id,
                title=row.title,
                flavour=row.flavour,
                group=row.group,
                from_ms=row.from_ms,
                to_ms=row.to_ms,
                release_after_ms=row.release_after_ms,
                slices=tuple(sorted(slices[row.id])),
                made_by=row.made_by,
                made_ms=row.made_ms,
            )
            for row in rows
        ]

    def cancel(self, identifier: str, now_ms: int) -> bool:
        """Give it up; whether there was such a one that is not over."""
        there = (
            (reservations.c.id == identifier)
            & (reservations.c.to_ms > now_ms)
            & reservations.c.cancelled_ms.is_(None)
        )
        done = self._connection.execute(
            update(reservations).where(there).values(cancelled_ms=now_ms)
        )
        return done.rowcount == 1
