"""The append-only ledger, and the balances that its entries add up to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select

from labwerk_hub.adapters.sql.openings import GRANTS, latest_opening, openings
from labwerk_hub.adapters.sql.tables import balances, entries, postings
from labwerk_hub.adapters.sql.upsert import add_to
from labwerk_hub.adapters.sql.usage import add_usage
from labwerk_hub.domain.budgets import Figures
from labwerk_hub.domain.chain import GENESIS
from labwerk_hub.domain.ledger import (
    CARRIED,
    FREE,
    GIVEN,
    GRANTED,
    OVER,
    Charged,
    Entry,
    Posting,
    PostingKind,
    held,
)
from labwerk_hub.domain.openings import Opening
from labwerk_hub.domain.periods import Period
from labwerk_hub.services.audit_tables import Head

#: Made once, since every charge asks for them.
_POST, _ENTER = insert(postings), insert(entries)
#: The columns of what a posting is about, in the order in which they are chained.
_BOOKED = (
    "start_ms", "end_ms", "idle_ms", "flavour", "institution", "budget", "person", "day",
)  # fmt: skip
_ACCOUNTS = select(balances.c.account, balances.c.ticks).where(
    (balances.c.budget == bindparam("of_budget")) & (balances.c.period == bindparam("in_period"))
)
_NAMED_ACCOUNTS = _ACCOUNTS.where(balances.c.account.in_(bindparam("names", expanding=True)))
_HEAD = select(postings.c.id, postings.c.hash).order_by(postings.c.id.desc()).limit(1)
_LAST_DAY = (
    select(postings.c.day)
    .where(
        (postings.c.session == bindparam("of_session"))
        & (postings.c.budget == bindparam("of_budget"))
        & (postings.c.institution == bindparam("paid_by"))
    )
    .order_by(postings.c.id.desc())
    .limit(1)
)
_DROP_EMPTY = delete(balances).where(
    (balances.c.account == bindparam("of_account")) & (balances.c.ticks == 0)
)


class SqlLedger:
    """The Ledger port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def post(self, posting: Posting) -> None:
        """Book ``posting``, chained to the one before.

        Its key is booked once: the table refuses a second one, which rolls the transaction
        back, as it does when more would be taken than is free or held.
        """
        head = self.head()
        number = head.number + 1
        of = posting.charged
        row = {
            "id": number,
            "kind": posting.kind.value,
            "key": posting.key,
            "made_ms": posting.made_ms,
            "made_by": posting.made_by,
            "session": posting.session,
            **dict(zip(_BOOKED, posting.booked, strict=True)),
            "hash": posting.linked(number, head.hash),
        }
        self._connection.execute(_POST, row)
        lines = [
            {
                "posting": number,
                "line": line,
                "budget": entry.budget,
                "period": entry.period,
                "account": entry.account,
                "ticks": entry.ticks,
            }
            for line, entry in enumerate(posting.entries)
        ]
        if lines:
            self._connection.execute(_ENTER, lines)
        # What is added comes first, so that what is moved within an account never dips.
        for entry in sorted(posting.entries, key=lambda entry: -entry.ticks):
            key = {"budget": entry.budget, "period": entry.period, "account": entry.account}
            add_to(self._connection, balances, key, {"ticks": entry.ticks})
        if of is not None:
            add_usage(self._connection, posting, of)
        if posting.session is not None:
            self._drop_empty(posting.session)

    def has(self, key: str) -> bool:
        """Whether a posting of this key is booked."""
        query = select(postings.c.id).where(postings.c.key == key)
        return self._connection.execute(query).first() is not None

    def last_day_of(self, session: str, budget: str, institution: str) -> str | None:
        """The day of the latest interval of a session that a budget of an institution paid for."""
        values = {"of_session": session, "of_budget": budget, "paid_by": institution}
        return self._connection.scalar(_LAST_DAY, values)

    def charges_beyond(self, session: str, until_ms: int) -> list[Posting]:
        """A session's charges for what is later than a moment, in the order they were booked."""
        query = (
            select(postings)
            .where((postings.c.session == session) & (postings.c.end_ms > until_ms))
            .where(postings.c.kind == PostingKind.CHARGE.value)
            .order_by(postings.c.id)
        )
        return [self._charge(row) for row in self._connection.execute(query)]

    def head(self) -> Head:
        """The latest posting's number and hash."""
        row = self._connection.execute(_HEAD).first()
        return Head(0, GENESIS) if row is None else Head(int(row.id), row.hash)

    def accounts(
        self, budget: str, period: str, names: Collection[str] | None = None
    ) -> dict[str, int]:
        """The balances of a budget's accounts in a period, or of those that are named."""
        values: dict[str, object] = {"of_budget": budget, "in_period": period}
        if names is None:
            rows = self._connection.execute(_ACCOUNTS, values)
        else:
            rows = self._connection.execute(_NAMED_ACCOUNTS, values | {"names": list(names)})
        return {account: int(ticks) for account, ticks in rows}

    def figures(self, budget: str, period: str) -> Figures:
        """What the ledger has of a budget in a period."""
        found = self.accounts(budget, period)
        return Figures(
            granted=-found.get(GRANTED, 0),
            carried=-found.get(CARRIED, 0),
            given=found.get(GIVEN, 0),
            used=sum(ticks for account, ticks in found.items() if account.startswith("used:")),
            over=-sum(ticks for account, ticks in found.items() if account.startswith(OVER)),
            held=sum(ticks for account, ticks in found.items() if account.startswith("held:")),
            free=found.get(FREE, 0),
        )

    def held_for(self, session: str) -> dict[tuple[str, str], int]:
        """What is held for a session, by budget and period."""
        query = select(balances.c.budget, balances.c.period, balances.c.ticks).where(
            balances.c.account == held(session)
        )
        return {
            (budget, period): int(ticks)
            for budget, period, ticks in self._connection.execute(query)
        }

    def given_to(self, budget: str, period: str) -> dict[tuple[str, str], int]:
        """What other budgets gave to this one in a period, by their ids and periods."""
        taken, given = entries.alias("taken"), entries.alias("given")
        query = (
            select(given.c.budget, given.c.period, func.sum(given.c.ticks))
            .join_from(taken, given, given.c.posting == taken.c.posting)
            .where(
                # Few postings grant anything: SQLite would look for them from all entries.
                taken.c.posting.in_(select(postings.c.id).where(GRANTS)),
                (taken.c.budget == budget) & (taken.c.period == period),
                (taken.c.account == GRANTED) & (given.c.account == GIVEN),
            )
            .group_by(given.c.budget, given.c.period)
            .order_by(given.c.period)
        )
        return {
            (giver, of): int(ticks) for giver, of, ticks in self._connection.execute(query) if ticks
        }

    def periods_of(self, budget: str) -> list[str]:
        """The periods in which anything was booked for a budget, in their names' order."""
        query = (
            select(balances.c.period)
            .where((balances.c.budget == budget) & (balances.c.account == GRANTED))
            .order_by(balances.c.period)
        )
        return list(self._connection.scalars(query))

    def openings_of(self, budget: str) -> list[Opening]:
        """The periods of a budget as they were opened, in that order."""
        return openings(self._connection, entries.c.budget == budget).get(budget, [])

    def opened(self, budget: str, period: Period) -> Period | None:
        """The latest opening of a period of a budget, or of another one at the same time."""
        return latest_opening(self._connection, budget, period)

    def _charge(self, row: Row[Any]) -> Posting:
        lines = select(entries).where(entries.c.posting == row.id).order_by(entries.c.line)
        return Posting(
            kind=PostingKind.CHARGE,
            key=row.key,
            made_ms=row.made_ms,
            made_by=row.made_by,
            entries=tuple(
                Entry(line.budget, line.period, line.account, int(line.ticks))
                for line in self._connection.execute(lines)
            ),
            session=row.session,
            charged=Charged(
                session=row.session,
                start_ms=row.start_ms,
                end_ms=row.end_ms,
                idle_ms=row.idle_ms,
                flavour=row.flavour,
                institution=row.institution,
                budget=row.budget,
                person=row.person,
                day=row.day,
                first=False,
                first_of_month=False,
            ),
        )

    def _drop_empty(self, session: str) -> None:
        """Sessions are many; what nothing is held for any more need not be kept."""
        self._connection.execute(_DROP_EMPTY, {"of_account": held(session)})
