"""Postings of one budget, small enough to be reckoned in the head."""

from __future__ import annotations

from labwerk_hub.domain.ledger import (
    FREE,
    GRANTED,
    Charged,
    Posting,
    PostingKind,
    charge_key,
    held,
    move,
    used,
)

BUDGET, PERIOD = "institution/thr", "2026-11"


def granted(ticks: int) -> Posting:
    """What the budget has at first."""
    entries = move(BUDGET, PERIOD, GRANTED, FREE, ticks)
    return Posting(PostingKind.GRANT, f"grant:{BUDGET}", 1_000, "labwerk", entries)


def held_for(session: str, ticks: int) -> Posting:
    """A hold for a session."""
    entries = move(BUDGET, PERIOD, FREE, held(session), ticks)
    return Posting(PostingKind.HOLD, f"hold:{session}", 1_000, "labwerk", entries, session)


def charged(session: str, ticks: int) -> Posting:
    """A charge for a session's first ten seconds, from what is held."""
    of = Charged(
        session=session,
        start_ms=1_000,
        end_ms=11_000,
        idle_ms=0,
        flavour="small",
        institution="thr",
        budget=BUDGET,
        person="p-1",
        day="2026-11-16",
        first=True,
        first_of_month=True,
    )
    entries = move(BUDGET, PERIOD, held(session), used("p-1"), ticks)
    key = charge_key(session, of.start_ms)
    return Posting(PostingKind.CHARGE, key, 11_000, "labwerk", entries, session, of)
