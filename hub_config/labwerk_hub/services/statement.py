"""Month-end statements: made from the ledger, the same at any later time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.openings import Opening, as_opened
from labwerk_hub.domain.periods import Months, Period, day_of
from labwerk_hub.domain.statement import AsOf, Grant, Line, Month, Position, Statement, sums_of
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import audit
from labwerk_hub.services.budgets import known_or_gone, today
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench


class StatementError(LabwerkError):
    """A statement is asked for that cannot be made."""

    code = "statement"


@dataclass(frozen=True)
class Names:
    """What everything is called when a statement is shown, in ``language``.

    ``issuer`` hands it out, and ``site`` is what accounting systems call the site. Keys are
    the ids in the ledger. ``people`` lacks those who are erased: their pseudonym is shown.
    """

    language: str
    issuer: str
    site: str
    institution: str
    budgets: Mapping[str, str]
    flavours: Mapping[str, str]
    people: Mapping[str, str]


@dataclass(frozen=True)
class Available:
    """A statement that can be made; ``final`` once nothing can come in any more."""

    institution: str
    month: str
    final: bool


def make(
    workbench: Workbench, institution: str, month: str | None = None, as_of: AsOf | None = None
) -> Statement:
    """The statement of an institution and a month such as ``2026-11``; last month's if None.

    With ``as_of`` the preliminary one as it was made then, from the postings themselves.
    Raises StatementError for an unknown institution, and for a month that has not begun, or
    was over before there was anything here.
    """
    wanted = _month(workbench, month)
    with workbench.database.reading() as tx:
        _require(workbench, tx, institution, wanted)
        return _make(workbench, tx, institution, wanted, as_of)


def handed_out(workbench: Workbench, statement: Statement, actor: str) -> None:
    """Record that ``actor`` (a pseudonym, or ``root``) was given a statement, with its signature.

    It has people's names in it, and later shows what was given out.
    """
    with workbench.database.writing() as tx:
        audit.record(
            workbench,
            tx,
            EventKind.STATEMENT,
            actor=actor,
            about=statement.number,
            signature=statement.signature,
        )


def available(workbench: Workbench) -> list[Available]:
    """Every statement that has something to say, the latest month first; none of a month to come.

    A clock that was ahead for a while may have charged for one.
    """
    this_month = Month.of(today(workbench))
    with workbench.database.reading() as tx:
        final: dict[Month, bool] = {}
        found = []
        for institution in tx.statements.institutions():
            month, last = tx.statements.months(institution) or (None, this_month)
            while month is not None and month <= min(last, this_month):
                if month not in final:
                    final[month] = is_final(workbench, tx, month)
                found.append(Available(institution, month.name, final[month]))
                month = month.following
    found.sort(key=lambda one: one.institution)
    return sorted(found, key=lambda one: one.month, reverse=True)


def names_for(workbench: Workbench, statement: Statement, language: str) -> Names:
    """What everything in a statement is called now."""
    policy = workbench.policy.statements
    used = {line.budget for line in statement.lines}
    flavours = {one.name: one.title for one in workbench.catalogue.flavours}
    with workbench.database.reading() as tx:
        known = (
            (pseudonym, tx.people.by_pseudonym(pseudonym))
            for pseudonym in sorted({line.person for line in statement.lines})
        )
        people = {pseudonym: one.display_name for pseudonym, one in known if one is not None}
    return Names(
        language=language,
        issuer=policy.issuer.in_language(language),
        site=policy.site,
        institution=_institution(workbench, statement.institution, language),
        budgets={
            budget: known_or_gone(workbench, budget, statement.institution).title.in_language(
                language
            )
            for budget in sorted(used | {position.budget for position in statement.positions})
        },
        flavours={
            name: flavours[name].in_language(language) if name in flavours else name
            for name in sorted({line.flavour for line in statement.lines})
        },
        people=people,
    )


def _make(
    workbench: Workbench, tx: Transaction, institution: str, month: Month, as_of: AsOf | None
) -> Statement:
    zone = workbench.policy.zone
    end_ms = month.end_ms(zone)
    if as_of is None:
        lines = [
            Line(one.budget, one.person, one.flavour, one.ticks, one.over_ticks, one.ms,
                 one.idle_ms, one.sessions)
            for one in tx.usage.of_institution(institution, month.name, month.name)
        ]  # fmt: skip
    else:
        days = month.first_day.isoformat(), month.last_day.isoformat()
        lines = tx.statements.used(institution, *days, as_of)
    # Whatever order of letters the database goes by: what is signed is the same everywhere.
    lines.sort(key=lambda line: (line.budget, line.person, line.flavour))
    final = as_of is None and is_final(workbench, tx, month)
    heads = tx.statements.heads(month, end_ms, as_of)
    grants = tx.statements.grants(institution, heads.posting, end_ms, as_of)
    openings = tx.statements.openings(heads.posting, end_ms, as_of)
    listed = _Positions(workbench, tx, institution, month, as_of, openings)
    return Statement(
        institution=institution,
        month=month.name,
        zone=zone.key,
        final=final,
        heads=heads if final else tx.statements.heads_at(as_of),
        positions=tuple(listed.of(grants, lines)),
        lines=tuple(lines),
        sums=sums_of(lines),
    )


def is_final(workbench: Workbench, tx: Transaction, month: Month) -> bool:
    """Whether the month is over and every session that ran in it is charged past its end."""
    end_ms = month.end_ms(workbench.policy.zone)
    if to_ms(workbench.clock()) < end_ms:
        return False
    return all(
        (lease.metered_to_ms if lease.metered_to_ms is not None else lease.intended_ms) >= end_ms
        for lease in tx.leases.unended()
    )


def _require(workbench: Workbench, tx: Transaction, institution: str, month: Month) -> None:
    known = {one.name for one in workbench.catalogue.institutions}
    if institution not in known and tx.statements.months(institution) is None:
        raise StatementError(
            f"There is no institution {institution!r}; there are {', '.join(sorted(known))}."
        )
    if month > (this_month := Month.of(today(workbench))):
        raise StatementError(f"{month.name} has not begun; name a month that has.")
    began = tx.statements.began(workbench.policy.zone) or this_month
    if month < began:
        raise StatementError(
            f"{month.name} was over before Labwerk began here; there are statements from "
            f"{began.name} on."
        )


def _month(workbench: Workbench, text: str | None) -> Month:
    """The month that is meant; the one before this month for None."""
    if text is None:
        return Month.of(day_of(to_ms(workbench.clock()), workbench.policy.zone)).preceding
    try:
        return Month.parse(text)
    except ValueError:
        raise StatementError(f"{text!r} is no month; write it like 2026-11.") from None


class _Positions:
    """The budgets of an institution in their periods, as of a month's end.

    Which budgets there were, what they were granted, and when their periods began and ended
    says the ledger, so that settings that change later change no earlier statement. Only of
    what was booked before the ledger kept those the settings have to say it.
    """

    def __init__(
        self,
        workbench: Workbench,
        tx: Transaction,
        institution: str,
        month: Month,
        as_of: AsOf | None,
        openings: Mapping[str, Sequence[Opening]],
    ) -> None:
        self._openings = openings
        self._workbench, self._tx, self._institution = workbench, tx, institution
        self._month, self._zone, self._as_of = month, workbench.policy.zone, as_of

    def of(self, grants: Sequence[Grant], lines: Sequence[Line]) -> Iterator[Position]:
        """Those in which something was granted, or used in the month."""
        granted = {(grant.budget, grant.period): grant for grant in grants}
        for budget in sorted({grant.budget for grant in grants} | {x.budget for x in lines}):
            for period in self._periods(budget, granted.keys()):
                nothing = Grant(budget, period.name, 0, 0, 0)
                grant = granted.get((budget, period.name), nothing)
                position = self._position(grant, period, lines)
                if grant is not nothing or position.used:
                    yield position

    def _rule(self, budget: str, granted: Collection[tuple[str, str]]) -> Callable[[int], Period]:
        """Which period of a budget a moment was in, as the ledger had it at the month's end."""
        openings = self._openings.get(budget, ())
        by_month = (budget, self._month.name) in granted
        if openings and not (
            by_month and self._month.name not in {o.period.name for o in openings}
        ):
            return as_opened(openings, self._zone).at
        if by_month:
            return Months(self._zone).at  # as it was then, whatever the settings say now
        return known_or_gone(self._workbench, budget, self._institution).periods.at

    def _periods(self, budget: str, granted: Collection[tuple[str, str]]) -> Iterator[Period]:
        """The periods of a budget that the month is in, one after the other."""
        period_at = self._rule(budget, granted)
        start_ms, end_ms = self._month.start_ms(self._zone), self._month.end_ms(self._zone)
        while start_ms < end_ms:
            period = period_at(start_ms)
            if period.is_open:
                yield period
            else:  # as long as it is within the month: it has no beginning or end of its own
                yield replace(period, start_ms=start_ms, end_ms=min(period.end_ms, end_ms))
            start_ms = period.end_ms

    def _position(self, grant: Grant, period: Period, lines: Sequence[Line]) -> Position:
        first, last = day_of(period.start_ms, self._zone), day_of(period.end_ms - 1, self._zone)
        month = self._month
        if first <= month.first_day and month.last_day <= last:
            ours = [line for line in lines if line.budget == grant.budget]
            used, over = sum(x.ticks for x in ours), sum(x.over_ticks for x in ours)
        else:
            within = max(first, month.first_day), min(last, month.last_day)
            used, over = self._used(grant.budget, *within)
        used_before, over_before = self._used(grant.budget, first, month.preceding.last_day)
        return Position(
            budget=grant.budget,
            period=grant.period,
            first_day=first.isoformat(),
            last_day=last.isoformat(),
            granted=grant.granted,
            carried=grant.carried,
            given=grant.given,
            used_before=used_before,
            over_before=over_before,
            used=used,
            over=over,
        )

    def _used(self, budget: str, first: date, last: date) -> tuple[int, int]:
        """Ticks from one day to another, both included, and those of them without budget.

        Whole months are read as such: periods may be long.
        """
        if (then := self._as_of) is not None:
            days = first.isoformat(), last.isoformat()
            found = self._tx.statements.used(self._institution, *days, then, budget)
            return sum(line.ticks for line in found), sum(line.over_ticks for line in found)
        ticks = over = 0
        while first <= last:
            month = Month.of(first)
            until = min(last, month.last_day)
            whole = first == month.first_day and until == month.last_day
            spans = (month.name, month.name) if whole else (first.isoformat(), until.isoformat())
            for one in self._tx.usage.of_budget(budget, *spans):
                if one.institution == self._institution:
                    ticks, over = ticks + one.ticks, over + one.over_ticks
            first = until + timedelta(days=1)
        return ticks, over


def _institution(workbench: Workbench, name: str, language: str) -> str:
    titles = {one.name: one.title for one in workbench.catalogue.institutions}
    return titles[name].in_language(language) if name in titles else name
