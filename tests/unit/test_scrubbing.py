"""Nothing of what was removed stays in the database's file, even if that takes several tries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from labwerk_hub.adapters.sql import SqlDatabase, database, scrubbing
from labwerk_hub.api.hub import Hub
from labwerk_hub.api.loops.daily import TASKS, DailyLoop
from labwerk_hub.errors import DatabaseError
from labwerk_hub.services import leavers, people, retention
from support.accounts import identity
from support.small_install import SmallInstall, install
from support.tampering import Tamperer
from support.workbench import Bench, bench_in

NAME = "thr--xaver-quandt"
SUNDAY_NIGHT = datetime(2026, 11, 22, 3, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labwerk.sqlite"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """One in which nobody waits long for the file."""
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_MS", 50)
    with bench_in(tmp_path) as made:
        made.person("Xaver Quandt")
        yield made


@contextmanager
def _copied(file: Path) -> Iterator[None]:
    """While somebody reads from the database."""
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM people").fetchone()
        yield


def _is_marked(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as there:
        (number,) = there.execute("PRAGMA user_version").fetchone()
    return bool(number)


def test_what_could_not_be_scrubbed_is_by_the_daily_loop_after_a_restart(
    bench: Bench, file: Path
) -> None:
    bench.clock.now = MONDAY
    with _copied(file):
        leavers.erase(bench.workbench, NAME)
        with pytest.raises(DatabaseError, match="is it being copied"):
            retention.scrub(bench.workbench)
    assert _is_marked(file)
    again = SqlDatabase(f"sqlite:///{file}", first_uid=200_000)
    DailyLoop(replace(bench.workbench, database=again), TASKS).look_once()
    again.close()
    assert not _is_marked(file)
    assert Tamperer(file).finds("quandt") == []


def test_content_that_is_over_its_time_is_scrubbed_as_well(bench: Bench, file: Path) -> None:
    bench.start(NAME)
    bench.stop(NAME)
    assert not _is_marked(file)
    bench.clock.step(days=366)
    retention.seal_and_redact(bench.workbench)
    assert _is_marked(file)
    assert retention.scrub(bench.workbench)
    assert not _is_marked(file)


def test_what_is_removed_while_the_file_is_written_anew_is_still_to_be_scrubbed(
    bench: Bench, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.person("Ben")
    leavers.erase(bench.workbench, NAME)
    size = scrubbing._size

    def meanwhile(driver: sqlite3.Connection) -> int:
        if people.find(bench.workbench, "thr--ben") is not None:
            leavers.erase(bench.workbench, "thr--ben")
        return size(driver)

    monkeypatch.setattr(scrubbing, "_size", meanwhile)
    assert not retention.scrub(bench.workbench)
    assert _is_marked(file)
    assert retention.scrub(bench.workbench)


def test_a_large_file_is_written_anew_when_few_write(
    bench: Bench, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "_SMALL", 0)
    bench.clock.now = MONDAY
    leavers.erase(bench.workbench, NAME)
    assert not retention.scrub(bench.workbench)
    assert _is_marked(file)
    bench.clock.now = SUNDAY_NIGHT
    assert retention.scrub(bench.workbench)
    assert not _is_marked(file)


def test_a_large_file_that_is_left_alone_keeps_its_log_and_whoever_reads_it_in_peace(
    bench: Bench, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "_SMALL", 0)
    bench.clock.now = MONDAY
    leavers.erase(bench.workbench, NAME)
    log = file.with_name(f"{file.name}-wal")
    size = log.stat().st_size
    with _copied(file):
        assert not retention.scrub(bench.workbench)
    assert log.stat().st_size == size > 0


def test_moving_pages_takes_no_mark_away(bench: Bench, file: Path) -> None:
    leavers.erase(bench.workbench, NAME)
    bench.workbench.database.checkpoint()
    assert _is_marked(file)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallInstall:
    """An install whose hub knows nobody, and in which nobody waits long for the database."""
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr(Hub, "forget", lambda _hub, _name: None)
    found = install(tmp_path)
    secrets = found.settings.machine.state / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    (secrets / "service_token").write_text("token", encoding="utf-8")
    return found


def test_an_erasure_is_whole_although_the_file_cannot_be_written_anew(here: SmallInstall) -> None:
    state = here.settings.machine.state
    name = people.remember(here.workbench, identity("Anna Müller")).name
    (state / "homes" / name).mkdir(parents=True)
    with _copied(state / "labwerk.sqlite"):
        answer = here.run("people", "erase", name, "--yes", "--keep-home")
    assert answer.code == 0, answer.text
    assert "may still have copies of it" in answer.text
    assert "is it being copied?" in answer.text
    (home,) = (state / "homes").iterdir()
    assert home.name.startswith("thr--erased-")
    assert people.find(here.workbench, name) is None
    assert retention.scrub(here.workbench)
