"""Budgets, people and requests as lines of text, for the commands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from labwerk_hub import formats
from labwerk_hub.services.use_views import (
    BudgetPage,
    BudgetRow,
    BurnDownView,
    DecisionView,
    MemberView,
    MyUse,
    NamedUse,
    OperatorPage,
    PeriodView,
    RequestView,
    UsedView,
)
from labwerk_hub.texts import gpu_hours

_LANGUAGE = "en"


def hours(ticks: int | None) -> str:
    """Ticks as GPU-hours; all there are for None."""
    return "all there is" if ticks is None else gpu_hours(ticks, _LANGUAGE)


def period(of: PeriodView) -> str:
    """What a period is called, as `--period` takes it."""
    return of.title


def rows(budgets: tuple[BudgetRow, ...]) -> list[str]:
    """A line for each budget, those given from an institution's below it."""
    below: dict[str | None, list[BudgetRow]] = {}
    for one in budgets:
        below.setdefault(one.head.parent, []).append(one)
    lines = []
    for one in below.pop(None, []):
        lines.append(_row(one))
        lines += [f"  {_row(child)}" for child in below.pop(one.head.id, [])]
    return lines + [_row(one) for rest in below.values() for one in rest]


def page(of: BudgetPage, zone: ZoneInfo) -> list[str]:
    """A budget with its people, and what was decided."""
    lines = [head(of), *(f"  {line}" for line in _outlook(of.burn_down)), ""]
    lines += [member(one) for one in of.members] or ["Nobody may use it."]
    if of.children:
        lines += ["", "Given on:", *(f"  {_row(child)}" for child in of.children)]
    if of.requests:
        lines += ["", "To be decided:", *(f"  {request(one, zone)}" for one in of.requests)]
    if of.decisions:
        lines += ["", "Decided:", *(f"  {_decision(one, zone)}" for one in of.decisions)]
    return lines


def head(of: BudgetPage) -> str:
    """What a budget has in a period, and what is left of it."""
    figures = of.figures
    parts = [f"granted {hours(figures.granted_ticks)}"]
    parts += [f"carried over {hours(figures.carried_ticks)}"] if figures.carried_ticks else []
    parts += [f"given on {hours(figures.given_ticks)}"] if figures.given_ticks else []
    parts += [f"used {hours(figures.used_ticks - figures.over_ticks)}"]
    parts += [f"without budget {hours(figures.over_ticks)}"] if figures.over_ticks else []
    parts += [f"held for sessions {hours(figures.held_ticks)}"] if figures.held_ticks else []
    left = f"left {hours(figures.free_ticks)}"
    return f"{of.head.id} ({of.head.title}), {period(of.period)}: {', '.join(parts)}; {left}"


def smaller(of: BudgetPage, ticks: int | None) -> list[str]:
    """What to say of a budget that was set to ``ticks`` (None: as in the settings) and has more."""
    wanted, has = of.head.ticks if ticks is None else ticks, of.figures.granted_ticks
    if has <= wanted:
        return []
    kept = "so much is used, held for sessions or given on"
    then = f"{hours(wanted)} hold from the next period on"
    return [f"It has {hours(has)} until this period ends: {kept}. {then}."]


def member(of: MemberView) -> str:
    """Somebody of a budget."""
    name = of.name or of.display_name
    share = "" if of.share_ticks is None else f" of {hours(of.share_ticks)}"
    share += " (decided)" if of.is_decided else ""
    paid, over = of.used.ticks - of.used.over_ticks, of.used.over_ticks
    parts = [f"{name}: used {hours(paid)}{share}, left {hours(of.left_ticks)}"]
    parts += [f"without budget {hours(over)}"] if over else []
    parts += [f"held for sessions {hours(of.held_ticks)}"] if of.held_ticks else []
    parts += [f"last on {formats.day(of.last_use, _LANGUAGE)}"] if of.last_use else []
    parts += ["in the group no more"] if not of.is_member else []
    parts += ["has not signed in for long"] if of.is_leaver else []
    return "; ".join(parts)


def request(of: RequestView, zone: ZoneInfo) -> str:
    """A request, and what became of it."""
    what = "more" if of.wanted_ticks is None else f"{hours(of.wanted_ticks)} more"
    whom = " for all who use it" if of.whole else ""
    made = _moment(of.made_at, zone)
    words = f" “{' '.join(of.words.split())}”" if of.words else ""
    state = "" if of.state == "open" else f": {of.state}"
    state += f" {hours(of.granted_ticks)}" if of.granted_ticks is not None else ""
    return f"{of.id}  {of.name} asks for {what} of {of.budget}{whom}, {made}{words}{state}"


def own(of: MyUse) -> list[str]:
    """What a person used in a month, and what is left."""
    lines = [f"{of.name} ({of.display_name}), {of.month}: {_used(of.total)}"]
    lines += [f"  {line}" for line in _named(of.payers)]
    lines += [f"  {line}" for line in _named(of.flavours)]
    for one in of.budgets:
        left = f"{one.payer.id}, {one.payer.period}: {hours(one.payer.left_ticks)} left"
        lines += [left, *(f"  {line}" for line in _outlook(one.burn_down))]
    return lines


def everybody(of: OperatorPage) -> list[str]:
    """All institutions in a month."""
    lines = [f"{of.month}: {_used(of.total)}"]
    for one in of.institutions:
        lines.append(f"{_row(one.budget)}; in {of.month} {_used(one.used)}")
        people = "1 person" if one.people == 1 else f"{one.people} people"
        lines[-1] += f"; {people}, {_sessions(one.sessions)} now"
    return lines


def _row(of: BudgetRow) -> str:
    figures = of.figures
    had = figures.total_ticks + figures.given_ticks
    parts = [f"{of.head.id}, {period(of.period)}: {hours(figures.free_ticks)} left of {hours(had)}"]
    parts += [f"{hours(figures.given_ticks)} given on"] if figures.given_ticks else []
    parts += [f"used up on {formats.day(of.empty_on, _LANGUAGE)}"] if of.empty_on else []
    parts += [f"{of.requests} to be decided"] if of.requests else []
    return "; ".join(parts)


def _outlook(of: BurnDownView | None) -> Iterator[str]:
    if of is None or not of.per_day_ticks:
        return
    lately = f"{hours(of.per_day_ticks)} a day lately"
    if of.empty_on is not None:
        yield f"{lately}: used up on {formats.day(of.empty_on, _LANGUAGE)}"
    elif of.spare_ticks is not None:
        yield f"{lately}: {hours(of.spare_ticks)} will be left"


def _decision(of: DecisionView, zone: ZoneInfo) -> str:
    what = "as in the settings" if of.ticks is None else hours(of.ticks)
    whom = of.whom or "the budget"
    since = of.period or "from then on"
    return f"{_moment(of.at, zone)}, {of.who}: {whom} {what}, {since}"


def _moment(at: datetime, zone: ZoneInfo) -> str:
    """To the minute, and always with its day: what is printed may be kept."""
    return at.astimezone(zone).isoformat(sep=" ", timespec="minutes")


def _used(of: UsedView) -> str:
    parts = [f"{hours(of.ticks)} in {_sessions(of.sessions)}"]
    parts += [f"{hours(of.over_ticks)} without budget"] if of.over_ticks else []
    parts += [f"{hours(of.idle_ticks)} while nothing ran"] if of.idle_ticks else []
    return ", ".join(parts)


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"


def _named(of: tuple[NamedUse, ...]) -> Iterator[str]:
    for one in of:
        yield f"{one.title} ({one.id}): {_used(one.used)}"
