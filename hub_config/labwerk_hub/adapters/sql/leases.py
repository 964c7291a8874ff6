"""The lease table and the units that leases hold."""

from __future__ import annotations

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from labwerk_hub.adapters.sql.tables import held_units, leases
from labwerk_hub.domain.expectation import Past
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState

_DAY_MS = 24 * 3600 * 1000
#: Leases that tell well enough what people ask for: it is asked at every start.
_ENOUGH = 1_000
#: Intended and live ones; by what has an index, since of ended ones there are ever more.
_OPEN = leases.c.ended_ms.is_(None)
#: Made once, since every charge asks for them.
_OF_SESSION = select(leases).where(leases.c.session == bindparam("of_session"))
_SET_METERED = (
    update(leases)
    .where(leases.c.session == bindparam("of_session"))
    .values(metered_to_ms=bindparam("to_ms"))
)


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
                longest_ms=lease.longest_ms,
                payer=lease.payer,
                paid_by=lease.paid_by,
                over_use=lease.over_use,
            )
        )
        if slice_ is not None:
            units = [
                {"gpu": slice_.gpu, "unit": unit, "session": lease.session} for unit in slice_.units
            ]
            self._connection.execute(insert(held_units), units)

    def get(self, session: str) -> Lease | None:
        """A session's lease, ended or not."""
        row = self._connection.execute(_OF_SESSION, {"of_session": session}).first()
        return _lease(row) if row is not None else None

    def unended(self) -> list[Lease]:
        """All intended and live leases, in the order they were taken."""
        return self._list(_OPEN)

    def holding(self) -> list[Lease]:
        """All leases that hold units: those, and ended ones not yet given back."""
        # By the units' own table: of ended leases there are ever more.
        return self._list(leases.c.session.in_(select(held_units.c.session)))

    def unended_of(self, person: str) -> list[Lease]:
        """A person's intended and live leases."""
        return self._list(_OPEN & (leases.c.person == person))

    def unended_paid_by(self, payer: str) -> list[Lease]:
        """The intended and live leases that a budget pays for."""
        return self._list(_OPEN & (leases.c.payer == payer))

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
        values = {"of_session": session, "to_ms": metered_to_ms}
        self._connection.execute(_SET_METERED, values)

    def set_ends(self, session: str, ends_ms: int) -> None:
        """Its end is moved."""
        self._set(session, ends_ms=ends_ms)

    def set_intended(self, session: str, intended_ms: int) -> None:
        """What was kept for somebody is being started only now."""
        self._set(session, intended_ms=intended_ms)

    def set_payer(self, session: str, payer: str, paid_by: str, over_use: bool) -> None:
        """Another budget pays from now on, or none."""
        self._set(session, payer=payer, paid_by=paid_by, over_use=over_use)

    def set_stopping(self, session: str, reason: EndReason | None) -> None:
        """Its stop is asked for; the reason is kept for the end (None: not any more)."""
        self._set(session, stopping=reason.value if reason else None)

    def set_ended(self, session: str, ended_ms: int, reason: EndReason) -> None:
        """Over; its units are held until they are given back."""
        self._set(session, state=LeaseState.ENDED.value, ended_ms=ended_ms, end_reason=reason.value)

    def holds(self, session: str) -> bool:
        """Whether units are held for it."""
        query = select(held_units.c.unit).where(held_units.c.session == session).limit(1)
        return self._connection.execute(query).first() is not None

    def begin_giving_back(self, session: str, now_ms: int, before_ms: int) -> bool:
        """Whether units are held for it that nobody has set out to free since ``before_ms``."""
        begun = leases.c.giving_back_ms
        # One from the future is of a clock that was set back since.
        stale = begun.is_(None) | (begun < before_ms) | (begun > now_ms)
        free_to = (leases.c.session == session) & stale
        if not self.holds(session):
            return False
        changed = self._connection.execute(
            update(leases).where(free_to).values(giving_back_ms=now_ms)
        )
        return changed.rowcount == 1

    def stop_giving_back(self, session: str) -> None:
        """Its units cannot be freed yet; the next one may try."""
        self._set(session, giving_back_ms=None)

    def give_back(self, session: str) -> None:
        """Its units are free."""
        self._connection.execute(delete(held_units).where(held_units.c.session == session))

    def last_ended_of(self, person: str) -> Lease | None:
        """The lease of the person's that ended last."""
        query = (
            select(leases)
            .where((leases.c.person == person) & leases.c.ended_ms.is_not(None))
            .order_by(leases.c.ended_ms.desc())
            .limit(1)
        )
        row = self._connection.execute(query).first()
        return _lease(row) if row is not None else None

    def flavours_since(self, since_ms: int) -> dict[str, int]:
        """How many leases of each flavour were taken since then, of the latest thousand."""
        lately = (
            select(leases.c.flavour)
            .where(leases.c.intended_ms >= since_ms)
            .order_by(leases.c.intended_ms.desc())
            .limit(_ENOUGH)
            .subquery()
        )
        query = select(lately.c.flavour, func.count()).group_by(lately.c.flavour)
        return {flavour: int(count) for flavour, count in self._connection.execute(query)}

    def past_since(self, since_ms: int) -> list[Past]:
        """The sessions that ran and ended since then."""
        ran = leases.c.ended_ms - leases.c.started_ms
        query = select(leases.c.institution, leases.c.flavour, leases.c.started_ms, ran).where(
            (leases.c.ended_ms >= since_ms) & leases.c.started_ms.is_not(None)
        )
        return [Past(*row) for row in self._connection.execute(query)]

    def used_by_day(self, since_ms: int) -> dict[tuple[str, int], int]:
        """Ticks by institution and day (since 1970, of the last metering) since then."""
        day = leases.c.metered_to_ms.op("/")(_DAY_MS)
        ran = (leases.c.metered_to_ms - leases.c.started_ms) * leases.c.ticks_per_second
        # Those that run, by the state's index, and those that ended lately, by the end's.
        lately = (leases.c.state == LeaseState.LIVE.value) | (leases.c.ended_ms >= since_ms)
        query = (
            select(leases.c.institution, day.label("day"), func.sum(ran))
            .where(lately & leases.c.metered_to_ms.is_not(None))
            .group_by(leases.c.institution, day)
        )
        return {
            (institution, int(number)): int(milliticks) // 1000
            for institution, number, milliticks in self._connection.execute(query)
        }

    def _set(self, session: str, **values: str | int | None) -> None:
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
        longest_ms=row.longest_ms,
        stopping=EndReason(row.stopping) if row.stopping else None,
        payer=row.payer,
        paid_by=row.paid_by,
        over_use=bool(row.over_use),
    )
