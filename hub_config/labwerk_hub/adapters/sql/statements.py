"""The ledger as of the end of a month, for statements."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, and_, case, func, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from labwerk_hub.adapters.sql.event_tables import events
from labwerk_hub.adapters.sql.openings import GRANTS, openings
from labwerk_hub.adapters.sql.tables import balances, entries, postings, usage_sums
from labwerk_hub.adapters.sql.usage import IS_USE
from labwerk_hub.domain.budgets import BudgetKind, budget_id
from labwerk_hub.domain.chain import GENESIS
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.ledger import CARRIED, GIVEN, GRANTED, OVER, PostingKind
from labwerk_hub.domain.openings import Opening
from labwerk_hub.domain.periods import day_of
from labwerk_hub.domain.statement import AsOf, Grant, Heads, Line, Month

_MONTH = len("2026-11")
#: Beside the accounts: what no posting granted, and how many entries count.
_BEFORE, _IN_TIME = "before", "in time"


class SqlStatements:
    """The Statements port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def heads(self, month: Month, end_ms: int, as_of: AsOf | None = None) -> Heads:
        """The last charge of a month's days, and the last event before its end."""
        posting, posting_hash = self._last_posting(month, _charges(as_of))
        event, event_hash = self._last(
            select(events.c.id, events.c.hash)
            # That a statement was handed out changes none.
            .where((events.c.at_ms < end_ms) & (events.c.kind != EventKind.STATEMENT.value))
            .order_by(events.c.at_ms.desc(), events.c.id.desc())
        )
        return Heads(posting, posting_hash, event, event_hash)

    def heads_at(self, as_of: AsOf | None) -> Heads:
        """The last posting and event of all, or those that there were then."""
        of_posting = select(postings.c.id, postings.c.hash)
        of_event = select(events.c.id, events.c.hash).where(
            events.c.kind != EventKind.STATEMENT.value
        )
        if as_of is not None:
            of_posting = of_posting.where(postings.c.id <= as_of.posting)
            of_event = of_event.where(events.c.id <= as_of.event)
        return Heads(
            *self._last(of_posting.order_by(postings.c.id.desc())),
            *self._last(of_event.order_by(events.c.id.desc())),
        )

    def grants(
        self, institution: str, posting: int, end_ms: int, as_of: AsOf | None = None
    ) -> list[Grant]:
        """What came to an institution's budgets and those given from it, by budget and period."""
        in_time = _in_time(posting, end_ms, as_of)
        query = (
            select(entries, in_time.label("in_time"))
            .join_from(postings, entries, entries.c.posting == postings.c.id)
            .where(GRANTS & entries.c.account.in_([GRANTED, CARRIED, GIVEN]))
            # Few postings grant anything: SQLite would look for them from all entries.
            .where(entries.c.posting.in_(select(postings.c.id).where(GRANTS)))
        )
        rows = self._connection.execute(query).all()
        own = budget_id(BudgetKind.INSTITUTION, institution)
        # Whatever is granted along with what the institution gives is granted by it.
        giving = {row.posting for row in rows if row.budget == own and row.account == GIVEN}
        theirs = {own, *(row.budget for row in rows if row.posting in giving)}
        sums = defaultdict(Counter[str], self._granted_before_there_were_grants(theirs))
        for row in rows:
            if row.budget not in theirs:
                continue
            of = sums[row.budget, row.period]
            if row.account == GRANTED:
                of[_BEFORE] += row.ticks
            # What is carried on to the next period leaves this one only after it has ended.
            if row.in_time and (row.account != CARRIED or row.ticks < 0):
                of[row.account] += row.ticks
                of[_IN_TIME] += bool(row.ticks)
        return [
            Grant(budget, period, of[_BEFORE] - of[GRANTED], -of[CARRIED], of[GIVEN])
            for (budget, period), of in sorted(sums.items())
            if of[_IN_TIME] or of[_BEFORE]
        ]

    def openings(
        self, posting: int, end_ms: int, as_of: AsOf | None = None
    ) -> dict[str, list[Opening]]:
        """Every budget's periods as they were opened, of what :meth:`grants` counts."""
        return openings(self._connection, _in_time(posting, end_ms, as_of))

    def used(
        self, institution: str, first: str, last: str, as_of: AsOf, budget: str | None = None
    ) -> list[Line]:
        """What an institution paid for from one day to another, of what was charged by then."""
        charged = [
            postings.c.kind == PostingKind.CHARGE.value,
            postings.c.institution == institution,
            postings.c.day.between(first, last),
            postings.c.id <= as_of.posting,
            *([postings.c.budget == budget] if budget is not None else []),
        ]
        is_use = entries.c.account.like("used:%")
        is_over = entries.c.account.like(f"{OVER}%")
        each = (
            select(
                entries.c.posting,
                func.sum(case((is_use, entries.c.ticks), else_=0)).label("ticks"),
                func.sum(case((is_over, -entries.c.ticks), else_=0)).label("over_ticks"),
            )
            .join(postings, entries.c.posting == postings.c.id)
            .where(*charged)
            .group_by(entries.c.posting)
            .subquery()
        )
        of = (postings.c.budget, postings.c.person, postings.c.flavour)
        ran_ms = func.sum(postings.c.end_ms - postings.c.start_ms)
        query = (
            select(
                *of,
                func.coalesce(func.sum(each.c.ticks), 0),
                func.coalesce(func.sum(each.c.over_ticks), 0),
                ran_ms,
                func.sum(postings.c.idle_ms),
                func.count(postings.c.session.distinct()),
            )
            .join(each, each.c.posting == postings.c.id, isouter=True)
            .where(*charged)
            .group_by(*of)
            .having(ran_ms > 0)  # as what the sums count as use: not what was wholly taken back
            .order_by(*of)
        )
        rows = self._connection.execute(query)
        return [Line(*row[:3], *(int(amount) for amount in row[3:])) for row in rows]

    def institutions(self) -> list[str]:
        """Everybody who ever paid."""
        found: list[str] = []
        following = select(func.min(usage_sums.c.institution))
        # From one to the next by the index, however much each has used.
        while (institution := self._connection.scalar(following)) is not None:
            found.append(institution)
            following = following.where(usage_sums.c.institution > institution)
        return found

    def began(self, zone: ZoneInfo) -> Month | None:
        """The month of the first event, or of the first use if that is earlier."""
        event_ms = self._connection.scalar(select(func.min(events.c.at_ms)))
        use = self._connection.scalar(select(func.min(usage_sums.c.span)).where(IS_USE))
        began = [] if event_ms is None else [Month.of(day_of(event_ms, zone))]
        return min(began + ([] if use is None else [Month.parse(use[:_MONTH])]), default=None)

    def months(self, institution: str) -> tuple[Month, Month] | None:
        """The first and the last month that an institution paid for."""
        spans = (usage_sums.c.institution == institution) & IS_USE
        first = self._connection.scalar(select(func.min(usage_sums.c.span)).where(spans))
        last = self._connection.scalar(select(func.max(usage_sums.c.span)).where(spans))
        if first is None or last is None:
            return None
        return Month.parse(first[:_MONTH]), Month.parse(last[:_MONTH])

    def _granted_before_there_were_grants(
        self, budgets: Collection[str]
    ) -> dict[tuple[str, str], Counter[str]]:
        """All that ever was granted; what no posting granted, an earlier version charged."""
        query = select(balances).where(balances.c.account == GRANTED)
        return {
            (row.budget, row.period): Counter({_BEFORE: -row.ticks})
            for row in self._connection.execute(query)
            if row.budget in budgets
        }

    def _last_posting(self, month: Month, among: ColumnElement[bool]) -> tuple[int, str]:
        """The latest of its days' postings: days may be charged later than days after them."""
        day, latest = month.first_day, (0, GENESIS)
        while day <= month.last_day:
            latest = max(latest, self._last_of_day(day.isoformat(), among))
            day += timedelta(days=1)
        if latest[0]:
            return latest
        before = select(func.max(postings.c.day)).where(
            (postings.c.day < month.first_day.isoformat()) & among
        )
        day_before = self._connection.scalar(before)
        return latest if day_before is None else self._last_of_day(day_before, among)

    def _last_of_day(self, day: str, among: ColumnElement[bool]) -> tuple[int, str]:
        query = select(postings.c.id, postings.c.hash).where((postings.c.day == day) & among)
        return self._last(query.order_by(postings.c.id.desc()))

    def _last(self, query: Select[tuple[int, str]]) -> tuple[int, str]:
        row = self._connection.execute(query.limit(1)).first()
        return (0, GENESIS) if row is None else (int(row.id), str(row.hash))


def _in_time(posting: int, end_ms: int, as_of: AsOf | None) -> ColumnElement[bool]:
    in_time = or_(postings.c.id <= posting, postings.c.made_ms < end_ms)
    return in_time if as_of is None else and_(in_time, postings.c.id <= as_of.posting)


def _charges(as_of: AsOf | None) -> ColumnElement[bool]:
    return true() if as_of is None else postings.c.id <= as_of.posting
