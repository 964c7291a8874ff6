"""Budgets, balances and entries, in ticks; integers only.

A tick is one second of 1/24 of a GPU. Every charge is two entries that add up to zero:
what the institution's budget gives and what the person has used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from labwerk_hub.domain.gpu import TICKS_PER_GPU_SECOND
from labwerk_hub.domain.metering import Usage

TICKS_PER_GPU_HOUR = TICKS_PER_GPU_SECOND * 3600


@dataclass(frozen=True)
class Entry:
    """One line of the ledger; ``ticks`` is signed. Lines are never changed."""

    session: str
    interval_start_ms: int
    account: str
    period: str
    ticks: int


@dataclass(frozen=True)
class Balance:
    """What is left to a person in a period, in ticks.

    ``left`` is what the person's share leaves, or the institution's budget if that is
    less. ``held`` is what running sessions may still use.
    """

    period: str
    granted: int
    used: int
    held: int
    institution_left: int

    @property
    def left(self) -> int:
        """Ticks the person may still promise to a new session; never negative."""
        return max(0, min(self.granted - self.used - self.held, self.institution_left))


def period_of(moment: datetime, zone: ZoneInfo) -> str:
    """The budget period of a moment: the calendar month in ``zone``, as ``2026-11``."""
    return moment.astimezone(zone).strftime("%Y-%m")


def period_end(moment: datetime, zone: ZoneInfo) -> datetime:
    """When the period of ``moment`` ends: the first midnight of the next month."""
    local = moment.astimezone(zone)
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
    return datetime(year, month, 1, tzinfo=zone)


def budget_account(institution: str) -> str:
    """The account that a month's budget of an institution is drawn from."""
    return f"budget/{institution}"


def use_account(person: str) -> str:
    """The account that collects what a person has used."""
    return f"use/{person}"


def entries_of(usage: Usage, institution: str, person: str) -> tuple[Entry, Entry]:
    """The two entries of a charge; they add up to zero."""
    given = Entry(
        usage.session, usage.start_ms, budget_account(institution), usage.period, -usage.ticks
    )
    used = Entry(usage.session, usage.start_ms, use_account(person), usage.period, usage.ticks)
    return given, used
