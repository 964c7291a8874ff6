"""What was used, summed up by day and by month."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, select

from labwerk_hub.adapters.sql.tables import usage_sums
from labwerk_hub.adapters.sql.upsert import add_to
from labwerk_hub.domain.ledger import OVER, Charged, Posting, used
from labwerk_hub.domain.usage import UsageSum

_MONTH = len("2026-11")
#: Not of what was wholly taken back, whose sums stay; a session that cost nothing has its time.
IS_USE = usage_sums.c.ms > 0


def add_usage(connection: Connection, posting: Posting, of: Charged) -> None:
    """Add a charge to the sums of its day and month."""
    ticks = sum(entry.ticks for entry in posting.entries if entry.account == used(of.person))
    over = -sum(entry.ticks for entry in posting.entries if entry.account.startswith(OVER))
    for span, first in ((of.day, of.first), (of.day[:_MONTH], of.first_of_month)):
        key = {
            "span": span,
            "institution": of.institution,
            "budget": of.budget,
            "person": of.person,
            "flavour": of.flavour,
        }
        amounts = {
            "ticks": ticks,
            "over_ticks": over,
            "ms": of.end_ms - of.start_ms,
            "idle_ms": of.idle_ms,
            "sessions": int(first),
        }
        add_to(connection, usage_sums, key, amounts)


class SqlUsage:
    """The UsageSums port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_person(self, person: str, first: str, last: str) -> list[UsageSum]:
        """What a person used, by whoever paid, in the spans from ``first`` to ``last``."""
        return self._sums(usage_sums.c.person == person, first, last)

    def of_institution(self, institution: str, first: str, last: str) -> list[UsageSum]:
        """What an institution paid for in the spans from ``first`` to ``last``."""
        return self._sums(usage_sums.c.institution == institution, first, last)

    def of_budget(self, budget: str, first: str, last: str) -> list[UsageSum]:
        """What a budget paid for in the spans from ``first`` to ``last``."""
        return self._sums(usage_sums.c.budget == budget, first, last)

    def all(self, first: str, last: str) -> list[UsageSum]:
        """What everybody used in the spans from ``first`` to ``last``."""
        return self._sums(usage_sums.c.span >= first, first, last)

    def _sums(self, of: ColumnElement[bool], first: str, last: str) -> list[UsageSum]:
        # Days and months stand in one table, told apart by their length.
        span = usage_sums.c.span
        query = (
            select(usage_sums)
            .where(of & (span >= first) & (span <= last) & (func.length(span) == len(first)))
            .where(IS_USE)
            .order_by(*usage_sums.primary_key.columns)
        )
        # The table's columns are in the order of the fields.
        return [UsageSum(*row) for row in self._connection.execute(query)]
