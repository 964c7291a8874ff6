"""Sums of use and burn-downs as views: what several pages are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta

from labwerk_hub.domain.budgets import Budget, Figures
from labwerk_hub.domain.burndown import WINDOW_DAYS, burn_down, first_needed
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.periods import Period, day_of
from labwerk_hub.domain.usage import UsageSum, Used, summed_by
from labwerk_hub.services.budgets import known_or_gone
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.use_views import (
    Amount,
    BudgetHead,
    BurnDownView,
    DayUse,
    FiguresView,
    LeftOn,
    NamedUse,
    PeriodView,
    UsedView,
    UseLine,
)
from labwerk_hub.services.views import Named
from labwerk_hub.services.workbench import Workbench

#: Periods that are looked through for those of which there is something to show.
_MOST_PERIODS = 240


def used_view(used: Used) -> UsedView:
    """Sums as a view."""
    return UsedView(
        ticks=used.ticks,
        over_ticks=used.over_ticks,
        idle_ticks=used.idle_ticks,
        ms=used.ms,
        idle_ms=used.idle_ms,
        sessions=used.sessions,
    )


def total_of(sums: Iterable[UsageSum]) -> Used:
    """All of them together."""
    return summed_by(sums, lambda _one: "").get("", Used())


def days_of(sums: Iterable[UsageSum], *, by_budget: bool = True) -> tuple[DayUse, ...]:
    """What was used on each day, the earliest first; days without use are left out."""
    listed = list(sums)
    found = summed_by(listed, lambda one: one.span)
    paid: dict[str, dict[str, int]] = {}
    for one in listed if by_budget else ():
        of = paid.setdefault(one.span, {})
        of[one.budget] = of.get(one.budget, 0) + one.ticks
    return tuple(
        DayUse(
            day=date.fromisoformat(day),
            ticks=used.ticks,
            over_ticks=used.over_ticks,
            idle_ticks=used.idle_ticks,
            by=tuple(Amount(id=i, ticks=t) for i, t in sorted(paid.get(day, {}).items())),
        )
        for day, used in sorted(found.items())
    )


def flavours_of(
    workbench: Workbench, sums: Iterable[UsageSum], language: str
) -> tuple[NamedUse, ...]:
    """What was used with each flavour, the most first; one that left keeps its name."""
    return _named(
        summed_by(sums, lambda one: one.flavour),
        lambda name: flavour_title(workbench, name, language),
    )


def flavour_title(workbench: Workbench, name: str, language: str) -> str:
    """What a flavour is called; one that left the settings keeps its name."""
    try:
        return workbench.catalogue.flavour(name).title.in_language(language)
    except KeyError:
        return name


def payers_in(
    workbench: Workbench, sums: Iterable[UsageSum], language: str
) -> tuple[NamedUse, ...]:
    """What was used of each budget, the most first."""
    listed = list(sums)
    paid_by = {one.budget: one.institution for one in listed}

    def title(name: str) -> str:
        return known_or_gone(workbench, name, paid_by[name]).title.in_language(language)

    return _named(summed_by(listed, lambda one: one.budget), title)


def lines_of(workbench: Workbench, sums: Iterable[UsageSum], language: str) -> tuple[UseLine, ...]:
    """Each day's use of each budget with each flavour, the earliest first."""
    listed = sorted(sums, key=lambda one: (one.span, one.budget, one.flavour))
    found = [
        UseLine(
            day=date.fromisoformat(one.span),
            budget=one.budget,
            budget_title=known_or_gone(workbench, one.budget, one.institution).title.in_language(
                language
            ),
            flavour=one.flavour,
            flavour_title=flavour_title(workbench, one.flavour, language),
            used=used_view(total_of([one])),
        )
        for one in listed
    ]
    return tuple(found)


def by_day(sums: Iterable[UsageSum]) -> Mapping[date, int]:
    """What each day took of a budget: what was used without budget took nothing."""
    found: dict[date, int] = {}
    for one in sums:
        day = date.fromisoformat(one.span)
        found[day] = found.get(day, 0) + one.ticks - one.over_ticks
    return found


def burn_down_view(
    workbench: Workbench, total: int, used: Mapping[date, int], period: Period
) -> BurnDownView | None:
    """How ``total`` ticks burn down; None outside of periods. See ``domain.burndown``."""
    if not period.is_open:
        return None
    now_ms = to_ms(workbench.clock())
    found = burn_down(total, used, period, now_ms, workbench.policy.zone)
    return BurnDownView(
        period=period.name,
        first_day=found.first_day,
        last_day=found.last_day,
        total_ticks=found.total,
        points=tuple(LeftOn(day=day, left_ticks=left) for day, left in found.points),
        per_day_ticks=found.forecast.per_day,
        empty_on=found.forecast.empty_on,
        spare_ticks=found.forecast.spare,
    )


def days_needed(workbench: Workbench, period: Period) -> tuple[str, str]:
    """The first and last day of which the use is needed to show a period and its forecast."""
    zone, now_ms = workbench.policy.zone, to_ms(workbench.clock())
    if not period.is_open:
        return days_lately(workbench)
    last = min(day_of(period.end_ms - 1, zone), day_of(now_ms, zone))
    return first_needed(period, now_ms, zone).isoformat(), last.isoformat()


def days_lately(workbench: Workbench) -> tuple[str, str]:
    """The first and last day of which the use is needed for a forecast alone."""
    today = day_of(to_ms(workbench.clock()), workbench.policy.zone)
    return (today - timedelta(days=WINDOW_DAYS)).isoformat(), today.isoformat()


def within(workbench: Workbench, sums: Iterable[UsageSum], period: Period) -> list[UsageSum]:
    """Those of a period's days; nothing outside of periods."""
    if not period.is_open:
        return []
    zone = workbench.policy.zone
    first = day_of(period.start_ms, zone).isoformat()
    last = day_of(period.end_ms - 1, zone).isoformat()
    return [one for one in sums if first <= one.span <= last]


def periods_of(workbench: Workbench, tx: Transaction, budget: Budget) -> list[Period]:
    """The periods in which something was granted, and the one that is on; the latest first."""
    now = budget.periods.at(to_ms(workbench.clock()))
    names = set(tx.ledger.periods_of(budget.id))
    found = [now] if now.is_open else []
    if now.is_open or now.name in names:
        names.discard(now.name)
    following = budget.periods.at(now.end_ms)
    if following.name in names:
        found.insert(0, following)
        names.discard(following.name)
    earlier: Period | None = now
    for _ in range(_MOST_PERIODS):
        earlier = budget.periods.before(earlier) if names and earlier is not None else None
        if earlier is None:
            break
        if earlier.name in names:
            found.append(earlier)
            names.discard(earlier.name)
    return found


def period_view(workbench: Workbench, period: Period) -> PeriodView:
    """A period as a view."""
    zone, now_ms = workbench.policy.zone, to_ms(workbench.clock())
    return PeriodView(
        name=period.name,
        title=period.shown,
        first_day=day_of(period.start_ms, zone) if period.is_open else None,
        last_day=day_of(period.end_ms - 1, zone) if period.is_open else None,
        is_open=period.is_open,
        is_now=period.start_ms <= now_ms < period.end_ms,
    )


def figures_view(figures: Figures) -> FiguresView:
    """Figures as a view."""
    return FiguresView(
        granted_ticks=figures.granted,
        carried_ticks=figures.carried,
        given_ticks=figures.given,
        used_ticks=figures.used,
        over_ticks=figures.over,
        held_ticks=figures.held,
        free_ticks=figures.free,
        total_ticks=figures.total,
    )


def head_view(workbench: Workbench, budget: Budget, language: str) -> BudgetHead:
    """A budget as the settings have it."""
    return BudgetHead(
        id=budget.id,
        kind=budget.kind.value,
        name=budget.name,
        title=budget.title.in_language(language),
        institution=institution_named(workbench, budget.institution, language),
        parent=budget.parent,
        ticks=budget.ticks,
        person_ticks=budget.person_ticks,
        carry_over=budget.carry_over,
        over_use=budget.over_use,
    )


def institution_named(workbench: Workbench, name: str, language: str) -> Named:
    """An institution; one that left the settings keeps its name."""
    titles = {one.name: one.title for one in workbench.catalogue.institutions}
    return Named(name=name, title=titles[name].in_language(language) if name in titles else name)


def _named(found: Mapping[str, Used], title: Callable[[str], str]) -> tuple[NamedUse, ...]:
    views = [NamedUse(id=name, title=title(name), used=used_view(u)) for name, u in found.items()]
    return tuple(sorted(views, key=lambda view: (-view.used.ticks, -view.used.ms, view.id)))
