"""The chains read in pieces, and what is derived from the ledger worked out anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, literal, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

from labwerk_hub.adapters.sql.append_only import missing_triggers
from labwerk_hub.adapters.sql.event_tables import events
from labwerk_hub.adapters.sql.tables import allotments, balances, entries, postings, usage_sums
from labwerk_hub.domain.chain import canonical
from labwerk_hub.domain.ledger import OVER, PostingKind
from labwerk_hub.domain.links import AllotmentLink, EventLink, PostingLink, WrongSum

#: Rows that are held in memory at once.
_PIECE = 2_000
#: What a posting is chained with, in this order, before its entries.
_CHAINED = tuple(column for column in postings.c if column.name != "hash")
_CHAINED_ALLOTMENT = tuple(column for column in allotments.c if column.name != "hash")


class SqlChains:
    """The Chains port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def events(self) -> Iterator[EventLink]:
        """All events, by number."""
        query = select(*(events.c[field.name] for field in fields(EventLink)))
        for piece in self._pieces(query, events.c.id):
            yield from (EventLink(*row) for row in piece)

    def postings(self) -> Iterator[PostingLink]:
        """All postings with their entries, by number."""
        for piece in self._pieces(select(*_CHAINED, postings.c.hash), postings.c.id):
            query = (
                select(entries)
                .where(entries.c.posting.between(piece[0].id, piece[-1].id))
                .order_by(entries.c.posting, entries.c.line)
            )
            rows = self._connection.execute(query)
            lines = {number: list(of) for number, of in groupby(rows, lambda row: row.posting)}
            for row in piece:
                of = lines.get(row.id, [])
                yield PostingLink(
                    id=row.id,
                    key=row.key,
                    content=canonical(
                        [*row[:-1], [[e.budget, e.period, e.account, e.ticks] for e in of]]
                    ),
                    ticks=sum(e.ticks for e in of if not isinstance(e.ticks, (str, bytes))),
                    hash=row.hash,
                )

    def allotments(self) -> Iterator[AllotmentLink]:
        """All decisions about budgets, by number."""
        for piece in self._pieces(select(*_CHAINED_ALLOTMENT, allotments.c.hash), allotments.c.id):
            for row in piece:
                yield AllotmentLink(row.id, row.budget, canonical([*row[:-1]]), row.hash)

    def stray_entries(self) -> list[int]:
        """The numbers of postings that there are not, and that entries name all the same."""
        known = select(postings.c.id).where(postings.c.id == entries.c.posting)
        stray = select(entries.c.posting).where(~known.exists()).distinct()
        return list(self._connection.scalars(stray.order_by(entries.c.posting)))

    def missing_triggers(self) -> list[str]:
        """Those of the triggers that keep the chains as they were written that are not there."""
        return missing_triggers(self._connection)

    def wrong_balances(self) -> Iterator[WrongSum]:
        """Balances that are not the sums of their entries."""
        key = (entries.c.budget, entries.c.period, entries.c.account)
        right = select(*key, func.sum(entries.c.ticks)).group_by(*key)
        kept = select(*(balances.c[column.name] for column in key), balances.c.ticks)
        yield from self._different("balances", right, kept, len(key))

    def wrong_usage_sums(self) -> Iterator[WrongSum]:
        """Sums of use that are not those of the charges.

        A session counts wherever it has a part: on each day, and for each budget that paid.
        """
        of = usage_sums.c
        # A server takes what is grouped by for the same only if it reads the same.
        month = func.substr(postings.c.day, literal_column("1"), literal_column("7"))
        for span, length in ((month, 7), (postings.c.day, 10)):
            whose = postings.c
            who = (span, whose.institution, whose.person, whose.flavour, whose.budget)
            kept_who = (of.span, of.institution, of.person, of.flavour, of.budget)
            charged = postings.c.kind == PostingKind.CHARGE.value
            is_span = func.length(of.span) == length
            used = entries.c.account.like("used:%")
            over = entries.c.account.like(f"{OVER}%")
            ticks = (
                select(
                    *who,
                    func.sum(case((used, entries.c.ticks), else_=0)),
                    func.sum(case((over, -entries.c.ticks), else_=0)),
                )
                .join(entries, entries.c.posting == postings.c.id)
                .where(charged)
                .group_by(*who)
            )
            kept_ticks = select(*kept_who, of.ticks, of.over_ticks).where(is_span)
            yield from self._different("usage_sums", ticks, kept_ticks, 5)
            times = (
                select(
                    *who,
                    func.sum(postings.c.end_ms - postings.c.start_ms),
                    func.sum(postings.c.idle_ms),
                    func.count(postings.c.session.distinct()),
                )
                .where(charged)
                .group_by(*who)
            )
            kept_times = select(*kept_who, of.ms, of.idle_ms, of.sessions).where(is_span)
            yield from self._different("usage_sums", times, kept_times, 5)

    def _pieces(
        self, query: Select[*tuple[Any, ...]], number: ColumnElement[int]
    ) -> Iterator[list[Row[*tuple[Any, ...]]]]:
        """All rows of ``query`` by ``number``, some at a time."""
        last = literal(-(1 << 62))
        while True:
            found = query.where(number > last).order_by(number).limit(_PIECE)
            piece = list(self._connection.execute(found))
            if not piece:
                return
            yield piece
            last = literal(piece[-1].id)

    def _different(
        self,
        table: str,
        right: Select[*tuple[Any, ...]],
        kept: Select[*tuple[Any, ...]],
        key: int,
    ) -> Iterator[WrongSum]:
        """Rows that only one of two selections has; one that is all zeros counts as none."""
        sides: list[dict[tuple[str, ...], tuple[int | str, ...]]] = []
        for one, other in ((right, kept), (kept, right)):
            rows = self._connection.execute(one.except_(other))
            values = ((tuple(map(str, row[:key])), tuple(map(_figure, row[key:]))) for row in rows)
            sides.append({of: sums for of, sums in values if any(sums)})
        for row in sorted(sides[0].keys() | sides[1].keys()):
            yield WrongSum(table, row, sides[1].get(row), sides[0].get(row))


def _figure(value: object) -> int | str:
    """A sum; as a text where SQLite keeps something else in the column, as it does."""
    return int(value) if isinstance(value, (int, Decimal)) else str(value)
