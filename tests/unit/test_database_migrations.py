"""Migrations, on SQLite and PostgreSQL: from nothing, and from what older versions wrote."""

from __future__ import annotations

from importlib import resources

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from labwerk_hub.adapters import sql
from labwerk_hub.adapters.sql import SqlDatabase, is_current, migrate
from labwerk_hub.adapters.sql.tables import metadata
from labwerk_hub.domain.chain import GENESIS, link
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.errors import DatabaseError
from sqlalchemy import create_engine, text

LEASE = Lease(
    session="lw-1",
    person="thr--a",
    institution="thr",
    flavour="small",
    image="base",
    slice=Slice("gpu", "2g.20gb", 2, 2),
    ticks_per_second=6,
    state=LeaseState.LIVE,
    intended_ms=1_000,
    ends_ms=61_000,
    longest_ms=61_000,
    started_ms=2_000,
    metered_to_ms=3_000,
    payer="institution/thr",
    paid_by="thr",
)
#: As the first version wrote them.
OLD = """
insert into people (uid, name, issuer, subject, institution, display_name, groups, roles)
values (200000, 'thr--a', 'https://sso.example', '1', 'thr', 'A', '[]', '[]');
insert into leases (session, person, institution, flavour, image, gpu, profile, start, size,
  ticks_per_second, state, intended_ms, ends_ms, started_ms, metered_to_ms, ended_ms, end_reason)
values
  ('lw-1', 'thr--a', 'thr', 'small', 'base', 'gpu', '2g.20gb', 2, 2, 6, 'live',
   1000, 61000, 2000, 3000, null, null),
  ('lw-2', 'thr--a', 'thr', 'small', 'base', 'gpu', '1g.10gb', 0, 1, 6, 'intended',
   1000, 62000, null, null, null, null),
  ('lw-3', 'thr--a', 'thr', 'small', 'base', null, null, null, null, 6, 'ended',
   1000, 63000, 2000, 9000, 9000, 'stopped');
insert into held_units (gpu, unit, session)
values ('gpu', 2, 'lw-1'), ('gpu', 3, 'lw-1'), ('gpu', 0, 'lw-2');
insert into charges (session, interval_start_ms, interval_end_ms, ticks)
values ('lw-1', 2000, 3000, 6), ('lw-3', 2000, 5000, 18), ('lw-3', 5000, 9000, 24);
insert into entries (session, interval_start_ms, account, period, ticks) values
  ('lw-1', 2000, 'use/thr--a', '1970-01', 6), ('lw-1', 2000, 'budget/thr', '1970-01', -6),
  ('lw-3', 2000, 'use/thr--a', '1970-01', 18), ('lw-3', 2000, 'budget/thr', '1970-01', -18),
  ('lw-3', 5000, 'use/thr--a', '1970-01', 24), ('lw-3', 5000, 'budget/thr', '1970-01', -24);
"""
#: Columns that came after it, as the second version fills them.
OF_THE_SECOND = "update leases set longest_ms = ends_ms;"


def _as_an_older_version(address: str, revision: str) -> None:
    """What its `up` made, and what it wrote."""
    config = Config()
    config.set_main_option("script_location", str(resources.files(sql).joinpath("migrations")))
    engine = create_engine(address)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    with engine.begin() as connection:
        for statement in (OLD + (OF_THE_SECOND if revision > "0001" else "")).split(";")[:-1]:
            connection.execute(text(statement))
    engine.dispose()


def _carried_over(address: str, revision: str) -> SqlDatabase:
    """An older version's database after this version's `up`."""
    _as_an_older_version(address, revision)
    migrate(address)
    return SqlDatabase(address, first_uid=200_000)


def test_the_tables_after_all_migrations_are_those_that_the_code_goes_by(empty: str) -> None:
    migrate(empty)
    assert is_current(empty)
    engine = create_engine(empty)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrating_twice_changes_nothing(empty: str) -> None:
    _as_an_older_version(empty, "0002")
    migrate(empty)
    migrate(empty)
    database = SqlDatabase(empty, first_uid=200_000)
    with database.reading() as tx:
        assert tx.people.by_name("thr--a") is not None
        assert tx.ledger.head().number == 3
    database.close()


def test_a_database_of_a_newer_version_is_left_alone(empty: str) -> None:
    migrate(empty)
    engine = create_engine(empty)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    engine.dispose()
    assert not is_current(empty)
    with pytest.raises(DatabaseError, match="cannot be migrated"):
        migrate(empty)


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_leases_that_run_go_on_when_the_database_of_an_older_version_is_migrated(
    empty: str, revision: str
) -> None:
    database = _carried_over(empty, revision)
    with database.reading() as tx:
        kept = [tx.leases.get(session) for session in ("lw-1", "lw-2", "lw-3")]
        assert [(lease.longest_ms, lease.ends_ms) for lease in kept if lease] == [
            (61_000, 61_000),
            (62_000, 62_000),
            (63_000, 63_000),
        ]
        assert kept[0] == LEASE
        assert [lease.session for lease in tx.leases.holding()] == ["lw-1", "lw-2"]
        assert tx.tickets.open() == []
    with database.writing() as tx:
        tx.leases.set_stopping("lw-1", EndReason.TIME_UP)
    database.close()


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_what_an_older_version_charged_is_booked_again_and_chained(
    empty: str, revision: str
) -> None:
    database = _carried_over(empty, revision)
    with database.reading() as tx:
        anna = tx.people.by_name("thr--a")
        assert anna is not None
        assert anna.pseudonym.startswith("p-")
        figures = tx.ledger.figures("institution/thr", "1970-01")
        assert (figures.granted, figures.used, figures.free) == (48, 48, 0)
        assert tx.ledger.accounts("institution/thr", "1970-01")[f"used:{anna.pseudonym}"] == 48
        sums = tx.usage.of_person(anna.pseudonym, "1970-01", "1970-01")
        assert [(one.ticks, one.ms, one.sessions) for one in sums] == [(48, 8_000, 2)]
        assert [posting.key for posting in tx.chains.postings()] == [
            "charge:lw-1:2000",
            "charge:lw-3:2000",
            "charge:lw-3:5000",
        ]
        assert list(tx.chains.wrong_balances()) == []
        assert list(tx.chains.wrong_usage_sums()) == []
        hashes = [GENESIS]
        for posting in tx.chains.postings():
            hashes.append(link(hashes[-1], posting.content))
            assert posting.hash == hashes[-1], posting.key
    database.close()
