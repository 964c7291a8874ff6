"""A budget with everybody's use of it, for those who decide about it."""

from __future__ import annotations

from collections.abc import Iterable

from labwerk_hub.domain import budget_rights
from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.burndown import forecast
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.periods import Period
from labwerk_hub.domain.texts import Message
from labwerk_hub.domain.usage import UsageSum
from labwerk_hub.services import statement
from labwerk_hub.services.audit_views import Names
from labwerk_hub.services.budget_members import Drawn, members_of
from labwerk_hub.services.budget_requests import Asked
from labwerk_hub.services.budget_rights import may_decide, may_decide_whole, may_see, visible
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.request_pages import language_of, open_view
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.use_pages import UnknownMonthError
from labwerk_hub.services.use_sums import (
    burn_down_view,
    by_day,
    days_lately,
    days_needed,
    days_of,
    figures_view,
    flavours_of,
    head_view,
    period_view,
    periods_of,
    total_of,
    used_view,
    within,
)
from labwerk_hub.services.use_views import (
    BudgetPage,
    BudgetRow,
    DecisionView,
    RequestView,
    StatementMonth,
)
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import render

#: Decisions that are shown, the latest ones.
_DECISIONS = 20


def of_budget(
    workbench: Workbench,
    viewer: Person | None,
    name: str,
    period: str | None = None,
    language: str | None = None,
) -> BudgetPage:
    """The budget of an id such as ``project/rotor`` in a period (None: the one that is on).

    Who may see it says ``services.budget_rights``. Raises NotAllowedError,
    UnknownBudgetError, UnknownMonthError for a period in which it was not granted anything.
    """
    budget = visible(workbench, viewer, name)
    spoken = language_of(workbench, viewer, language)
    open_now(workbench)
    months = _statements(workbench, budget)
    with workbench.database.reading() as tx:
        periods = periods_of(workbench, tx, budget)
        of = _period(workbench, budget, periods, period)
        days = days_needed(workbench, of)
        if budget.kind is BudgetKind.INSTITUTION:
            paid = tx.usage.of_institution(budget.institution, *days)
            own = [one for one in paid if one.budget == budget.id]
        else:  # what its people use of other budgets is nothing to those who lead it
            paid = own = tx.usage.of_budget(budget.id, *days)
        drawn = Drawn(
            budget=budget,
            period=of,
            figures=tx.ledger.figures(budget.id, of.name),
            accounts=dict(tx.ledger.accounts(budget.id, of.name)),
            own=within(workbench, own, of),
            paid=within(workbench, paid, of),
        )
        inside = within(workbench, paid, of)
        return BudgetPage(
            head=head_view(workbench, budget, spoken),
            period=period_view(workbench, of),
            periods=tuple(one.name for one in periods),
            figures=figures_view(drawn.figures),
            used=used_view(total_of(inside)),
            burn_down=burn_down_view(workbench, drawn.figures.total, by_day(own), of),
            days=days_of(inside),
            flavours=flavours_of(workbench, inside, spoken),
            members=members_of(workbench, tx, drawn, spoken),
            requests=_requests(workbench, tx, viewer, budget, spoken),
            decisions=_decisions(tx, viewer, budget, periods, spoken),
            children=_children(workbench, tx, viewer, budget, of, paid, spoken),
            statements=months,
            may_decide=may_decide(viewer, budget),
            may_decide_whole=may_decide_whole(viewer, budget),
            may_ask_whole=viewer is not None and budget_rights.may_ask_whole(viewer, budget),
            at=workbench.clock(),
        )


def seen_by(
    workbench: Workbench, viewer: Person | None, language: str | None = None
) -> tuple[BudgetRow, ...]:
    """The budgets that the viewer may see with everybody's use, as they are now."""
    spoken = language_of(workbench, viewer, language)
    open_now(workbench)
    now_ms = to_ms(workbench.clock())
    with workbench.database.reading() as tx:
        rows = []
        for budget in workbench.catalogue.budgets.values():
            if may_see(viewer, budget):
                period = budget.periods.at(now_ms)
                lately = tx.usage.of_budget(budget.id, *days_lately(workbench))
                rows.append(row_of(workbench, tx, viewer, budget, period, lately, spoken))
        return tuple(rows)


def row_of(
    workbench: Workbench,
    tx: Transaction,
    viewer: Person | None,
    budget: Budget,
    period: Period,
    lately: Iterable[UsageSum],
    language: str,
) -> BudgetRow:
    """A budget in a list; ``lately`` are its last days, for the day it will be used up."""
    figures = tx.ledger.figures(budget.id, period.name)
    left = figures.total - (figures.used - figures.over)
    now_ms, zone = to_ms(workbench.clock()), workbench.policy.zone
    shown = period_view(workbench, period)
    expected = None
    if period.is_open and shown.is_now and figures.total > 0:
        expected = forecast(left, by_day(lately), period, now_ms, zone).empty_on
    return BudgetRow(
        head=head_view(workbench, budget, language),
        period=shown,
        figures=figures_view(figures),
        empty_on=expected,
        requests=len(tx.requests.open_of_budgets([budget.id])),
        may_decide=may_decide(viewer, budget),
    )


def _period(
    workbench: Workbench, budget: Budget, periods: list[Period], name: str | None
) -> Period:
    """The period that is meant: the one that is on, or between two the last one."""
    now = budget.periods.at(to_ms(workbench.clock()))
    if name is None:
        return now if now.is_open or not periods else periods[0]
    for one in (now, *periods):
        if name in (one.name, one.shown):
            return one
    raise UnknownMonthError(
        Message(
            "“%(budget)s” has no period “%(period)s”; it has these: %(known)s.",
            {
                "budget": budget.title,
                "period": name[:40],
                "known": ", ".join(one.shown for one in periods) or "–",
            },
        )
    )


def _requests(
    workbench: Workbench, tx: Transaction, viewer: Person | None, budget: Budget, language: str
) -> tuple[RequestView, ...]:
    """What is to be decided of a budget; of an institution's, of those given from it, too."""
    budgets = workbench.catalogue.budgets
    ids = [budget.id, *(one.id for one in budgets.values() if one.parent == budget.id)]
    views = []
    for request in tx.requests.open_of_budgets(ids):
        person = tx.people.by_name(request.person)
        if person is not None:
            asked = Asked(request, budgets[request.budget], person, None)
            views.append(open_view(workbench, tx, asked, viewer, language))
    return tuple(views)


def _decisions(
    tx: Transaction, viewer: Person | None, budget: Budget, periods: list[Period], language: str
) -> tuple[DecisionView, ...]:
    made = tx.allotments.of_budget(budget.id)[: -_DECISIONS - 1 : -1]
    names = Names.among(tx, [name for one in made for name in (one.made_by, one.person)])
    reader = viewer.pseudonym if viewer is not None else None
    titles = {one.name: one.shown for one in periods}

    def said(pseudonym: str | None) -> str:
        shown = names.shown(pseudonym, reader)
        return shown if isinstance(shown, str) else render(shown, language)

    return tuple(
        DecisionView(
            at=from_ms(one.made_ms),
            who=said(one.made_by),
            whom=said(one.person),
            period=titles.get(one.period, one.period) if one.period else None,
            ticks=one.ticks,
        )
        for one in made
    )


def _children(
    workbench: Workbench,
    tx: Transaction,
    viewer: Person | None,
    budget: Budget,
    period: Period,
    paid: list[UsageSum],
    language: str,
) -> tuple[BudgetRow, ...]:
    """The budgets given from this one, each in its own period at the time that is shown."""
    if budget.kind is not BudgetKind.INSTITUTION:
        return ()
    moment_ms = min(to_ms(workbench.clock()), period.end_ms - 1)
    return tuple(
        row_of(
            workbench,
            tx,
            viewer,
            one,
            one.periods.at(moment_ms),
            [use for use in paid if use.budget == one.id],
            language,
        )
        for one in workbench.catalogue.budgets.values()
        if one.parent == budget.id
    )


def _statements(workbench: Workbench, budget: Budget) -> tuple[StatementMonth, ...]:
    """An institution's months, the latest first."""
    if budget.kind is not BudgetKind.INSTITUTION:
        return ()
    return tuple(
        StatementMonth(month=one.month, is_final=one.final)
        for one in statement.available(workbench)
        if one.institution == budget.institution
    )
