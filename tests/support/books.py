"""Labwerk's ledger and leases, read straight from the database: what was charged to whom."""

from __future__ import annotations

import sqlite3
import tomllib
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
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
    payer: str

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


@dataclass(frozen=True)
class Charge:
    """A posting of kind charge: an interval of a session, and what was charged for it."""

    session: str
    start_ms: int
    end_ms: int
    ticks: int


@dataclass(frozen=True)
class Account:
    """An account of a budget in a period, as the ledger names it."""

    budget: str
    period: str
    name: str


_LEASE = (
    "select session, state, gpu, profile, start, size, ticks_per_second, ends_ms, end_reason,"
    " payer from leases"
)


class Books:
    """A reader of Labwerk's database that shares no code with what writes it."""

    def __init__(self, install: Install) -> None:
        settings = tomllib.loads(install.settings.read_text(encoding="utf-8"))["database"]
        self._file = install.state / "labwerk.sqlite"
        self._server: str = settings["url"].replace("+psycopg", "")
        self._password = ""
        if settings["password_file"]:
            file = install.settings.parent / settings["password_file"]
            self._password = file.read_text(encoding="utf-8").strip()

    def leases(self, person: str) -> list[Lease]:
        """All leases of a person, oldest first."""
        rows = self._all(f"{_LEASE} where person = ? order by intended_ms", person)
        return [Lease(*row) for row in rows]

    def leases_since(self, intended_ms: int) -> list[Lease]:
        """The leases that were taken since then."""
        return [Lease(*row) for row in self._all(f"{_LEASE} where intended_ms >= ?", intended_ms)]

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
        self._all("update leases set ends_ms = ? where session = ?", ends_ms, session)

    def charged(self, session: str) -> int:
        """What was charged for a session until now, in ticks."""
        return sum(charge.ticks for charge in self.charges() if charge.session == session)

    def charges(self) -> list[Charge]:
        """All charges, by session and time."""
        rows = self._all(
            "select session, start_ms, end_ms, (select coalesce(sum(ticks), 0) from entries"
            " where entries.posting = postings.id and account like 'used:%')"
            " from postings where kind = 'charge' order by session, start_ms, end_ms"
        )
        return [Charge(session, start, end, int(ticks)) for session, start, end, ticks in rows]

    def imbalance(self) -> int:
        """How far debits and credits are apart: by posting, and by budget and period."""
        posting = "select sum(ticks) from entries group by posting"
        period = "select sum(ticks) from entries group by budget, period"
        return sum(abs(int(ticks)) for (ticks,) in self._all(posting) + self._all(period))

    def held(self) -> dict[Account, int]:
        """What is held for sessions, where it is anything."""
        return {of: ticks for of, ticks in self._balances().items() if of.name[:5] == "held:"}

    def wrong_balances(self) -> dict[Account, tuple[int, int]]:
        """Accounts whose kept balance is not the sum of their entries: kept, and right."""
        kept, right = self._balances(), self._sums("entries")
        every = {of: (kept.get(of, 0), right.get(of, 0)) for of in kept.keys() | right.keys()}
        return {of: both for of, both in every.items() if both[0] != both[1]}

    def wrong_usage(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Days and months of people whose kept sum is not that of the charges: kept, right."""
        rows = self._all(
            "select day, person, (select coalesce(sum(ticks), 0) from entries"
            " where entries.posting = postings.id and account like 'used:%')"
            " from postings where kind = 'charge'"
        )
        right: Counter[tuple[str, str]] = Counter()
        for day, person, ticks in rows:
            right[day, person] += int(ticks)
            right[day[:7], person] += int(ticks)
        sums = self._all("select span, person, sum(ticks) from usage_sums group by span, person")
        kept = {(span, person): int(ticks) for span, person, ticks in sums}
        every = {of: (kept.get(of, 0), right.get(of, 0)) for of in kept.keys() | right.keys()}
        return {of: both for of, both in every.items() if both[0] != both[1]}

    def wrong_payers(self) -> list[str]:
        """Charges that are not booked where they say, by somebody or for somebody else."""
        rows = self._all(
            "select p.id, p.session, p.budget, p.person, p.institution, e.budget, e.account,"
            " l.payer, l.paid_by, (select count(distinct budget) from postings other"
            "  where other.session = p.session and other.kind = 'charge')"
            " from postings p join entries e on e.posting = p.id"
            " join leases l on l.session = p.session"
            " where p.kind = 'charge' and p.start_ms < p.end_ms and e.ticks > 0"
        )
        wrong = []
        for number, session, says, person, paid, budget, account, payer, paid_by, payers in rows:
            of = f"posting {number} of {session}"
            if (budget, account) != (says, f"used:{person}"):
                wrong.append(f"{of} says {says} and {person}, and is booked to {budget}, {account}")
            if says.startswith("institution/") and says != f"institution/{paid}":
                wrong.append(f"{of} is paid by {says}, and counted for {paid}")
            # Who switched may have ended before the new payer paid anything.
            if payers > 1 and (says == payer) and paid != paid_by:
                wrong.append(f"{of} is counted for {paid}, and {paid_by} pays")
        return wrong

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

    def _balances(self) -> dict[Account, int]:
        return {of: ticks for of, ticks in self._sums("balances").items() if ticks}

    def _sums(self, table: str) -> dict[Account, int]:
        rows = self._all(
            f"select budget, period, account, sum(ticks) from {table}"
            " group by budget, period, account"
        )
        return {Account(*of): int(ticks) for *of, ticks in rows}

    def _all(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        if self._server:
            return self._all_of_server(query, values)
        # A reader leaves no file of its own behind, as somebody who writes might.
        address = f"file:{self._file}?mode={'ro' if query.startswith('select') else 'rw'}"
        with closing(sqlite3.connect(address, uri=True, timeout=15)) as file, file:
            return list(file.execute(query, values))

    def _all_of_server(self, query: str, values: tuple[str | int, ...]) -> list[tuple[Any, ...]]:
        import psycopg  # most installs of the tests have no server

        with psycopg.connect(self._server, password=self._password or None) as connection:
            found = connection.execute(query.replace("?", "%s").encode(), values or None)
            return found.fetchall() if found.description else []
