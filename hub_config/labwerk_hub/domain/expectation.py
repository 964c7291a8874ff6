"""When a session is likely over, from how long sessions have lasted.

Empirical and conditional on age: of the past sessions that lasted longer than this one has
until now, the middle one says how long it lasts in all (the product-limit idea of Kaplan
and Meier, 1958, with nothing censored: only ended sessions are given).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


def likely_end(
    now_ms: int,
    started_ms: int,
    ends_ms: int,
    durations_ms: Sequence[int],
    quantile: float = 0.5,
) -> int:
    """When a session that began at ``started_ms`` is likely over, at most ``ends_ms``.

    ``durations_ms`` are those of past sessions of the same kind, in any order; sessions that
    ran into their end count with the full time they had. If none lasted as long as this one
    has, it is taken to last to its end. Never earlier than ``now_ms``, unless its end is.
    """
    lasted = sorted(durations_ms)
    longer = lasted[bisect_right(lasted, now_ms - started_ms) :]
    if not longer:
        return ends_ms
    typical = longer[min(len(longer) - 1, int(quantile * len(longer)))]
    return min(ends_ms, max(now_ms, started_ms + typical))
