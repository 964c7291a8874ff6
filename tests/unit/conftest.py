"""Fixtures of the unit tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from labwerk_hub.adapters.sql import SqlDatabase, migrate
from support.workbench import Bench, bench_in

if TYPE_CHECKING:
    from support.postgres import Postgres

# The same examples each time: what was green stays so. `--hypothesis-profile=default` looks anew.
settings.load_profile("ci")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workbench with one GPU of two small slices, at noon."""
    with bench_in(tmp_path) as made:
        yield made


@pytest.fixture
def full(bench: Bench) -> Bench:
    """The same ten minutes later: Olga has had one of them since noon, Otto has the other."""
    bench.start(bench.person("Olga"))
    bench.clock.step(minutes=10)
    bench.start(bench.person("Otto"))
    return bench


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; `python3 tests` installs it for the parts with an engine."""
    from support.postgres import programs, serving

    if programs() is None:
        pytest.skip("Debian's package postgresql is not installed")
    with serving() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'labwerk.sqlite'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.new_database()
    try:
        yield server.address(name)
    finally:
        server.drop(name)


@pytest.fixture
def migrated(empty: str) -> str:
    """The same with tables, in which is nothing yet."""
    migrate(empty)
    return empty


@pytest.fixture
def database(migrated: str) -> Iterator[SqlDatabase]:
    """The same as Labwerk opens it."""
    opened = SqlDatabase(migrated, first_uid=200_000)
    yield opened
    opened.close()
