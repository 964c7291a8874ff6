"""Decisions about budgets."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from labwerk_hub.adapters.sql.tables import allotments
from labwerk_hub.domain.allotments import Allotment
from labwerk_hub.domain.chain import GENESIS
from labwerk_hub.services.audit_tables import Head

_HEAD = select(allotments.c.id, allotments.c.hash).order_by(allotments.c.id.desc()).limit(1)


class SqlAllotments:
    """The Allotments port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, allotment: Allotment) -> None:
        """Keep a decision, chained to the one before; it is never changed."""
        head = self.head()
        number = head.number + 1
        self._connection.execute(
            insert(allotments).values(
                id=number,
                budget=allotment.budget,
                person=allotment.person,
                period=allotment.period,
                ticks=allotment.ticks,
                made_ms=allotment.made_ms,
                made_by=allotment.made_by,
                hash=allotment.linked(number, head.hash),
            )
        )

    def head(self) -> Head:
        """The latest decision's number and hash."""
        row = self._connection.execute(_HEAD).first()
        return Head(0, GENESIS) if row is None else Head(int(row.id), row.hash)

    def of_budget(self, budget: str) -> list[Allotment]:
        """All decisions about a budget and its shares, in the order they were made."""
        return self._list(allotments.c.budget == budget)

    def about(self, budget: str, person: str | None) -> list[Allotment]:
        """Those about the budget itself, or about one person's share of it."""
        return self._list((allotments.c.budget == budget) & (allotments.c.person == person))

    def _list(self, of: object) -> list[Allotment]:
        query = select(allotments).where(of).order_by(allotments.c.id)  # type: ignore[arg-type]
        return list(_read(self._connection.execute(query).mappings()))


def _read(rows: Iterable[object]) -> Iterable[Allotment]:
    for row in rows:
        values = {name: row[name] for name in Allotment.__dataclass_fields__}  # type: ignore[index]
        yield Allotment(**values)
