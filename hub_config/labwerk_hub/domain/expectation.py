"""When a session is likely over, from how long sessions have lasted.

Empirical and conditional on age: only past sessions that lasted longer than this one has
until now say how long it lasts in all (the product-limit estimate of Kaplan and Meier, 1958,
with nothing censored, as only ended sessions are given).

The next slice to come back is the first of many, so a list in which every session lasts as
long as its middle one does would promise too late a start. Hence several futures, in each of
which the sessions' ends are spread over their whole distribution, by steps of the golden
ratio, which leave no gaps however many sessions there are (Kronecker's sequence).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

#: How many futures are looked at.
FUTURES = 8
_GOLDEN = 0.6180339887498949


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
