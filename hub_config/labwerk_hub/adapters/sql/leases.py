"""The lease table and the units that leases hold."""

from __future__ import annotations

from sqlalchemy import Connection, Row, delete, insert, select, update

from labwerk_hub.adapters.sql.tables import held_units, leases
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState


class SqlLeases:
    """The Leases port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, lease: Lease) -> None:
        """A new intended lease, holding its units."""
        slice_ = lease.slice
        self._connection.execute(
            insert(leases).values(
                session=lease.session,
                person=lease.person,
                institution=lease.institution,
                flavour=lease.flavour,
                image=lease.image,
                gpu=slice_.gpu if slice_ else None,
                profile=slice_.profile if slice_ else None,
                start=slice_.start if slice_ else None,
                size=slice_.size if slice_ else None,
                ticks_per_second=lease.ticks_per_second,
                state=lease.state.value,
                intended_ms=lease.intended_ms,
                ends_ms=lease.ends_ms,
            )
        )
        if slice_ is not None:
            units = [
                {"gpu": slice_.gpu, "unit": unit, "session": lease.session} for unit in slice_.units
            ]
            self._connection.execute(insert(held_units), units)

    def get(self, session: str) -> Lease | None:
        """A session's lease, ended or not."""
        row = self._connection.execute(select(leases).where(leases.c.session == session)).first()
        return _lease(row) if row is not None else None

    def unended(self) -> list[Lease]:
        """All intended and live leases, in the order they were taken."""
        open_ = leases.c.state != LeaseState.ENDED.value
        return self._list(open_)

    def unended_of(self, person: str) -> list[Lease]:
        """A person's intended and live leases."""
        return self._list((leases.c.state != LeaseState.ENDED.value) & (leases.c.person == person))

    def set_live(self, session: str, started_ms: int) -> None:
        """The engine runs the container since ``started_ms``."""
        self._set(
            session,
            state=LeaseState.LIVE.value,
            started_ms=started_ms,
            metered_to_ms=started_ms,
        )

    def set_metered(self, session: str, metered_to_ms: int) -> None:
        """Charged up to ``metered_to_ms``."""
        self._set(session, metered_to_ms=metered_to_ms)

    def set_ended(self, session: str, ended_ms: int, reason: EndReason) -> None:
        """Over; its units are free."""
        self._set(session, state=LeaseState.ENDED.value, ended_ms=ended_ms, end_reason=reason.value)
        self._connection.execute(delete(held_units).where(held_units.c.session == session))

    def _set(self, session: str, **values: str | int) -> None:
        self._connection.execute(update(leases).where(leases.c.session == session).values(**values))

    def _list(self, condition: object) -> list[Lease]:
        query = select(leases).where(condition).order_by(leases.c.intended_ms)  # type: ignore[arg-type]
        return [_lease(row) for row in self._connection.execute(query)]


def _lease(row: Row[tuple[object, ...]]) -> Lease:
    return Lease(
        session=row.session,
        person=row.person,
        institution=row.institution,
        flavour=row.flavour,
        image=row.image,
        slice=Slice(row.gpu, row.profile, row.start, row.size) if row.gpu is not None else None,
        ticks_per_second=row.ticks_per_second,
        state=LeaseState(row.state),
        intended_ms=row.intended_ms,
        ends_ms=row.ends_ms,
        started_ms=row.started_ms,
        metered_to_ms=row.metered_to_ms,
        ended_ms=row.ended_ms,
        end_reason=EndReason(row.end_reason) if row.end_reason else None,
    )
