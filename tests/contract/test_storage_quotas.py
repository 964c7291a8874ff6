"""Quotas and snapshots with the real root helper, on a real Btrfs in a file.

People are processes of their user id that see what a session would have mounted.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.adapters.storage import HelperStorage
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.quotas import DiskUse, Folder, FolderKind, How
from labwerk_hub.errors import StorageError
from labwerk_hub.machine import mounts
from labwerk_hub.machine.accounts import ensure_folders
from labwerk_hub.machine.convert import convert
from labwerk_hub.machine.down import remove_state
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.volume import leave_volume, volume_problems
from labwerk_hub.settings import Settings, StorageSettings
from support.accounts import person
from support.root_helper import root_helper, settings_in

MIB = 2**20
ANNA = person()
BEN = replace(ANNA, name="thr--ben", uid=200_001)
HOME = Folder(FolderKind.HOME, ANNA.name)
FIRST, SECOND = "2026-11-28T120000Z", "2026-11-28T130000Z"
STORAGE = StorageSettings(
    home_gib=16 / 1024,
    project_gib=32 / 1024,
    backing="btrfs-file",
    btrfs_file_gib=1,
    snapshots_per_day=1,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="file systems need root")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """The shipped settings with homes of 16 MiB on a file of the test's own."""
    found = settings_in(tmp_path, storage=STORAGE)
    places = Places(found.machine.state)
    places.state.mkdir()
    ensure_folders(found.machine.user, places)
    yield found
    if places.state.exists():
        mounts.unmount_all(places.data)
        leave_volume(places)
    assert loop_devices(places) == ""


@contextmanager
def helper(settings: Settings) -> Iterator[HelperStorage]:
    """The root helper, for as long as it runs."""
    with root_helper(settings):
        yield HelperStorage(settings.machine.state)


@pytest.fixture
def storage(settings: Settings) -> Iterator[HelperStorage]:
    with helper(settings) as found:
        yield found


def with_storage(settings: Settings, **values: object) -> Settings:
    changed = settings.storage.model_copy(update=values)
    return settings.model_copy(update={"storage": changed})


def loop_devices(places: Places) -> str:
    listed = ["losetup", "--list", "--noheadings", "--output=NAME", "-j", str(places.volume_file)]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.strip()


def in_session(folder: str | Path, command: str, person: Person = ANNA, mode: str = "rw") -> str:
    """What a shell command of a person says, whose session has ``folder`` at /mnt."""
    inside = (
        f'mount --bind "$1" /mnt && mount -o remount,bind,{mode} /mnt && cd /mnt && '
        f"exec setpriv --reuid {person.uid} --regid {person.uid} --clear-groups sh -c '{command}'"
    )
    words = ["unshare", "--mount", "sh", "-c", inside, "sh", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def write(folder: str | Path, file: str, mib: int, person: Person = ANNA) -> str:
    command = f"dd if=/dev/urandom of={file} bs=1M count={mib} conv=fsync status=none"
    return in_session(folder, command, person)


def measured(storage: HelperStorage, folder: Folder = HOME) -> DiskUse:
    os.sync()  # the kernel counts what is on disk
    (use,) = storage.measure([folder])
    return use


def held(use: DiskUse) -> int:
    assert use.used_bytes is not None
    return use.used_bytes


REFUSED = os.strerror(errno.EDQUOT)


def test_a_home_takes_its_quota_and_no_more_and_others_go_on(storage: HelperStorage) -> None:
    anna, ben = storage.prepare_home(ANNA), storage.prepare_home(BEN)
    assert REFUSED in write(anna, "large.bin", 32)
    assert write(ben, "mine.bin", 8, BEN) == ""
    use = measured(storage)
    assert (use.how, use.limit_bytes) == (How.ENFORCED, 16 * MIB)
    assert 15 * MIB < held(use) <= 16 * MIB


def test_what_is_deleted_makes_room_again(storage: HelperStorage) -> None:
    home = storage.prepare_home(ANNA)
    assert REFUSED in write(home, "large.bin", 32)
    assert in_session(home, "rm large.bin") == ""
    assert held(measured(storage)) < MIB
    assert write(home, "next.bin", 12) == ""


def test_a_project_may_have_a_quota_of_its_own(settings: Settings) -> None:
    rotor = settings.projects[0].model_copy(update={"disk_gib": 8 / 1024})
    own = settings.model_copy(update={"projects": (rotor, *settings.projects[1:])})
    with helper(own) as storage:
        rotors, netz = storage.prepare_project("rotor"), storage.prepare_project("netz")
        assert REFUSED in write(rotors, "large.bin", 16)
        assert write(netz, "large.bin", 16) == ""


def test_a_snapshot_keeps_what_was_there_and_takes_no_writes(storage: HelperStorage) -> None:
    home = storage.prepare_home(ANNA)
    in_session(home, "echo first > notes.txt")
    assert storage.take_snapshot(ANNA.name, FIRST)
    in_session(home, "echo second > notes.txt")
    folder = storage.snapshots_folder(ANNA.name)
    assert folder is not None
    assert in_session(folder, f"cat {FIRST}/notes.txt", mode="ro") == "first\n"
    for change in (
        f"echo x > {FIRST}/notes.txt",
        f"rm {FIRST}/notes.txt",
        f"touch {FIRST}/new",
        f"mv {FIRST} other",
        f"btrfs property set -t subvol {FIRST} ro false",  # it is the person's own, after all
        f"btrfs subvolume delete {FIRST}",
    ):
        assert in_session(folder, change, mode="ro") != "", change
    assert in_session(folder, f"cat {FIRST}/notes.txt", mode="ro") == "first\n"


def test_a_session_that_runs_sees_new_snapshots(storage: HelperStorage) -> None:
    home = storage.prepare_home(ANNA)
    folder = storage.snapshots_folder(ANNA.name)
    assert folder is not None
    inside = f'mount --bind "{folder}" /mnt && read go && ls /mnt'
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", inside],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as session:
        in_session(home, "echo first > notes.txt")
        assert storage.take_snapshot(ANNA.name, FIRST)
        assert session.communicate("go\n")[0] == f"{FIRST}\n"


def test_snapshots_count_against_nothing(storage: HelperStorage) -> None:
    home = storage.prepare_home(ANNA)
    write(home, "data.bin", 10)
    storage.take_snapshot(ANNA.name, FIRST)
    in_session(home, "rm data.bin")
    assert write(home, "other.bin", 10) == ""
    use = measured(storage)
    assert use.snapshots == (FIRST,)
    assert held(use) < 11 * MIB


def test_a_home_without_a_change_gets_no_further_snapshot(storage: HelperStorage) -> None:
    home = storage.prepare_home(ANNA)
    assert storage.take_snapshot(ANNA.name, FIRST)
    assert not storage.take_snapshot(ANNA.name, SECOND)
    in_session(home, "echo changed > notes.txt")
    os.sync()
    assert storage.take_snapshot(ANNA.name, SECOND)


def test_a_snapshot_that_is_dropped_is_gone(storage: HelperStorage) -> None:
    storage.prepare_home(ANNA)
    storage.take_snapshot(ANNA.name, FIRST)
    storage.drop_snapshot(ANNA.name, FIRST)
    storage.drop_snapshot(ANNA.name, FIRST)
    assert measured(storage).snapshots == ()


def test_homes_quotas_and_snapshots_are_there_after_a_restart_of_the_machine(
    settings: Settings,
) -> None:
    with helper(settings) as storage:
        home = storage.prepare_home(ANNA)
        in_session(home, "echo kept > notes.txt")
        storage.take_snapshot(ANNA.name, FIRST)
    mounts.unmount_all(Places(settings.machine.state).data)
    leave_volume(Places(settings.machine.state))
    assert not Path(home).exists()
    with helper(settings) as storage:
        assert storage.prepare_home(ANNA) == home
        assert in_session(home, "cat notes.txt") == "kept\n"
        assert measured(storage).snapshots == (FIRST,)
        assert REFUSED in write(home, "large.bin", 32)


def test_a_changed_quota_holds_once_the_helper_is_started_anew(settings: Settings) -> None:
    with helper(settings) as storage:
        home = storage.prepare_home(ANNA)
        assert REFUSED in write(home, "large.bin", 24)
    with helper(with_storage(settings, home_gib=64 / 1024)):
        assert write(home, "large.bin", 24) == ""
    with helper(with_storage(settings, home_gib=0)) as storage:
        assert write(home, "larger.bin", 80) == ""
        assert measured(storage).limit_bytes is None


def test_a_subvolume_in_a_home_counts_against_it_and_grows_no_more(
    storage: HelperStorage,
) -> None:
    home = storage.prepare_home(ANNA)
    in_session(home, "btrfs subvolume create more")
    assert write(home, "more/large.bin", 24) == ""  # nobody has looked yet
    os.sync()
    storage.measure([HOME])
    assert held(measured(storage)) > 24 * MIB
    assert REFUSED in write(home, "more/another.bin", 4)
    assert REFUSED in write(home, "beside.bin", 4)


def test_a_home_is_not_made_beside_the_file_it_belongs_in(
    settings: Settings, storage: HelperStorage
) -> None:
    leave_volume(Places(settings.machine.state))
    with pytest.raises(StorageError, match="is not mounted"):
        storage.prepare_home(ANNA)


def test_the_file_grows_when_the_settings_say_so(settings: Settings) -> None:
    places = Places(settings.machine.state)
    with helper(settings) as storage:
        storage.prepare_home(ANNA)
        before = os.statvfs(places.homes)
    with helper(with_storage(settings, btrfs_file_gib=2)):
        now = os.statvfs(places.homes)
    assert now.f_blocks * now.f_frsize == 2 * before.f_blocks * before.f_frsize
    (problem,) = volume_problems(settings.storage, places)
    assert "cannot be made smaller" in problem.message


def test_homes_that_are_there_are_not_moved_into_a_file_by_themselves(settings: Settings) -> None:
    places = Places(settings.machine.state)
    (places.homes / ANNA.name).mkdir()
    (problem,) = volume_problems(settings.storage, places)
    assert "`down`, `storage convert` and `up`" in problem.message


def test_homes_that_are_there_are_converted_and_keep_all_they_had(settings: Settings) -> None:
    places, told = Places(settings.machine.state), list[str]()
    with helper(with_storage(settings, backing="auto")) as storage:
        home, rotor = storage.prepare_home(ANNA), storage.prepare_project("rotor")
        in_session(home, "mkdir sub && echo mine > sub/notes.txt && ln -s sub link")
    left = convert(settings, places, told.append)
    assert told == [f"{home} is converted.", f"{rotor} is converted."]
    assert [folder.name for folder in left] == ["homes.before", "projects.before"]
    assert list(volume_problems(settings.storage, places)) == []
    with helper(settings) as storage:
        assert storage.prepare_home(ANNA) == home
        assert in_session(home, "cat link/notes.txt") == "mine\n"
        assert Path(home, "sub").stat().st_uid == ANNA.uid
        assert "system.posix_acl_default" in os.listxattr(rotor)
        assert REFUSED in write(home, "large.bin", 32)
        assert REFUSED in write(rotor, "large.bin", 48)


def test_a_conversion_that_was_interrupted_goes_on_and_nothing_starts_before(
    settings: Settings,
) -> None:
    places, told = Places(settings.machine.state), list[str]()
    with helper(with_storage(settings, backing="auto")) as storage:
        home, others = storage.prepare_home(ANNA), storage.prepare_home(BEN)
        write(home, "data.bin", 1)

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt):
        convert(settings, places, interrupt)
    (problem,) = volume_problems(settings.storage, places)
    assert "run it again" in problem.message
    convert(settings, places, told.append)
    assert told == [f"{others} is converted."]
    assert in_session(home, "ls") == "data.bin\n"


def test_a_file_that_is_in_use_cannot_be_given_up_by_a_setting(settings: Settings) -> None:
    with helper(settings):
        (problem,) = volume_problems(
            with_storage(settings, backing="auto").storage, Places(settings.machine.state)
        )
    assert "set it to “btrfs-file” again" in problem.message


def test_a_reset_leaves_neither_files_nor_loop_devices(settings: Settings) -> None:
    places = Places(settings.machine.state)
    with helper(settings) as storage:
        storage.prepare_home(ANNA)
        storage.take_snapshot(ANNA.name, FIRST)
    remove_state(places)
    assert not places.state.exists()
    assert loop_devices(places) == ""


@pytest.mark.parametrize(
    "call",
    [
        lambda storage: storage.take_snapshot("../evil--x", FIRST),
        lambda storage: storage.take_snapshot(ANNA.name, "../../homes"),
        lambda storage: storage.drop_snapshot(ANNA.name, "."),
        lambda storage: storage.snapshots_folder("thr--x/.."),
        lambda storage: storage.measure([Folder(FolderKind.PROJECT, "../homes")]),
    ],
)
def test_names_are_names_and_no_paths(
    storage: HelperStorage, call: Callable[[HelperStorage], object]
) -> None:
    storage.prepare_home(ANNA)
    with pytest.raises(StorageError):
        call(storage)
