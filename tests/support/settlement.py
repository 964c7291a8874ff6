"""The ledger held against what the engine says ran: nothing twice, nothing lost, no orphan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from support.books import Books, Charge
from support.engine import Run

#: Milliseconds by which an interval's border may differ from the engine's own time, where
#: only the engine's event is known and not the time that it keeps of the container.
_EVENT_IS_LATE_MS = 1_000


@dataclass
class Settlement:
    """What a comparison came to. Everything that is wrong is a sentence in one of the lists.

    Ticks are what should have been charged, and by how much the sessions' charges differ,
    added up without sign.
    """

    sessions: int = 0
    intervals: int = 0
    ticks: int = 0
    ticks_off: int = 0
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    @property
    def error_ratio(self) -> float:
        """By how much of all that ran the charges are wrong."""
        return self.ticks_off / self.ticks if self.ticks else 0.0

    @property
    def wrong(self) -> list[str]:
        """All of it, but for the ratio."""
        return self.duplicates + self.lost + self.orphans + self.unbalanced

    def __str__(self) -> str:
        return (
            f"{self.sessions} sessions in {self.intervals} intervals, {self.ticks} ticks: "
            f"off by {self.ticks_off} ({self.error_ratio:.5%})"
        )


def settled(books: Books, runs: Sequence[Run], leased: Collection[str]) -> Settlement:
    """Compare the charges of the sessions in ``leased`` with ``runs``, and balance the books."""
    found = Settlement()
    charges = {
        session: list(of)
        for session, of in groupby(books.charges(), lambda charge: charge.session)
        if session in leased
    }
    ran = {run.session for run in runs}
    found.orphans += [
        f"{session} never ran, and {sum(charge.ticks for charge in of)} ticks were charged"
        for session, of in charges.items()
        if session not in ran
    ]
    for run in runs:
        _compare(found, books, run, charges.get(run.session, []))
    found.orphans += [
        f"{ticks} ticks of {of.budget} in {of.period} are still {of.name}"
        for of, ticks in books.held().items()
    ]
    if imbalance := books.imbalance():
        found.unbalanced.append(f"debits and credits are {imbalance} ticks apart")
    found.unbalanced += books.wrong_payers()
    for name, wrong in (("balance", books.wrong_balances()), ("usage", books.wrong_usage())):
        found.unbalanced += [
            f"the {name} of {of} is kept as {kept}, and is {right}"
            for of, (kept, right) in wrong.items()
        ]
    return found


def without_taken_back(charges: Sequence[Charge]) -> list[Charge]:
    """A session's intervals, each without what a later one, that runs backwards, took from it.

    One that runs backwards from where no interval ends, or past its beginning, stays as it is.
    """
    found = [charge for charge in charges if charge.start_ms <= charge.end_ms]
    for back in charges:
        if back.start_ms <= back.end_ms:
            continue
        for place, charge in enumerate(found):
            if charge.start_ms <= back.end_ms and charge.end_ms == back.start_ms:
                ticks = charge.ticks + back.ticks
                found[place] = replace(charge, end_ms=back.end_ms, ticks=ticks)
                break
        else:
            found.append(back)
    return sorted(
        (charge for charge in found if charge.ticks or charge.start_ms != charge.end_ms),
        key=lambda charge: (charge.start_ms, charge.end_ms),
    )


def _compare(found: Settlement, books: Books, run: Run, booked: Sequence[Charge]) -> None:
    charges = without_taken_back(booked)
    rate = books.lease(run.session).ticks_per_second
    expected = int(run.seconds * rate)  # of a tick that has begun, nothing is charged
    charged = sum(charge.ticks for charge in charges)
    found.sessions += 1
    found.intervals += len(charges)
    found.ticks += expected
    found.ticks_off += abs(expected - charged)
    if run.ended is not None and abs(expected - charged) > rate:  # a second
        found.lost.append(f"{run.session}: {expected} ticks ran, {charged} were charged")
    found.orphans += [
        f"{run.session}: {charge} takes back what was not charged"
        for charge in charges
        if charge.start_ms > charge.end_ms
    ]
    for one, following in pairwise(charges):
        if following.start_ms < one.end_ms:
            found.duplicates.append(f"{run.session}: {one} and {following}")
        elif following.start_ms > one.end_ms:
            found.lost.append(f"{run.session}: nothing between {one} and {following}")
    if run.ended is None:
        found.orphans.append(f"{run.session} still runs")
    elif not charges:
        found.lost.append(f"{run.session} ran for {run.seconds:.3f} s, and nothing was charged")
    else:
        begins, ends = charges[0].start_ms, charges[-1].end_ms
        if abs(begins - run.started * 1000) > _EVENT_IS_LATE_MS:
            found.lost.append(f"{run.session} began at {run.started}, charged from {begins} ms")
        if abs(ends - run.ended * 1000) > _EVENT_IS_LATE_MS:
            found.lost.append(f"{run.session} ended at {run.ended}, charged to {ends} ms")
