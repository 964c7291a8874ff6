"""A person's budgets as Lab, pages and the notebook client show them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from labwerk_hub.domain.budgets import Balance, Purse
from labwerk_hub.domain.catalogue import Catalogue
from labwerk_hub.domain.leases import Lease
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.metering import from_ms, ticks_between, to_ms
from labwerk_hub.services.views import Moment, Named, View

#: Seconds that what is left still pays for when the last warning comes.
_LAST_WARNING_SECONDS = 5 * 60


class BudgetWarning(StrEnum):
    """How near the end of a budget is: a fifth or a tenth is left, minutes, or nothing."""

    FIFTH = "fifth"
    TENTH = "tenth"
    MINUTES = "minutes"
    USED_UP = "used-up"


class PayerView(View):
    """A budget that may pay for a person's sessions, and what it has left for them in ticks.

    ``id`` is what a start names, ``institution`` who pays in the end.
    """

    id: str
    kind: str
    title: str
    institution: Named
    period: str
    period_ends_at: Moment
    granted_ticks: int
    used_ticks: int
    held_ticks: int
    left_ticks: int
    over_use: bool
    chosen: bool


class BudgetView(View):
    """The budget that pays, in ticks (``ticks_per_gpu_hour`` of them are a GPU-hour).

    ``granted_ticks`` is the person's share of it, ``used_ticks`` what it paid for them: what
    they used without budget is not part of it. ``held_ticks`` is what running sessions may
    still use; ``lasts_seconds`` how long what is held and left pays for the running
    session (None: it costs nothing, or none runs). ``over_use``: the session runs without
    budget. Once it is used up the session goes on until ``grace_ends_at``.
    """

    id: str
    kind: str
    title: str
    institution: Named
    period: str
    period_ends_at: Moment
    granted_ticks: int
    used_ticks: int
    held_ticks: int
    left_ticks: int
    budget_left_ticks: int
    ticks_per_second: int
    ticks_per_gpu_hour: int = TICKS_PER_GPU_HOUR
    lasts_seconds: int | None
    over_use: bool
    warning: BudgetWarning | None
    grace_ends_at: Moment | None


def payer_view(purse: Purse, chosen: str, catalogue: Catalogue, language: str) -> PayerView:
    """A budget that may pay; ``chosen`` is the id of the one that does."""
    balance = purse.balance
    return PayerView(
        id=balance.budget.id,
        kind=balance.budget.kind.value,
        title=balance.budget.title.in_language(language),
        institution=_paid_by(balance, catalogue, language),
        period=balance.period.shown,
        period_ends_at=from_ms(balance.period.end_ms),
        granted_ticks=balance.granted,
        used_ticks=balance.used,
        held_ticks=balance.held,
        left_ticks=balance.left,
        over_use=balance.budget.over_use,
        chosen=balance.budget.id == chosen,
    )


def budget_view(
    purse: Purse,
    lease: Lease | None,
    grace_ms: int | None,
    now: datetime,
    catalogue: Catalogue,
    language: str,
) -> BudgetView:
    """The budget that pays for ``lease``, or would pay for the next session."""
    balance = purse.balance
    rate = lease.ticks_per_second if lease else 0
    # What has run since the last closed interval is used already, if not charged yet.
    running = 0
    if lease and lease.started_ms is not None and lease.metered_to_ms is not None:
        until = max(lease.metered_to_ms, to_ms(now))
        running = ticks_between(rate, lease.started_ms, lease.metered_to_ms, until)
    held = max(0, balance.held - running)
    over_use = lease is not None and lease.over_use
    lasts = (balance.left + held) // rate if rate and not over_use else None
    grace = lease is not None and grace_ms is not None and lease.ends_ms <= to_ms(now)
    return BudgetView(
        id=balance.budget.id,
        kind=balance.budget.kind.value,
        title=balance.budget.title.in_language(language),
        institution=_paid_by(balance, catalogue, language),
        period=balance.period.shown,
        period_ends_at=from_ms(balance.period.end_ms),
        granted_ticks=balance.granted,
        used_ticks=balance.used + min(running, balance.held),
        held_ticks=held,
        left_ticks=balance.left,
        budget_left_ticks=balance.budget_left,
        ticks_per_second=rate,
        lasts_seconds=lasts,
        over_use=over_use,
        warning=_warning(balance, balance.left + held, lasts, used_up=grace),
        grace_ends_at=from_ms(grace_ms) if grace and grace_ms is not None else None,
    )


def _paid_by(balance: Balance, catalogue: Catalogue, language: str) -> Named:
    """Who pays in the end; by its name once it has left the settings."""
    name = balance.budget.institution
    try:
        title = catalogue.institution(name).title.in_language(language)
    except KeyError:
        title = name
    return Named(name=name, title=title)


def _warning(
    balance: Balance, remaining: int, lasts: int | None, *, used_up: bool
) -> BudgetWarning | None:
    """What to say of a running session's budget; nothing without one that costs something."""
    if used_up:
        return BudgetWarning.USED_UP
    if lasts is None:
        return None
    if lasts <= _LAST_WARNING_SECONDS:
        return BudgetWarning.MINUTES
    if remaining * 10 <= balance.granted:
        return BudgetWarning.TENTH
    return BudgetWarning.FIFTH if remaining * 5 <= balance.granted else None
