"""Who holds what, read for the board."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, func, literal, select, union_all

from labwerk_hub.adapters.sql.tables import held_units, leases, people
from labwerk_hub.domain.board import Holding
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.leases import LeaseState


class SqlHoldings:
    """The Holdings port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def masks(self) -> dict[str, int]:
        """The units that leases hold on each GPU, as bits; GPUs without any are left out."""
        # One pass over the primary key's index, which has them in this order.
        bit = literal(1).bitwise_lshift(held_units.c.unit)
        query = select(held_units.c.gpu, func.sum(bit)).group_by(held_units.c.gpu)
        return {gpu: int(mask) for gpu, mask in self._connection.execute(query)}

    def on(self, gpus: Collection[str]) -> list[Holding]:
        """The leases that hold units of ``gpus``, and whose they are."""
        holding = select(held_units.c.session).where(held_units.c.gpu.in_(gpus))
        query = (
            select(
                leases.c.session,
                leases.c.person,
                people.c.display_name,
                leases.c.institution,
                leases.c.flavour,
                leases.c.gpu,
                leases.c.profile,
                leases.c.start,
                leases.c.size,
                leases.c.state,
                func.coalesce(leases.c.started_ms, leases.c.intended_ms),
                leases.c.ends_ms,
            )
            .join(people, people.c.name == leases.c.person)
            .where(leases.c.session.in_(holding))
        )
        return [
            Holding(
                session=session,
                person=person,
                display_name=display_name,
                institution=institution,
                flavour=flavour,
                slice=Slice(str(gpu), str(profile), int(start), int(size)),
                state=LeaseState(state),
                since_ms=since,
                ends_ms=ends,
            )
            for (
                session,
                person,
                display_name,
                institution,
                flavour,
                gpu,
                profile,
                start,
                size,
                state,
                since,
                ends,
            ) in self._connection.execute(query)
        ]

    def sessions(self, flavours: Collection[str]) -> dict[str, int]:
        """How many leases of each flavour are intended or live."""
        if not flavours:
            return {}
        # One by one in one query: each is a range of an index, where SQLite sorts for a
        # GROUP BY and takes four times as long.
        open_ = leases.c.ended_ms.is_(None)
        query = union_all(
            *(
                select(literal(flavour), func.count()).where(leases.c.flavour == flavour, open_)
                for flavour in flavours
            )
        )
        return {flavour: int(count) for flavour, count in self._connection.execute(query)}
