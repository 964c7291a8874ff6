"""The append-only ledger."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select

from labwerk_hub.adapters.sql.tables import charges, entries
from labwerk_hub.domain.ledger import Entry
from labwerk_hub.domain.metering import Usage


class SqlLedger:
    """The Ledger port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def charge(self, usage: Usage, of_usage: Sequence[Entry]) -> None:
        """A closed interval with its entries; once for each (session, start).

        The primary key refuses a second charge of the same interval, which rolls the
        transaction back; entries of nothing are not written.
        """
        self._connection.execute(
            insert(charges).values(
                session=usage.session,
                interval_start_ms=usage.start_ms,
                interval_end_ms=usage.end_ms,
                ticks=usage.ticks,
            )
        )
        if usage.ticks:
            lines = [
                {
                    "session": entry.session,
                    "interval_start_ms": entry.interval_start_ms,
                    "account": entry.account,
                    "period": entry.period,
                    "ticks": entry.ticks,
                }
                for entry in of_usage
            ]
            self._connection.execute(insert(entries), lines)

    def total(self, account: str, period: str) -> int:
        """The sum of an account's entries in a period, in ticks."""
        query = select(func.coalesce(func.sum(entries.c.ticks), 0)).where(
            (entries.c.account == account) & (entries.c.period == period)
        )
        return int(self._connection.scalar(query) or 0)
