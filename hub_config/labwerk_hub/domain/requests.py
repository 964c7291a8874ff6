"""Requests for more of a budget: what somebody asks for, and what was decided.

Amounts are ticks, on top of what the person (or the whole budget) has in the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RequestState(StrEnum):
    """Where a request is in its life; all but the first are its end."""

    OPEN = "open"
    GRANTED = "granted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    #: Its period ended, or its budget left the settings.
    LAPSED = "lapsed"


@dataclass(frozen=True)
class BudgetRequest:
    """A person asks for more of a budget in a period; ``id`` reads ``br-`` and 12 hex digits.

    ``whole`` asks for more for the budget itself, else for the person's share of it.
    ``wanted_ticks`` is how much more (None: whoever decides may choose), ``words`` what they
    add, and ``answer`` what whoever decided adds. ``decided_by`` is a hub user name; None
    where nobody with one decided, as on the machine itself.
    """

    id: str
    budget: str
    period: str
    person: str
    whole: bool
    wanted_ticks: int | None
    words: str
    state: RequestState
    made_ms: int
    ended_ms: int | None = None
    decided_by: str | None = None
    granted_ticks: int | None = None
    answer: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is to be decided yet."""
        return self.state is RequestState.OPEN
