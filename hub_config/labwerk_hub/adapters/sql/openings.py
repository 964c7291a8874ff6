"""Periods as they were opened in the ledger."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, Select, bindparam, or_, select
from sqlalchemy.sql.elements import ColumnElement

from labwerk_hub.adapters.sql.tables import entries, postings
from labwerk_hub.domain.ledger import GRANTED, PostingKind
from labwerk_hub.domain.openings import Opening
from labwerk_hub.domain.periods import Period

#: As the index of them has it: what is bound to a statement later would not use it.
GRANTS = postings.c.kind.in_(
    bindparam(
        "kinds",
        [PostingKind.GRANT.value, PostingKind.CARRY.value],
        expanding=True,
        literal_execute=True,
    )
)


def openings(connection: Connection, which: ColumnElement[bool]) -> dict[str, list[Opening]]:
    """Those of the postings and entries that ``which`` says, by budget, as they were made."""
    found = defaultdict[str, list[Opening]](list)
    for row in connection.execute(_openings(which).order_by(postings.c.id)):
        period = Period(row.period, row.start_ms, row.end_ms)
        found[row.budget].append(Opening(period, row.made_ms))
    return found


def latest_opening(connection: Connection, budget: str, period: Period) -> Period | None:
    """The latest opening of a period of a budget, or of another one at the same time."""
    meets = (postings.c.start_ms < period.end_ms) & (postings.c.end_ms > period.start_ms)
    query = _openings(
        (entries.c.budget == budget) & or_(entries.c.period == period.name, meets)
    ).order_by(postings.c.id.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else Period(row.period, row.start_ms, row.end_ms)


def _openings(which: ColumnElement[bool]) -> Select[tuple[str, str, int, int, int]]:
    """What is granted says which budget and period a posting opens."""
    columns = (entries.c.budget, entries.c.period)
    return (
        select(*columns, postings.c.start_ms, postings.c.end_ms, postings.c.made_ms)
        .join_from(postings, entries, entries.c.posting == postings.c.id)
        .where(GRANTS & postings.c.start_ms.is_not(None) & (entries.c.account == GRANTED) & which)
        # Few postings grant anything: SQLite would look for them from all entries.
        .where(entries.c.posting.in_(select(postings.c.id).where(GRANTS)))
    )
