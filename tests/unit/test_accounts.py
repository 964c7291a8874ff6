"""Root sets owners in the state folder, and gives away nothing that a link leads to."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest
from labwerk_hub.machine.accounts import ensure_files_of_user, ensure_folders
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.places import Places

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")
USER = "nobody"
UID = pwd.getpwnam(USER).pw_uid


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "state")
    ensure_folders(USER, made)
    return made


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A folder of root's, with a file that is nobody else's."""
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    (folder / "shadow").write_text("root", encoding="utf-8")
    (folder / "shadow").chmod(0o640)
    return folder


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_mode & 0o7777


def _put(link: Path, target: Path, uid: int) -> None:
    """A link in the place of a folder, by somebody."""
    link.rename(link.with_name(f"{link.name}-was"))
    link.symlink_to(target)
    os.lchown(link, uid, -1)


def test_what_a_backup_brought_back_as_roots_is_the_users_again(places: Places) -> None:
    files = [places.database, Path(f"{places.hub_database}-wal"), places.secrets / "crypt_key"]
    for file in files:
        file.touch(mode=0o644)
    os.chown(places.secrets, 0, 0)
    places.secrets.chmod(0o755)
    ensure_folders(USER, places)
    ensure_files_of_user(USER, places)
    assert _owner(places.secrets) == (UID, 0o700)
    assert [_owner(file) for file in files] == [(UID, 0o600)] * 3
    assert _owner(places.state) == (0, 0o1770)


@pytest.mark.parametrize("uid", [0, UID])
def test_a_link_in_the_place_of_the_secrets_is_refused_and_not_followed(
    places: Places, etc: Path, uid: int
) -> None:
    _put(places.secrets, etc, uid)
    for ensure in (ensure_folders, ensure_files_of_user):
        with pytest.raises(MachineError, match=r"secrets is .* a link .* put the folder"):
            ensure(USER, places)
    assert _owner(etc) == (0, 0o755)
    assert _owner(etc / "shadow") == (0, 0o640)


def test_of_links_among_the_secrets_nothing_is_given_away(places: Places, etc: Path) -> None:
    (places.secrets / "soft").symlink_to(etc / "shadow")
    (places.secrets / "hard").hardlink_to(etc / "shadow")
    places.database.symlink_to(etc / "shadow")
    ensure_files_of_user(USER, places)
    assert _owner(etc / "shadow") == (0, 0o640)


def test_what_is_no_file_among_the_secrets_is_left_alone(places: Places) -> None:
    os.mknod(places.secrets / "socket", stat.S_IFSOCK | 0o600)
    os.mkfifo(places.secrets / "pipe")
    (places.secrets / "folder").mkdir(mode=0o750)
    ensure_files_of_user(USER, places)
    assert _owner(places.secrets / "folder") == (0, 0o750)


def test_homes_may_be_a_link_that_an_administrator_made(places: Places, etc: Path) -> None:
    _put(places.homes, etc, 0)
    ensure_folders(USER, places)
    assert places.homes.is_symlink()
    assert _owner(etc) == (0, 0o700)


def test_a_link_of_the_system_users_where_a_folder_of_roots_belongs_is_refused(
    places: Places, etc: Path
) -> None:
    """One could be put there before a newer version makes the folder for the first time."""
    _put(places.datasets, etc, UID)
    with pytest.raises(MachineError, match="datasets is"):
        ensure_folders(USER, places)
    assert _owner(etc) == (0, 0o755)


def test_a_link_that_leads_nowhere_is_told(places: Places, tmp_path: Path) -> None:
    _put(places.homes, tmp_path / "not mounted", 0)
    with pytest.raises(MachineError, match="leads nowhere"):
        ensure_folders(USER, places)
