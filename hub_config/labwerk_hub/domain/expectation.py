"""When a session is likely over, and who is likely to come, from what past days were like.

**Ends** are empirical and conditional on age: only past sessions that lasted longer than this
one has until now say how long it lasts in all (the product-limit estimate of Kaplan and Meier,
1958, with nothing censored, as only ended sessions are given). Sessions that began at about
the same time of the day are most alike: those of a class, of a working day, of an evening.

**Futures.** The next slice to come back is the first of many, so a list in which every
session lasts as long as its middle one does would promise too late a start; and a list that
nobody joins any more would promise too early a one. Hence several futures. In each of them
the sessions' ends are spread over their whole distribution, by steps of the golden ratio,
which leave no gaps however many sessions there are; and people come as on one of the past days.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

#: How many futures are looked at.
FUTURES = 8
#: So many past sessions, begun nearest in the time of the day, are taken to be alike.
ALIKE = 40
#: How far ahead it matters who comes, and how many days back a day is looked for that is alike.
_COMING_MS = 2 * 3600 * 1000
_DAYS = 14
_DAY_MS = 24 * 3600 * 1000
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Past:
    """A session that has ended: whose it was, when it began, and how long it lasted."""

    institution: str
    flavour: str
    started_ms: int
    lasted_ms: int


class History:
    """The sessions of the past days."""

    def __init__(self, past: Iterable[Past] = ()) -> None:
        self._past = sorted(past, key=lambda session: session.started_ms)
        self._began = [session.started_ms for session in self._past]
        self._by_time: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for session in self._past:
            time_of_day = session.started_ms % _DAY_MS
            self._by_time[session.flavour].append((time_of_day, session.lasted_ms))
        for found in self._by_time.values():
            found.sort()

    def durations(self, flavour: str, started_ms: int) -> list[int]:
        """How long sessions of ``flavour`` lasted that began nearest in the time of the day."""
        found = self._by_time.get(flavour, [])
        if len(found) <= ALIKE:
            return sorted(lasted for _, lasted in found)
        at = started_ms % _DAY_MS
        first = bisect_left(found, (at, 0))
        # As many to either side, around midnight too; the nearest are among them.
        sides = min(ALIKE, len(found) // 2)
        near = [found[index % len(found)] for index in range(first - sides, first + sides)]
        near.sort(key=lambda entry: min((entry[0] - at) % _DAY_MS, (at - entry[0]) % _DAY_MS))
        return sorted(lasted for _, lasted in near[:ALIKE])

    def comers(self, now_ms: int) -> list[list[Past]]:
        """Who began a session in these hours on each of the past days, as if it were today.

        The latest day first, :data:`FUTURES` days at most. Days on which nobody came are no
        measure for a day on which people wait.
        """
        days = []
        for day in range(1, _DAYS + 1):
            since_ms = now_ms - day * _DAY_MS
            first = bisect_right(self._began, since_ms)
            if came := self._past[first : bisect_right(self._began, since_ms + _COMING_MS)]:
                days.append([replace(p, started_ms=p.started_ms + day * _DAY_MS) for p in came])
            if len(days) == FUTURES:
                break
        return days


def likely_end(now_ms: int, started_ms: int, ends_ms: int, durations_ms: Sequence[int]) -> int:
    """When a session that began at ``started_ms`` is likely over, at most ``ends_ms``.

    ``durations_ms`` are those of past sessions of the same kind, in any order; sessions that
    ran into their end count with the full time they had. If none lasted longer than this one
    has, it is taken to last to its end. Never earlier than ``now_ms``, unless its end is.
    """
    return _over(now_ms, started_ms, ends_ms, sorted(durations_ms), 0.5)


def likely_ends(
    now_ms: int, started_ms: int, ends_ms: int, durations_ms: Sequence[int], number: int
) -> tuple[int, ...]:
    """Its end in each of :data:`FUTURES`; ``number`` tells apart the sessions of one moment."""
    lasted = sorted(durations_ms)
    return tuple(
        _over(now_ms, started_ms, ends_ms, lasted, _quantile(number, future))
        for future in range(FUTURES)
    )


def likely_stay(durations_ms: Sequence[int], number: int, future: int) -> int | None:
    """How long the ``number``-th session yet to begin lasts in a future; None: not known.

    ``durations_ms`` are those of past sessions of the same kind, sorted.
    """
    if not durations_ms:
        return None
    return durations_ms[int(_quantile(number, future) * len(durations_ms))]


def _over(
    now_ms: int, started_ms: int, ends_ms: int, lasted_ms: Sequence[int], quantile: float
) -> int:
    first = bisect_right(lasted_ms, now_ms - started_ms)
    longer = len(lasted_ms) - first
    if not longer:
        return ends_ms
    return min(ends_ms, started_ms + lasted_ms[first + int(quantile * longer)])


def _quantile(number: int, future: int) -> float:
    return (number * _GOLDEN + (future + 0.5) / FUTURES) % 1
