"""What was used: sums by day or month, who paid, who used it, and of what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class UsageSum:
    """What one person used of one flavour on a day or in a month (``span``), and who paid.

    ``span`` reads ``2026-11-28`` or ``2026-11``, in the site's time zone. ``over_ticks`` of
    the ``ticks`` were used without budget, and in ``idle_ms`` of the ``ms`` nothing ran.
    ``person`` is a pseudonym, ``sessions`` those that ran then.
    """

    span: str
    institution: str
    budget: str
    person: str
    flavour: str
    ticks: int
    over_ticks: int
    ms: int
    idle_ms: int
    sessions: int

    @property
    def idle_ticks(self) -> int:
        """What the time in which nothing ran cost, rounded down."""
        return self.ticks * self.idle_ms // self.ms if self.ms else 0


@dataclass(frozen=True)
class Used:
    """The sums of several :class:`UsageSum`."""

    ticks: int = 0
    over_ticks: int = 0
    idle_ticks: int = 0
    ms: int = 0
    idle_ms: int = 0
    sessions: int = 0

    def __add__(self, other: Used) -> Used:
        return Used(
            self.ticks + other.ticks,
            self.over_ticks + other.over_ticks,
            self.idle_ticks + other.idle_ticks,
            self.ms + other.ms,
            self.idle_ms + other.idle_ms,
            self.sessions + other.sessions,
        )


def summed_by(sums: Iterable[UsageSum], key: Callable[[UsageSum], str]) -> dict[str, Used]:
    """The sums by what ``key`` says of them, in the order in which it first says it."""
    found: dict[str, Used] = {}
    for one in sums:
        of = Used(one.ticks, one.over_ticks, one.idle_ticks, one.ms, one.idle_ms, one.sessions)
        found[key(one)] = found.get(key(one), Used()) + of
    return found
