"""The database: what is written once stays, and a unit is never held twice."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.adapters.sql import SqlDatabase, migrate
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.ledger import entries_of
from labwerk_hub.domain.metering import Usage
from labwerk_hub.domain.people import Identity, Person, Role
from labwerk_hub.errors import DatabaseError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.exc import IntegrityError

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
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'labwerk.sqlite'}"
    migrate(address)
    return address


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
        assert found == Person.of(IDENTITY, name="thr--anna-mueller", uid=200_000)
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
        assert live.held_ticks() == 6 * 59
        tx.leases.set_ended("lw-1", 3_000, EndReason.STOPPED)
        assert tx.leases.unended() == []
        tx.leases.add(replace(LEASE, session="lw-2"))
    with database.reading() as tx:
        assert [lease.session for lease in tx.leases.unended_of(LEASE.person)] == ["lw-2"]


def test_a_unit_that_is_held_cannot_be_held_again_whatever_the_code_above_does(
    database: SqlDatabase,
) -> None:
    overlapping = replace(LEASE, session="lw-2", slice=Slice("gpu", "1g.10gb", 3, 1))
    with database.writing() as tx:
        tx.leases.add(LEASE)
    with pytest.raises(IntegrityError), database.writing() as tx:
        tx.leases.add(overlapping)
    with database.reading() as tx:
        assert [lease.session for lease in tx.leases.unended()] == ["lw-1"]


def test_an_interval_is_charged_once(database: SqlDatabase) -> None:
    usage = Usage("lw-1", 1_000, 11_000, 60, "2026-11")
    entries = entries_of(usage, "thr", "thr--anna-mueller")
    with database.writing() as tx:
        tx.leases.add(LEASE)
        tx.ledger.charge(usage, entries)
    with pytest.raises(IntegrityError), database.writing() as tx:
        tx.ledger.charge(usage, entries)
    with database.reading() as tx:
        assert tx.ledger.total("use/thr--anna-mueller", "2026-11") == 60
        assert tx.ledger.total("budget/thr", "2026-11") == -60
        assert tx.ledger.total("budget/thr", "2026-12") == 0


@pytest.mark.parametrize("statement", ["UPDATE entries SET ticks = 1", "DELETE FROM charges"])
def test_the_database_refuses_to_change_the_ledger(
    database: SqlDatabase, url: str, statement: str
) -> None:
    usage = Usage("lw-1", 1_000, 11_000, 60, "2026-11")
    with database.writing() as tx:
        tx.leases.add(LEASE)
        tx.ledger.charge(usage, entries_of(usage, "thr", LEASE.person))
    with (
        pytest.raises(SqlError, match="append-only"),
        create_engine(url).begin() as connection,
    ):
        connection.execute(text(statement))


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


def test_a_database_that_was_never_migrated_says_what_to_do(tmp_path: Path) -> None:
    empty = SqlDatabase(f"sqlite:///{tmp_path / 'empty.sqlite'}", first_uid=1)
    with pytest.raises(DatabaseError, match="has `up` not migrated it yet"), empty.reading() as tx:
        tx.people.by_name("anna")
    empty.close()


def test_migrating_twice_changes_nothing(url: str, database: SqlDatabase) -> None:
    migrate(url)
    with database.reading() as tx:
        assert tx.people.by_name("thr--anna-mueller") is not None
