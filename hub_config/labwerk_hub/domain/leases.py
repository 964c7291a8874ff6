"""A lease: what a session holds, from intention to end.

*intended* in the admission transaction (and expiring if nothing starts), *live* once the
engine runs the container, *ended* with the engine's finish time. Times are milliseconds
since 1970 in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labwerk_hub.domain.gpu import Slice


class LeaseState(StrEnum):
    """Where a lease is in its life."""

    INTENDED = "intended"
    LIVE = "live"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a lease ended."""

    STOPPED = "stopped"
    FAILED = "failed"
    EXPIRED = "expired"
    LOST = "lost"
    ORPHANED = "orphaned"
    TIME_UP = "time-up"
    IDLE = "idle"
    NOT_COLLECTED = "not-collected"
    BUDGET = "budget"
    OVER_USE = "over-use"


@dataclass(frozen=True)
class Lease:
    """A session's hold on a slice (or on none) until ``ends_ms``.

    ``ticks_per_second`` is what a second costs; ``metered_to_ms`` is up to where it has
    been charged. The end may be moved, up to ``longest_ms``. ``stopping`` says why the
    service has asked for its stop. ``payer`` is the budget that pays, of the
    institution ``paid_by``; with ``over_use`` it
    has nothing to pay with, and the session gives way to whoever waits.
    """

    session: str
    person: str
    institution: str
    flavour: str
    image: str
    slice: Slice | None
    ticks_per_second: int
    state: LeaseState
    intended_ms: int
    ends_ms: int
    longest_ms: int
    started_ms: int | None = None
    metered_to_ms: int | None = None
    ended_ms: int | None = None
    end_reason: EndReason | None = None
    stopping: EndReason | None = None
    payer: str = ""
    paid_by: str = ""
    over_use: bool = False
