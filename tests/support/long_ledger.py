"""A month of one institution in the ledger: a thousand entries, or a thousand times as many.

The same people run sessions on the same days, few or very many a day. What stands in the
tables is what the services would have written: postings and entries are made and chained by
the domain, and their sums are checked in tests/unit/test_long_ledger.py by what
`labwerk audit verify` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from labwerk_hub.adapters.sql import tables
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.leases import EndReason, LeaseState
from labwerk_hub.domain.ledger import (
    BY_ITSELF,
    FREE,
    TICKS_PER_GPU_HOUR,
    Charged,
    Entry,
    Posting,
    PostingKind,
    charge_key,
    held,
    move,
    used,
)
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import openings
from sqlalchemy import Connection, Table, insert

from support.workbench import Bench, budget

PEOPLE, DAYS = 6, 28
#: Each session: hold, charge and release, of two entries each.
ENTRIES_OF_A_SESSION = 6
FLAVOURS = {"small": 3, "medium": 6}
MONTH, BUDGET = "2026-11", "institution/thr"
#: The first session of each day; each runs for a minute, and the next one begins with the
#: minute after.
_FIRST = datetime(2026, 11, 1, 0, 5, tzinfo=UTC)
_RAN_MS, _EVERY_MS, _HELD_MS = 45_000, 79_000, 60_000
#: The site is an hour ahead, and its day must not end before the last session.
MOST_A_DAY = 22 * 3600 * 1000 // _EVERY_MS
_PIECE = 20_000


@dataclass(frozen=True)
class _Session:
    """One session, and who ran it."""

    name: str
    person: str
    pseudonym: str
    flavour: str
    day: str
    start_ms: int

    @property
    def end_ms(self) -> int:
        return self.start_ms + _RAN_MS

    @property
    def rate(self) -> int:
        return FLAVOURS[self.flavour]


def fill(bench: Bench, sessions_a_day: int) -> Sequence[str]:
    """Let the month pass until its last evening; the people's hub user names."""
    assert sessions_a_day <= MOST_A_DAY, f"a day has room for {MOST_A_DAY} sessions"
    thr = budget("thr", 40_000 * TICKS_PER_GPU_HOUR, 4_000 * TICKS_PER_GPU_HOUR)
    rotor = budget("rotor", 100 * TICKS_PER_GPU_HOUR, None, BudgetKind.PROJECT, "thr")
    known = bench.workbench.catalogue.budgets
    bench.with_catalogue(
        projects=(Project("rotor", Localized.same("Rotor"), "rotor"),),
        budgets={**known, thr.id: thr, rotor.id: rotor},
    )
    bench.clock.now = _FIRST
    names = [bench.person(f"Person {number}") for number in range(PEOPLE)]
    openings.open_now(bench.workbench)
    with bench.workbench.database.writing() as tx:
        people = [(name, tx.people.by_name(name)) for name in names]
        sessions = _sessions([(n, p.pseudonym) for n, p in people if p], sessions_a_day)
        connection: Connection = tx.connection  # type: ignore[attr-defined]
        head = tx.ledger.head()
        writer = _Writer(connection, thr.id, head.number, head.hash)
        for session in sessions:
            writer.write(session)
        writer.finish()
    bench.clock.now = _FIRST + timedelta(days=DAYS, hours=11)
    return names


def _sessions(people: Sequence[tuple[str, str]], a_day: int) -> Iterator[_Session]:
    number = 0
    for day in range(DAYS):
        morning = _FIRST + timedelta(days=day)
        for turn in range(a_day):
            start_ms = int(morning.timestamp() * 1000) + turn * _EVERY_MS
            for place, (person, pseudonym) in enumerate(people):
                number += 1
                yield _Session(
                    name=f"lw-{number:09}",
                    person=person,
                    pseudonym=pseudonym,
                    flavour=list(FLAVOURS)[(day + place) % len(FLAVOURS)],
                    day=morning.date().isoformat(),
                    start_ms=start_ms + place,
                )


class _Writer:
    """Writes sessions with what was booked for them, many rows at a time."""

    def __init__(self, connection: Connection, budget: str, number: int, head: str) -> None:
        self._connection, self._budget = connection, budget
        self._number, self._head = number, head
        self._rows: dict[Table, list[dict[str, Any]]] = {
            tables.leases: [],
            tables.postings: [],
            tables.entries: [],
        }
        self._balances: Counter[tuple[str, str, str]] = Counter()
        self._sums: dict[tuple[str, ...], Counter[str]] = {}

    def write(self, session: _Session) -> None:
        self._rows[tables.leases].append(
            {
                "session": session.name,
                "person": session.person,
                "institution": "thr",
                "flavour": session.flavour,
                "image": "base",
                "ticks_per_second": session.rate,
                "state": LeaseState.ENDED.value,
                "intended_ms": session.start_ms - 1_000,
                "started_ms": session.start_ms,
                "metered_to_ms": session.end_ms,
                "ended_ms": session.end_ms,
                "ends_ms": session.start_ms + _HELD_MS,
                "longest_ms": session.start_ms + _HELD_MS,
                "end_reason": EndReason.STOPPED.value,
                "payer": self._budget,
                "paid_by": "thr",
                "over_use": False,
            }
        )
        holds = session.rate * _HELD_MS // 1000
        costs = session.rate * _RAN_MS // 1000
        own = held(session.name)
        self._post(session, PostingKind.HOLD, session.start_ms, self._move(FREE, own, holds))
        self._post(
            session,
            PostingKind.CHARGE,
            session.end_ms,
            self._move(own, used(session.pseudonym), costs),
        )
        left = self._move(own, FREE, holds - costs)
        self._post(session, PostingKind.RELEASE, session.end_ms, left)
        if len(self._rows[tables.entries]) > _PIECE:
            self._flush()

    def finish(self) -> None:
        """Write what is left, and the sums of all of it."""
        self._flush()
        for (of_budget, period, account), ticks in self._balances.items():
            if ticks:
                row = [of_budget, period, account]
                add = tables.balances.update().where(
                    *(c == value for c, value in zip(tables.balances.primary_key, row, strict=True))
                )
                added = self._connection.execute(add.values(ticks=tables.balances.c.ticks + ticks))
                if not added.rowcount:
                    values = dict(zip(("budget", "period", "account"), row, strict=True))
                    self._connection.execute(insert(tables.balances).values(**values, ticks=ticks))
        names = [column.name for column in tables.usage_sums.primary_key]
        rows = [dict(zip(names, of, strict=True)) | sums for of, sums in self._sums.items()]
        self._connection.execute(insert(tables.usage_sums), rows)

    def _move(self, source: str, target: str, ticks: int) -> tuple[Entry, ...]:
        return move(self._budget, MONTH, source, target, ticks)

    def _post(
        self, session: _Session, kind: PostingKind, made_ms: int, entries: tuple[Entry, ...]
    ) -> None:
        self._number += 1
        charged = self._charged(session, entries) if kind is PostingKind.CHARGE else None
        key = f"{kind.value}:{session.name}:{self._number}"
        if charged:
            key = charge_key(session.name, session.start_ms)
        posting = Posting(kind, key, made_ms, BY_ITSELF, entries, session.name, charged)
        self._head = posting.linked(self._number, self._head)
        row: dict[str, Any] = {
            "id": self._number,
            "kind": kind.value,
            "key": key,
            "made_ms": made_ms,
            "made_by": BY_ITSELF,
            "session": session.name,
            "hash": self._head,
        }
        names = (
            "start_ms",
            "end_ms",
            "idle_ms",
            "flavour",
            "institution",
            "budget",
            "person",
            "day",
        )
        row.update({name: getattr(charged, name) if charged else None for name in names})
        self._rows[tables.postings].append(row)
        for line, entry in enumerate(entries):
            self._rows[tables.entries].append(
                {"posting": self._number, "line": line, **asdict(entry)}
            )
            self._balances[entry.budget, entry.period, entry.account] += entry.ticks

    def _charged(self, session: _Session, entries: Sequence[Entry]) -> Charged:
        ticks = sum(entry.ticks for entry in entries if entry.ticks > 0)
        for span in (session.day, MONTH):
            of = (span, "thr", self._budget, session.pseudonym, session.flavour)
            sums = self._sums.setdefault(of, Counter(over_ticks=0, idle_ms=0))
            sums.update(ticks=ticks, ms=_RAN_MS, sessions=1)
        return Charged(
            session=session.name,
            start_ms=session.start_ms,
            end_ms=session.end_ms,
            idle_ms=0,
            flavour=session.flavour,
            institution="thr",
            budget=self._budget,
            person=session.pseudonym,
            day=session.day,
            first=True,
            first_of_month=True,
        )

    def _flush(self) -> None:
        for table, rows in self._rows.items():
            if rows:
                self._connection.execute(insert(table), rows)
                rows.clear()
