"""A database on a server: named by the settings, away for a while, and back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub import bootstrap
from labwerk_hub.adapters.sql import SqlDatabase, is_current, migrate
from labwerk_hub.errors import DatabaseError, SettingsError
from labwerk_hub.machine.checks import machine_problems
from labwerk_hub.machine.places import Places
from labwerk_hub.settings import Settings, load_settings
from support.accounts import identity
from support.postgres import Postgres
from support.settings import settings_text

IDENTITY = identity()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[SqlDatabase]:
    name = postgres.new_database()
    migrate(postgres.address(name))
    opened = SqlDatabase(postgres.address(name), first_uid=200_000)
    yield opened
    opened.close()
    postgres.drop(name)


def settings(folder: Path, url: str, password: str | None = None) -> Settings:
    values: dict[str, str | int] = {"database__url": url}
    if password is not None:
        (folder / "password").write_text(f"{password}\n", encoding="utf-8")
        values["database__password_file"] = "password"
    file = folder / "labwerk.toml"
    file.write_text(settings_text(folder / "state", None, **values), encoding="utf-8")
    return load_settings(file)


def add_anna(database: SqlDatabase) -> None:
    with database.writing() as tx:
        tx.people.add(IDENTITY, "thr--anna")


def is_there(database: SqlDatabase) -> bool:
    with database.reading() as tx:
        return tx.people.by_name("thr--anna") is not None


def test_the_next_transaction_works_after_the_server_was_restarted(
    database: SqlDatabase, postgres: Postgres
) -> None:
    add_anna(database)
    postgres.restart()
    assert is_there(database)


def test_a_server_that_is_away_is_told_of_in_a_sentence_and_needed_only_later(
    database: SqlDatabase, postgres: Postgres
) -> None:
    assert not is_there(database)
    postgres.stop()
    try:
        with pytest.raises(DatabaseError, match="does the server run") as told:
            is_there(database)
    finally:
        postgres.start()
    assert "\n" not in told.value.message
    assert postgres.password not in told.value.message
    add_anna(database)
    assert is_there(database)


def test_what_was_begun_when_the_server_went_away_is_not_kept(
    database: SqlDatabase, postgres: Postgres
) -> None:
    def add_while_it_is_restarted() -> None:
        with database.writing() as tx:
            tx.people.add(IDENTITY, "thr--anna")
            postgres.restart()

    with pytest.raises(DatabaseError, match="What was begun is not kept"):
        add_while_it_is_restarted()
    assert not is_there(database)
    add_anna(database)
    assert is_there(database)


def test_the_settings_name_a_server_and_the_file_of_its_password(
    postgres: Postgres, tmp_path: Path
) -> None:
    name = postgres.new_database()
    address = postgres.address(name, with_password=False)
    for url in (address, address.replace("+psycopg", "")):
        found = bootstrap.database_url(settings(tmp_path, url, postgres.password))
        assert found == postgres.address(name)
    assert not is_current(found)
    migrate(found)
    assert is_current(found)
    postgres.drop(name)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("mysql://labwerk@db.example/labwerk", "must be empty .SQLite., or begin with postgresql"),
        ("labwerk", "must be empty or an address such as postgresql"),
        ("postgresql+psycopg://labwerk:s3cret@db.example/labwerk", "write it into a file"),
        ("postgresql+psycopg://labwerk@db.example", "must name a database"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_what_would_be_right(
    tmp_path: Path, url: str, remedy: str
) -> None:
    with pytest.raises(SettingsError, match=f"database.url = .*{remedy}"):
        settings(tmp_path, url)


def test_check_and_up_say_that_the_server_cannot_be_asked(
    postgres: Postgres, tmp_path: Path
) -> None:
    name = postgres.new_database()
    address = postgres.address(name, with_password=False)
    places = Places(tmp_path / "state")

    def told(password: str) -> list[str]:
        problems = machine_problems(settings(tmp_path, address, password), places)
        return [one.message for one in problems if isinstance(one, DatabaseError)]

    assert told(postgres.password) == []  # that it is empty is for `up`
    (wrong,) = told("not-it")
    assert "password authentication failed" in wrong
    assert "not-it" not in wrong
    postgres.drop(name)
    (gone,) = told(postgres.password)
    assert "does not exist" in gone


def test_writers_wait_for_each_other_whatever_isolation_the_server_prefers(
    postgres: Postgres,
) -> None:
    name = postgres.new_database()
    with postgres.connect() as connection:
        connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"
        )
    migrate(postgres.address(name))
    database = SqlDatabase(postgres.address(name), first_uid=200_000)
    begun = threading.Event()

    def add_slowly() -> None:
        with database.writing() as tx:
            begun.set()
            time.sleep(0.5)  # the other has asked for its turn by then
            tx.people.add(IDENTITY, "thr--anna")

    first = threading.Thread(target=add_slowly)
    first.start()
    assert begun.wait(30)
    with database.writing() as tx:
        assert tx.people.by_name("thr--anna") is not None, "what the first wrote is seen"
    first.join()
    database.close()
    postgres.drop(name)
