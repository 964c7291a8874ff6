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
    ticks_per_second: int


class Books:
    """A reader of labwerk.sqlite that shares no code with what writes it."""

    def __init__(self, install: Install) -> None:
        self._file: Path = install.state / "labwerk.sqlite"

    def leases(self, person: str) -> list[Lease]:
        """All leases of a person, oldest first."""
        rows = self._all(
            "select session, state, gpu, profile, start, ticks_per_second from leases"
            " where person = ? order by intended_ms",
            person,
        )
        return [Lease(*row) for row in rows]

    def lease(self, session: str) -> Lease:
        """One session's lease."""
        rows = self._all(
            "select session, state, gpu, profile, start, ticks_per_second from leases"
            " where session = ?",
            session,
        )
        return Lease(*rows[0])

    def unended(self) -> list[str]:
        """The sessions that hold something now."""
        return [row[0] for row in self._all("select session from leases where state != 'ended'")]

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
