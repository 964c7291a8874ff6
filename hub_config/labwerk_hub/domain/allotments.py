"""Decisions about budgets: what was allotted to one, or to a person as their share of it.

Until somebody decides, the settings hold. A decision for one period counts in that period
alone, any other one from then on; the latest counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.chain import canonical, link
from labwerk_hub.domain.periods import Period


@dataclass(frozen=True)
class Allotment:
    """``ticks`` of ``budget``, to it or to a ``person`` (a pseudonym); None: as in the settings.

    Without a ``period`` it holds from then on.
    """

    budget: str
    person: str | None
    period: str | None
    ticks: int | None
    made_ms: int
    made_by: str

    def linked(self, number: int, previous: str) -> str:
        """The link of the ``number``-th decision after ``previous`` (64 hexadecimal digits)."""
        return link(previous, canonical([number, *astuple(self)]))


def granted_to(budget: Budget, period: Period, decided: Iterable[Allotment]) -> int:
    """What a budget is to have in a period, in ticks; nothing outside of its periods."""
    if not period.is_open:
        return 0
    found = _latest(period, (one for one in decided if one.person is None))
    return budget.ticks if found is None or found.ticks is None else found.ticks


def share_of(
    budget: Budget, person: str, period: Period, decided: Iterable[Allotment]
) -> int | None:
    """What a person may use of a budget in a period, in ticks; None: as much as there is."""
    found = _latest(period, (one for one in decided if one.person == person))
    return budget.person_ticks if found is None or found.ticks is None else found.ticks


def _latest(period: Period, decided: Iterable[Allotment]) -> Allotment | None:
    """Of decisions in the order they were made, the one that counts in ``period``."""
    listed = list(decided)
    for one in reversed(listed):
        if one.period == period.name:
            return one
    return next((one for one in reversed(listed) if one.period is None), None)
