"""Disk space: when folders are measured, what people are told, which snapshots are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub import formats
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.quotas import (
    DiskUse,
    Folder,
    FolderKind,
    Fullness,
    How,
    Quotas,
    SnapshotRule,
    fullness,
    snapshot_ms,
    snapshot_name,
    to_measure,
)
from labwerk_hub.domain.texts import Localized
from labwerk_hub.errors import SettingsError, StorageError
from labwerk_hub.services import overview, storage
from labwerk_hub.settings import StorageSettings, load_settings
from labwerk_hub.settings.storage import bytes_of
from support.settings import settings_text
from support.workbench import CATALOGUE, HOUR_MS, MINUTE_MS, Bench, bench_in

GIB, MIB = 2**30, 2**20
DAY_MS = 24 * HOUR_MS
ROTOR = Folder(FolderKind.PROJECT, "rotor")
PROJECT = Project(
    "rotor", Localized(en="Rotors", de="Rotoren", it="Rotori", fr="Rotors"), "project-rotor"
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as found:
        found.with_catalogue(projects=(*CATALOGUE.projects, PROJECT))
        found.storage.projects.add("rotor")
        yield found


def home(bench: Bench, name: str = "Anna") -> Folder:
    """Somebody's home."""
    person = bench.person(name, "thr", "project-rotor")
    with bench.workbench.database.reading() as tx:
        found = tx.people.by_name(person)
    assert found is not None
    bench.storage.prepare_home(found)
    return Folder(FolderKind.HOME, person)


def shown(bench: Bench, folder: Folder, language: str = "en") -> storage.StorageView:
    """What its person's panel shows of their home."""
    views = overview.of_person(bench.workbench, folder.name, language).storage
    return next(view for view in views if view.kind is FolderKind.HOME)


def use_of(folder: Folder, how: How = How.MEASURED, tried_ms: int = 0) -> DiskUse:
    return DiskUse(folder, how, 1, None, None, tried_ms, tried_ms)


# Limits


def test_a_project_has_its_own_quota_or_that_of_all() -> None:
    quotas = Quotas(home_bytes=1, project_bytes=2, of_projects={"rotor": 3, "netz": None})
    folders = [Folder(FolderKind.PROJECT, name) for name in ("rotor", "netz", "other")]
    assert [quotas.limit(folder) for folder in folders] == [3, None, 2]
    assert quotas.limit(Folder(FolderKind.HOME, "thr--rotor")) == 1


def test_no_gib_is_no_limit_and_parts_of_a_gib_are_one() -> None:
    assert StorageSettings().home_gib == 0
    assert bytes_of(0) is None
    assert bytes_of(0.5) == 512 * MIB


def test_a_file_for_homes_needs_a_size(tmp_path: Path) -> None:
    file = tmp_path / "labwerk.toml"
    file.write_text(settings_text(tmp_path / "state", storage__btrfs_file_gib=0))
    with pytest.raises(SettingsError) as refused:
        load_settings(file)
    (problem,) = refused.value.problems
    assert problem.startswith(f"{file}: storage.btrfs_file_gib = 0: must say how large")


@pytest.mark.parametrize(
    ("count", "language", "expected"),
    [
        (0, "en", "0 B"),
        (1023, "en", "1,023 B"),
        (2**20, "en", "1 MiB"),
        (int(2.5 * 2**30), "en", "2.5 GiB"),
        (int(2.5 * 2**30), "de", "2,5 GiB"),
        (840 * 2**20 + 1, "fr", "840 MiB"),
        (20 * 2**40, "it", "20 TiB"),
    ],
)
def test_sizes_are_written_as_the_language_does(count: int, language: str, expected: str) -> None:
    assert formats.size(count, language) == expected.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("how", "used", "limit", "expected"),
    [
        (How.MEASURED, 89 * MIB, 100 * MIB, Fullness.ROOM),
        (How.MEASURED, 90 * MIB, 100 * MIB, Fullness.NEAR),
        (How.MEASURED, 100 * MIB - 1, 100 * MIB, Fullness.NEAR),
        (How.MEASURED, 100 * MIB, 100 * MIB, Fullness.OVER),
        (How.ENFORCED, 99 * MIB, 100 * MIB, Fullness.OVER),
        (How.ENFORCED, 99 * GIB, 100 * GIB, Fullness.NEAR),
        (How.MEASURED, 100 * MIB, None, Fullness.ROOM),
        (How.MEASURED, None, 100 * MIB, Fullness.ROOM),
    ],
)
def test_how_full_a_folder_is(
    how: How, used: int | None, limit: int | None, expected: Fullness
) -> None:
    assert fullness(DiskUse(ROTOR, how, used, limit, None), warn_percent=90) is expected


# Whose turn it is


def test_what_was_looked_at_longest_ago_comes_first_and_not_all_at_once() -> None:
    folders = [Folder(FolderKind.HOME, f"thr--p{number}") for number in range(5)]
    now = 10 * DAY_MS
    known = {f: use_of(f, tried_ms=now - (2 + n) * HOUR_MS) for n, f in enumerate(folders[1:])}
    assert to_measure(folders, known, now, most=3) == [folders[0], folders[4], folders[3]]


def test_what_is_counted_is_read_often_and_what_is_walked_seldom() -> None:
    now = 10 * DAY_MS
    for how, minutes in ((How.ENFORCED, 5), (How.MEASURED, 60)):
        early = {ROTOR: use_of(ROTOR, how, now - minutes * MINUTE_MS + 1)}
        late = {ROTOR: use_of(ROTOR, how, now - minutes * MINUTE_MS)}
        assert to_measure([ROTOR], early, now, most=9) == []
        assert to_measure([ROTOR], late, now, most=9) == [ROTOR]


def test_a_clock_that_was_set_back_does_not_stop_the_measuring() -> None:
    known = {ROTOR: use_of(ROTOR, tried_ms=20 * DAY_MS)}
    assert to_measure([ROTOR], known, 10 * DAY_MS, most=9) == [ROTOR]


# Snapshots


def test_a_snapshot_is_named_by_when_it_was_taken() -> None:
    taken = 1_795_836_660_000
    assert snapshot_name(taken) == "2026-11-28T033100Z"
    assert snapshot_ms("2026-11-28T033100Z") == taken
    with pytest.raises(ValueError, match="does not match"):
        snapshot_ms("lost+found")


def test_snapshots_come_so_many_times_a_day_and_are_kept_so_many_days() -> None:
    rule, now = SnapshotRule(per_day=4, kept_days=2), 20_000 * DAY_MS
    assert rule.is_due([], now)
    assert not rule.is_due([now - 6 * HOUR_MS + 1], now)
    assert rule.is_due([now - 6 * HOUR_MS], now)
    assert rule.is_due([now + HOUR_MS], now)  # taken when the clock was wrong
    names = [snapshot_name(now - days * DAY_MS) for days in (0, 1, 2, 3)]
    assert rule.expired(names, now) == names[2:]


def test_without_snapshots_in_the_settings_none_is_due() -> None:
    assert not SnapshotRule(per_day=0, kept_days=14).is_due([], 0)
    assert not SnapshotRule(per_day=1, kept_days=0).is_due([], 0)


def test_homes_get_snapshots_when_they_are_due_and_lose_old_ones(bench: Bench) -> None:
    bench.with_policy(quotas=Quotas(snapshots=SnapshotRule(per_day=1, kept_days=2)))
    bench.storage.has_snapshots = True
    anna = home(bench)
    bench.storage.prepare_project("rotor")
    first = storage.look(bench.workbench)
    assert (first.measured, first.taken, first.dropped) == (2, 1, 0)
    bench.clock.step(hours=1)
    assert storage.look(bench.workbench).taken == 0
    for _ in range(2):
        bench.clock.step(days=1)
        storage.look(bench.workbench)
    view = shown(bench, anna)
    assert view.snapshots is not None
    assert [s.path for s in view.snapshots] == [
        "/snapshots/2026-11-18T130000Z",
        "/snapshots/2026-11-17T130000Z",
    ]


def test_a_snapshot_can_be_asked_for_at_any_time(bench: Bench) -> None:
    bench.storage.has_snapshots = True
    anna, ben = home(bench), home(bench, "Ben")
    assert storage.snapshot(bench.workbench, anna.name) == [anna.name]
    bench.clock.step(seconds=1)
    assert storage.snapshot(bench.workbench) == [anna.name, ben.name]
    assert len(shown(bench, anna).snapshots or ()) == 2
    with pytest.raises(StorageError, match="no home of 'thr--nobody'"):
        storage.snapshot(bench.workbench, "thr--nobody")


# What people are told


def test_a_folder_that_was_not_measured_yet_is_not_shown_as_empty(bench: Bench) -> None:
    anna = home(bench)
    assert overview.of_person(bench.workbench, anna.name).storage == ()


def test_nobody_is_warned_while_there_is_room(bench: Bench) -> None:
    anna = home(bench)
    bench.storage.used[anna], bench.storage.limits[anna] = 5 * GIB, 20 * GIB
    storage.look(bench.workbench)
    view = shown(bench, anna)
    assert (view.used_bytes, view.limit_bytes, view.warning) == (5 * GIB, 20 * GIB, None)
    assert (view.path, view.how, view.measured_at) == (
        "/home/lab",
        How.MEASURED,
        bench.clock.now,
    )


def test_whoever_is_near_the_quota_is_told_how_near(bench: Bench) -> None:
    anna = home(bench)
    bench.storage.used[anna], bench.storage.limits[anna] = int(18.5 * GIB), 20 * GIB
    storage.look(bench.workbench)
    assert shown(bench, anna).warning == (
        "Your home holds 18.5\N{NO-BREAK SPACE}GiB of the 20\N{NO-BREAK SPACE}GiB that it may. "
        "Please delete or move what you do not need."
    )


def test_what_is_enforced_and_what_is_only_measured_are_told_differently(bench: Bench) -> None:
    anna = home(bench)
    bench.storage.used[anna] = bench.storage.limits[anna] = 20 * GIB
    storage.look(bench.workbench)
    assert "more than the" in str(shown(bench, anna).warning)
    bench.storage.how = How.ENFORCED
    bench.clock.step(hours=1)
    storage.look(bench.workbench)
    assert "nothing more can be saved" in str(shown(bench, anna).warning)


def test_members_see_their_projects_folder_by_its_title(bench: Bench) -> None:
    member, stranger = bench.person("Anna", "thr", "project-rotor"), bench.person("Ben")
    bench.storage.prepare_project("rotor")
    bench.storage.used[ROTOR] = bench.storage.limits[ROTOR] = GIB
    storage.look(bench.workbench)
    (view,) = overview.of_person(bench.workbench, member, "de").storage
    assert (view.title, view.path) == ("Rotoren", "/projects/rotor")
    assert "Rotoren" in str(view.warning)
    assert overview.of_person(bench.workbench, stranger).storage == ()


def test_a_folder_too_large_to_walk_keeps_what_was_known_and_waits_its_turn(
    bench: Bench,
) -> None:
    anna = home(bench)
    bench.storage.used[anna] = 5 * GIB
    storage.look(bench.workbench)
    before = bench.clock.now
    bench.clock.step(hours=1)
    bench.storage.used[anna] = None
    assert storage.look(bench.workbench).measured == 1
    view = shown(bench, anna)
    assert (view.used_bytes, view.measured_at) == (5 * GIB, before)
    bench.clock.step(minutes=30)
    assert storage.look(bench.workbench).measured == 0


def test_what_never_could_be_measured_is_unknown_and_not_nothing(bench: Bench) -> None:
    anna = home(bench)
    bench.storage.used[anna] = None
    storage.look(bench.workbench)
    view = shown(bench, anna)
    assert (view.used_bytes, view.measured_at, view.warning) == (None, None, None)


def test_a_folder_that_is_gone_is_forgotten(bench: Bench, tmp_path: Path) -> None:
    anna = home(bench)
    storage.look(bench.workbench)
    (tmp_path / "homes" / anna.name).rmdir()
    storage.look(bench.workbench)
    assert storage.every_view(bench.workbench) == ()


def test_a_helper_that_does_not_answer_leaves_what_is_known(bench: Bench) -> None:
    anna = home(bench)
    storage.look(bench.workbench)
    bench.storage.failing.add("folders")
    with pytest.raises(StorageError):
        storage.look(bench.workbench)
    assert shown(bench, anna).kind is FolderKind.HOME


def test_a_snapshot_that_fails_does_not_keep_others_from_theirs(bench: Bench) -> None:
    bench.with_policy(quotas=Quotas(snapshots=SnapshotRule(per_day=1, kept_days=2)))
    bench.storage.has_snapshots = True
    home(bench)
    bench.storage.failing.add("take_snapshot")
    assert storage.look(bench.workbench).taken == 0
    bench.storage.failing.clear()
    bench.clock.step(hours=1)
    assert storage.look(bench.workbench).taken == 1
