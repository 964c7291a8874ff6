"""The database, SQLite and PostgreSQL: what is written stays, and no unit is held twice."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from labwerk_hub.adapters.sql import SqlDatabase
from labwerk_hub.domain.expectation import Past
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.idleness import Activity, Sample
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.errors import DatabaseError
from labwerk_hub.services.tables import PlaceInLine, Wait
from support.accounts import identity

IDENTITY = identity("b", "a", roles=frozenset({Role.INSTRUCTOR}))
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


@pytest.fixture
def database(database: SqlDatabase) -> SqlDatabase:
    with database.writing() as tx:
        tx.people.add(IDENTITY, "thr--anna-mueller")
    return database


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


def test_a_database_that_was_never_migrated_says_what_to_do(empty: str) -> None:
    database = SqlDatabase(empty, first_uid=1)
    with (
        pytest.raises(DatabaseError, match="has `up` not migrated it yet"),
        database.reading() as tx,
    ):
        tx.people.by_name("anna")
    database.close()
