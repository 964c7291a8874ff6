"""Budgets: what may be used in a period, who pays it, and what is left.

An institution has a budget; its projects and courses have budgets that are given from it.
People draw on them, up to their share where there is one. Amounts are ticks, integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labwerk_hub.domain.metering import ticks_between
from labwerk_hub.domain.periods import Period, PeriodRule
from labwerk_hub.domain.texts import Localized


class BudgetKind(StrEnum):
    """Whose budget it is."""

    INSTITUTION = "institution"
    PROJECT = "project"
    COURSE = "course"


@dataclass(frozen=True)
class Budget:
    """A budget as the settings have it.

    ``institution`` pays. ``ticks`` are granted for every period, and a person may use
    ``person_ticks`` of them (None: as much as there is). Of what is left at a period's end,
    ``carry_over`` per cent go over to the next. With ``over_use``, sessions may run without
    budget while nobody waits. ``leads`` is the provider's group whose members decide.
    """

    kind: BudgetKind
    name: str
    title: Localized
    institution: str
    ticks: int
    person_ticks: int | None
    periods: PeriodRule
    carry_over: int = 0
    over_use: bool = False
    leads: str = ""

    @property
    def id(self) -> str:
        """How the ledger names it: ``project/rotor``."""
        return budget_id(self.kind, self.name)

    @property
    def parent(self) -> str | None:
        """The budget that it is given from."""
        if self.kind is BudgetKind.INSTITUTION:
            return None
        return budget_id(BudgetKind.INSTITUTION, self.institution)


def budget_id(kind: BudgetKind, name: str) -> str:
    """How the ledger names a budget."""
    return f"{kind.value}/{name}"


@dataclass(frozen=True)
class Figures:
    """What the ledger has of one budget in one period, in ticks.

    ``granted`` and ``carried`` (from the period before; negative once it has gone over to
    the next one) came in, ``given`` went to projects and courses, ``used`` and ``over``
    (without budget) is what sessions cost, ``held`` is promised to those that run, ``free``
    is what is left.
    """

    granted: int
    carried: int
    given: int
    used: int
    over: int
    held: int
    free: int

    @property
    def total(self) -> int:
        """What there was to use."""
        return self.granted + self.carried - self.given


@dataclass(frozen=True)
class Balance:
    """What one person has of one budget in one period, in ticks.

    ``granted`` is the person's share, or all that the budget has where shares are not set;
    ``budget_left`` is what the budget has for everybody. ``used`` is what it paid: what was
    used without budget takes nothing of it. ``held`` is what the person's running sessions
    may still use.
    """

    budget: Budget
    period: Period
    granted: int
    used: int
    held: int
    budget_left: int

    @property
    def left(self) -> int:
        """Ticks the person may still promise to a new session; never negative."""
        return max(0, min(self.granted - self.used - self.held, self.budget_left))

    @property
    def reach(self) -> int:
        """Ticks that the person can come to, whatever their share: others may use up the rest."""
        return self.used + self.held + self.budget_left


@dataclass(frozen=True)
class Purse:
    """What pays for a session: a balance, and that of the period after it."""

    balance: Balance
    following: Balance | None = None

    @property
    def budget(self) -> Budget:
        """Whose it is."""
        return self.balance.budget

    def pays_seconds(self, rate: int, now_ms: int) -> int:
        """For how long it pays ``rate`` ticks a second from now on.

        Past the period's end the following period's balance pays, if it has one, until that
        period ends as well.
        """
        whole = max(0, self.balance.period.end_ms - now_ms) // 1000
        lasts = self.balance.left // rate
        if lasts < whole or self.following is None:
            return min(lasts, whole)
        after = self.following.period
        of_following = max(0, after.end_ms - max(now_ms, after.start_ms)) // 1000
        return whole + min(self.following.left // rate, of_following)

    def missing_ticks(self, rate: int, seconds: int, now_ms: int) -> int:
        """How many ticks are missing for so many seconds from now on."""
        return max(0, rate * seconds - rate * self.pays_seconds(rate, now_ms))


@dataclass(frozen=True)
class Part:
    """Ticks that fall into one period."""

    period: Period
    ticks: int


def parts(rules: PeriodRule, rate: int, from_ms: int, to_ms: int) -> list[Part]:
    """What ``rate`` ticks a second cost from a moment to another, by period."""
    found, start = [], from_ms
    while start < to_ms:
        period = rules.at(start)
        end = min(to_ms, period.end_ms)
        found.append(Part(period, ticks_between(rate, from_ms, start, end)))
        start = end
    return found


def carried_over(budget: Budget, left: int) -> int:
    """Of ``left`` ticks at the end of a period, those that go over to the next."""
    return max(0, left) * budget.carry_over // 100
