"""Labwerk's ledger and leases, read straight from the file: what was charged to whom."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.engine import Run
from support.install import Install


@dataclass(frozen=True)
class Lease:
    """A row of the lease table; ``state`` is intended, live or ended."""

    session: str
    state: str
    gpu: str | None
    profile: str | None
    start: int | None
    size: int | None
    ticks_per_second: int
    ends_ms: int
    end_reason: str | None

    @property
    def units(self) -> set[tuple[str, int]]:
        """The memory units it is for; none without a GPU."""
        if self.gpu is None or self.start is None or self.size is None:
            return set()
        return {(self.gpu, unit) for unit in range(self.start, self.start + self.size)}


@dataclass(frozen=True)
class Ticket:
    """A row of the waiting list."""

    id: str
    person: str
    state: str
    session: str | None


_LEASE = (
    "select session, state, gpu, profile, start, size, ticks_per_second, ends_ms, end_reason"
    " from leases"
)


class Books:
    """A reader of labwerk.sqlite that shares no code with what writes it."""

    def __init__(self, install: Install) -> None:
        self._file: Path = install.state / "labwerk.sqlite"

    def leases(self, person: str) -> list[Lease]:
        """All leases of a person, oldest first."""
        rows = self._all(f"{_LEASE} where person = ? order by intended_ms", person)
        return [Lease(*row) for row in rows]

    def held_by(self, person: str) -> Lease | None:
        """The lease of a person's that has not ended."""
        return next((lease for lease in self.leases(person) if lease.state != "ended"), None)

    def lease(self, session: str) -> Lease:
        """One session's lease."""
        return Lease(*self._all(f"{_LEASE} where session = ?", session)[0])

    def unended(self) -> list[Lease]:
        """The leases that hold something now."""
        return [Lease(*row) for row in self._all(f"{_LEASE} where state != 'ended'")]

    def units_held(self) -> int:
        """How many units the pool counts as held, by leases that are being given back, too."""
        return int(self._all("select count(*) from held_units")[0][0])

    def in_line(self) -> list[Ticket]:
        """Who waits or was called, whoever came first before the others."""
        rows = self._all(
            "select id, person, state, session from tickets"
            " where state in ('waiting', 'called') order by taken_ms"
        )
        return [Ticket(*row) for row in rows]

    def end_at(self, session: str, ends_ms: int) -> None:
        """The one thing written here: a session's end, as if that time had been agreed."""
        with closing(sqlite3.connect(self._file, timeout=10)) as file, file:
            file.execute("update leases set ends_ms = ? where session = ?", (ends_ms, session))

    def charged(self, session: str) -> int:
        """What was charged for a session until now, in ticks."""
        rows = self._all("select coalesce(sum(ticks), 0) from charges where session = ?", session)
        return int(rows[0][0])

    def imbalance(self) -> int:
        """The sum of all entries ever written: zero where debits equal credits."""
        return int(self._all("select coalesce(sum(ticks), 0) from entries")[0][0])

    def assert_charged_like(self, run: Run) -> None:
        """What the engine says ran is what was charged, to less than a second."""
        lease = self.lease(run.session)
        assert run.ended is not None, f"{run.session} still runs"
        expected = run.seconds * lease.ticks_per_second
        charged = self.charged(run.session)
        assert abs(charged - expected) < lease.ticks_per_second, (
            f"{run.session} ran {run.seconds:.3f} s at {lease.ticks_per_second} ticks a second: "
            f"{expected:.1f} ticks, but {charged} were charged"
        )
        assert self.imbalance() == 0

    def _all(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=10)) as file:
            return list(file.execute(query, values))
