"""The database, SQLite and PostgreSQL: what is written stays, and no unit is held twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from labwerk_hub.adapters.sql import SqlDatabase, migrate
from labwerk_hub.domain.allotments import Allotment
from labwerk_hub.domain.events import Event, EventKind
from labwerk_hub.domain.expectation import Past
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.idleness import Activity, Sample
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
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
from labwerk_hub.domain.people import Identity, Person, Role
from labwerk_hub.domain.statement import AsOf, Month
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.errors import DatabaseError
from labwerk_hub.services.tables import PlaceInLine, Wait
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError as SqlError

IDENTITY = Identity(
    issuer="https://sso.example",
    subject="1",
    institution="thr",
    display_name="Anna Müller",
    email=None,
    locale="de",
    groups=frozenset({"b", "a"}),
    roles=frozenset({Role.INSTRUCTOR}),
)
TICKET = Ticket(
    id="tk-1",
    person="thr--anna-mueller",
    institution="thr",
    flavour="small",
    image="base",
    language="de",
    state=TicketState.WAITING,
    taken_ms=1_000,
)
SLICE = Slice("gpu", "2g.20gb", 2, 2)
LEASE = Lease(
    session="lw-1",
    person="thr--anna-mueller",
    institution="thr",
    flavour="small",
    image="base",
    slice=SLICE,
    ticks_per_second=6,
    state=LeaseState.INTENDED,
    intended_ms=1_000,
    ends_ms=61_000,
    longest_ms=121_000,
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


@pytest.fixture
def url(empty: str) -> str:
    migrate(empty)
    return empty


@pytest.fixture
def database(url: str) -> Iterator[SqlDatabase]:
    opened = SqlDatabase(url, first_uid=200_000)
    with opened.writing() as tx:
        tx.people.add(IDENTITY, "thr--anna-mueller")
    yield opened
    opened.close()


def test_a_person_is_found_again_as_they_were(database: SqlDatabase) -> None:
    with database.reading() as tx:
        found = tx.people.by_account("https://sso.example", "1")
        assert found is not None
        anna = Person.of(IDENTITY, name="thr--anna-mueller", uid=200_000, pseudonym=found.pseudonym)
        assert found == anna
        assert tx.people.by_account("https://other.example", "1") is None


def test_everybody_gets_a_user_id_of_their_own(database: SqlDatabase) -> None:
    with database.writing() as tx:
        second = tx.people.add(replace(IDENTITY, subject="2"), "thr--anna-mueller-2")
        assert second.uid == 200_001
        assert tx.people.names("thr") == {"thr--anna-mueller", "thr--anna-mueller-2"}
        assert tx.people.names("th") == set()


def test_a_lease_goes_from_intended_over_live_to_ended_and_frees_its_units(
    database: SqlDatabase,
) -> None:
    with database.writing() as tx:
        tx.leases.add(LEASE)
        tx.leases.set_live("lw-1", 2_000)
        live = tx.leases.get("lw-1")
        assert live is not None
        assert (live.state, live.started_ms, live.metered_to_ms) == (LeaseState.LIVE, 2_000, 2_000)
        tx.leases.set_ended("lw-1", 3_000, EndReason.STOPPED)
        assert tx.leases.unended() == []
        assert [lease.session for lease in tx.leases.holding()] == ["lw-1"]
        tx.leases.give_back("lw-1")
        assert tx.leases.holding() == []
        tx.leases.add(replace(LEASE, session="lw-2"))
    with database.reading() as tx:
        assert [lease.session for lease in tx.leases.unended_of(LEASE.person)] == ["lw-2"]


def test_an_ended_lease_holds_its_units_until_they_are_given_back(database: SqlDatabase) -> None:
    with database.writing() as tx:
        tx.leases.add(LEASE)
        tx.leases.set_ended("lw-1", 3_000, EndReason.STOPPED)
        assert tx.leases.holds("lw-1")
    with pytest.raises(DatabaseError), database.writing() as tx:
        tx.leases.add(replace(LEASE, session="lw-2"))
    with database.writing() as tx:
        tx.leases.give_back("lw-1")
        assert not tx.leases.holds("lw-1")
        tx.leases.add(replace(LEASE, session="lw-2"))


def test_a_unit_that_is_held_cannot_be_held_again_whatever_the_code_above_does(
    database: SqlDatabase,
) -> None:
    overlapping = replace(LEASE, session="lw-2", slice=Slice("gpu", "1g.10gb", 3, 1))
    with database.writing() as tx:
        tx.leases.add(LEASE)
    with pytest.raises(DatabaseError), database.writing() as tx:
        tx.leases.add(overlapping)
    with database.reading() as tx:
        assert [lease.session for lease in tx.leases.unended()] == ["lw-1"]


def test_an_interval_is_charged_once(database: SqlDatabase) -> None:
    with database.writing() as tx:
        tx.ledger.post(granted(100))
        tx.ledger.post(held_for("lw-1", 80))
        tx.ledger.post(charged("lw-1", 60))
    with pytest.raises(DatabaseError), database.writing() as tx:
        tx.ledger.post(charged("lw-1", 60))
    with database.reading() as tx:
        assert tx.ledger.accounts(BUDGET, PERIOD) == {
            GRANTED: -100,
            FREE: 20,
            held("lw-1"): 20,
            used("p-1"): 60,
        }
        assert tx.ledger.accounts(BUDGET, "2026-12") == {}


@pytest.mark.parametrize(
    "posting", [held_for("lw-2", 41), charged("lw-1", 61)], ids=["free", "held"]
)
def test_more_than_there_is_cannot_be_held_or_charged_whatever_the_code_above_does(
    database: SqlDatabase, posting: Posting
) -> None:
    with database.writing() as tx:
        tx.ledger.post(granted(100))
        tx.ledger.post(held_for("lw-1", 60))
    with pytest.raises(DatabaseError, match="not_overdrawn"), database.writing() as tx:
        tx.ledger.post(posting)
    with database.reading() as tx:
        accounts = {GRANTED: -100, FREE: 40, held("lw-1"): 60}
        assert tx.ledger.accounts(BUDGET, PERIOD) == accounts
        assert tx.ledger.head().number == 2


@pytest.mark.parametrize("table", ["postings", "entries", "allotments", "events"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET made_ms = 1", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_the_database_refuses_to_change_what_is_on_record(
    database: SqlDatabase, url: str, table: str, statement: str
) -> None:
    with database.writing() as tx:
        tx.ledger.post(granted(100))
        tx.allotments.add(Allotment(BUDGET, None, PERIOD, 5, 1_000, "labwerk"))
        tx.events.add(Event(EventKind.SIGN_IN, 1_000, "p-1", "p-1", None, {}))
    engine = create_engine(url)
    if statement.startswith("TRUNCATE"):
        if engine.dialect.name == "sqlite":
            return  # it has no such statement
        statement += " CASCADE"
    column = {"entries": "ticks", "events": "at_ms"}.get(table, "made_ms")
    with pytest.raises(SqlError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement.format(table).replace("made_ms", column)))
    engine.dispose()


def test_what_was_used_is_told_as_of_any_posting(database: SqlDatabase) -> None:
    with database.writing() as tx:
        tx.ledger.post(granted(100))
        tx.ledger.post(held_for("lw-1", 60))
        tx.ledger.post(charged("lw-1", 24))
        tx.ledger.post(held_for("lw-2", 40))
        tx.ledger.post(charged("lw-2", 12))
    with database.reading() as tx:
        (first,) = tx.statements.used("thr", "2026-11-01", "2026-11-30", AsOf(4, 0))
        (both,) = tx.statements.used("thr", "2026-11-01", "2026-11-30", AsOf(5, 0), BUDGET)
        assert (first.ticks, first.ms, first.sessions) == (24, 10_000, 1)
        assert (both.ticks, both.ms, both.sessions) == (36, 20_000, 2)
        assert tx.statements.heads_at(AsOf(5, 0)) == tx.statements.heads_at(None)
        assert tx.statements.heads_at(AsOf(4, 0)).posting == 4
        november = Month(2026, 11)
        assert tx.statements.heads(november, 0, AsOf(4, 0)).posting == 3
        assert tx.statements.grants("thr", 5, 0, AsOf(4, 0)) == tx.statements.grants("thr", 5, 0)


def test_a_trigger_that_was_dropped_or_switched_off_is_named(
    database: SqlDatabase, url: str
) -> None:
    with database.reading() as tx:
        assert tx.chains.missing_triggers() == []
    engine = create_engine(url)
    gone = ["entries_refuse_update"]
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER entries_refuse_update"))
        else:
            connection.execute(text("DROP TRIGGER entries_refuse_update ON entries"))
            connection.execute(text("ALTER TABLE allotments DISABLE TRIGGER USER"))
            actions = ("update", "delete", "truncate")
            gone += [f"allotments_refuse_{action}" for action in actions]
    engine.dispose()
    with database.reading() as tx:
        assert tx.chains.missing_triggers() == gone


_REST = (
    "made_by, session, start_ms, end_ms, idle_ms, flavour, institution, budget, person, day, hash"
)
_ENTRY = "posting, line, budget, period, account, ticks"
_OTHER_LINE = "posting, 9, budget, period, account, 7"
_EVENT = "kind, actor, subject, object, content, salt, content_digest, hash"


@pytest.mark.parametrize(
    "statement",
    [
        f"postings SELECT id, 'grant', 'other', 0, {_REST} FROM postings",
        f"postings SELECT id + 9, kind, key, 0, {_REST} FROM postings",
        "entries SELECT posting, line, budget, period, account, 7 FROM entries",
        f"entries (rowid, {_ENTRY}) SELECT rowid, {_OTHER_LINE} FROM entries",
        "allotments SELECT id, budget, person, period, 7, made_ms, made_by, hash FROM allotments",
        f"events SELECT id, 0, {_EVENT} FROM events",
    ],
)
def test_nothing_on_record_is_replaced(database: SqlDatabase, url: str, statement: str) -> None:
    with database.writing() as tx:
        tx.ledger.post(granted(100))
        tx.allotments.add(Allotment(BUDGET, None, PERIOD, 5, 1_000, "labwerk"))
        tx.events.add(Event(EventKind.SIGN_IN, 1_000, "p-1", "p-1", None, {}))
    engine = create_engine(url)
    if engine.dialect.name != "sqlite":
        return  # others have no such statement
    with pytest.raises(SqlError, match="append-only"), engine.begin() as connection:
        connection.execute(text(f"INSERT OR REPLACE INTO {statement}"))
    engine.dispose()


def test_a_person_stands_in_line_once_whatever_the_code_above_does(database: SqlDatabase) -> None:
    with database.writing() as tx:
        tx.tickets.add(TICKET)
    with pytest.raises(DatabaseError), database.writing() as tx:
        tx.tickets.add(replace(TICKET, id="tk-2"))
    with database.writing() as tx:
        tx.tickets.set_ended("tk-1", TicketState.LEFT, 2_000)
        tx.tickets.add(replace(TICKET, id="tk-2", taken_ms=3_000))
    with database.reading() as tx:
        assert tx.tickets.open_of(LEASE.person) == replace(TICKET, id="tk-2", taken_ms=3_000)
        assert tx.tickets.last_ended_of(LEASE.person) == replace(
            TICKET, state=TicketState.LEFT, ended_ms=2_000
        )


def test_a_called_ticket_is_found_by_its_session_and_goes_back_in_line(
    database: SqlDatabase,
) -> None:
    with database.writing() as tx:
        tx.leases.add(LEASE)
        tx.tickets.add(TICKET)
        tx.tickets.set_place("tk-1", PlaceInLine(2, 1, None, 5_000))
        tx.tickets.set_called("tk-1", "lw-1", 2_000)
        tx.tickets.set_held("tk-1", 302_000)
        found = tx.tickets.of_session("lw-1")
        assert found == replace(
            TICKET,
            state=TicketState.CALLED,
            session="lw-1",
            called_ms=2_000,
            held_until_ms=302_000,
        )
        tx.tickets.reopen("tk-1")
        assert tx.tickets.of_session("lw-1") is None
        reopened = tx.tickets.open()
        assert [(t.state, t.held_until_ms) for t in reopened] == [(TicketState.WAITING, 302_000)]
        assert tx.tickets.place_of("tk-1") == PlaceInLine(2, 1, None, 5_000)
        assert tx.tickets.waits() == {"small": Wait(1, 1_000)}
        tx.tickets.reopen("tk-1", anew=True)
        assert tx.tickets.open() == [TICKET]


def test_what_is_known_of_a_session_is_kept_and_forgotten(database: SqlDatabase) -> None:
    known = Activity("lw-1", 1_000, 2_000, 3, None, 4_000, Sample(10**12, 1, 2, 0.5), 5_000)
    with database.writing() as tx:
        tx.leases.add(LEASE)
        assert tx.activities.get("lw-1") is None
        tx.activities.put(Activity("lw-1", 0))
        tx.activities.put(known)
        assert tx.activities.get("lw-1") == known
        tx.activities.forget("lw-1")
        assert tx.activities.get("lw-1") is None


def test_starts_are_counted_by_what_came_of_them(database: SqlDatabase) -> None:
    for outcome in ("granted", "waiting", "granted"):
        with database.writing() as tx:
            tx.outcomes.count(outcome)
    with database.reading() as tx:
        assert tx.outcomes.all() == {"granted": 2, "waiting": 1}


def test_what_was_used_lately_is_counted_by_institution_and_day(database: SqlDatabase) -> None:
    day = 24 * 3600 * 1000
    with database.writing() as tx:
        for number, (started, until) in enumerate([(day, day + 5_000), (2 * day, 2 * day + 1_000)]):
            session = f"lw-{number}"
            tx.leases.add(replace(LEASE, session=session, slice=None))
            tx.leases.set_live(session, started)
            tx.leases.set_metered(session, until)
        tx.leases.set_ended("lw-0", day + 5_000, EndReason.STOPPED)
    with database.reading() as tx:
        assert tx.leases.used_by_day(0) == {("thr", 1): 30, ("thr", 2): 6}
        assert tx.leases.used_by_day(day + 5_001) == {("thr", 2): 6}
        assert tx.leases.past_since(0) == [Past("thr", "small", day, 5_000)]
        assert tx.leases.past_since(day + 5_001) == []


def test_a_second_writer_waits_for_the_first(database: SqlDatabase) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.wait()
        with database.writing():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with database.writing() as tx:
        entered.set()
        tx.leases.add(LEASE)
        thread.join(timeout=0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_two_starts_race_for_the_last_of_a_budget_and_one_finds_it_gone(
    database: SqlDatabase,
) -> None:
    """What is read before it is written is read after the other one has written."""
    with database.writing() as tx:
        tx.ledger.post(granted(100))
    at_once, got = threading.Barrier(8), []

    def start(session: str) -> None:
        at_once.wait()
        with database.writing() as tx:
            free = tx.ledger.accounts(BUDGET, PERIOD, [FREE])[FREE]
            if free >= 100:
                tx.ledger.post(held_for(session, 100))
                got.append(session)

    threads = [threading.Thread(target=start, args=(f"lw-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    with database.reading() as tx:
        assert tx.ledger.accounts(BUDGET, PERIOD)[held(got[0])] == 100


def test_a_reader_sees_one_moment_however_much_is_written_meanwhile(database: SqlDatabase) -> None:
    with database.reading() as before:
        assert before.ledger.head().number == 0
        with database.writing() as tx:
            tx.ledger.post(granted(100))
        assert before.ledger.accounts(BUDGET, PERIOD) == {}
        assert before.ledger.head().number == 0


def test_a_database_that_was_never_migrated_says_what_to_do(empty: str) -> None:
    database = SqlDatabase(empty, first_uid=1)
    with (
        pytest.raises(DatabaseError, match="has `up` not migrated it yet"),
        database.reading() as tx,
    ):
        tx.people.by_name("anna")
    database.close()
