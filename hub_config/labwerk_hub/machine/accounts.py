"""The system user that Labwerk's programs run as, and the state directory it uses."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.log import Account, Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.record import Made


def ensure_user(name: str, places: Places, log: Log) -> None:
    """Add the system user (no login, no home of its own) unless there is one."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        replace(Made.read(places.record), user=name).write(places.record)
        log.run(
            [
                *("useradd", "--system", "--user-group", "--no-create-home"),
                *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name),
            ]
        )


def ensure_in_group(user: str, gid: int, log: Log) -> None:
    """Let the user reach what belongs to a group, such as the engine's socket."""
    group = grp.getgrgid(gid)
    if user not in group.gr_mem and pwd.getpwnam(user).pw_gid != gid:
        log.run(["usermod", "--append", "--groups", group.gr_name, user])


def account(name: str) -> Account:
    """The user with its groups, as a command can be run."""
    entry = pwd.getpwnam(name)
    return Account(entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(name, entry.pw_gid)))


def ensure_folders(user: str, places: Places) -> None:
    """Make the state directory's folders with their owners.

    The top belongs to root and is open to the system user alone, with the sticky bit: the
    hub may make its databases there, but cannot put something else in the place of what
    root runs or mounts. Root's own may be links that root made. Raises MachineError where
    something else is.
    """
    who = account(user)
    _folder(places.state, 0, who.gid, 0o1770)
    for root_only in (places.homes, places.projects, places.cache):
        _folder(root_only, 0, 0, 0o700)
    for shown in (places.run, places.data, places.datasets, places.notebooks):
        _folder(shown, 0, who.gid, 0o750)
    _folder(places.node, 0, 0, 0o755)
    _folder(places.logs, 0, who.gid, 0o750)
    _folder(places.secrets, who.uid, who.gid, 0o700)


def ensure_files_of_user(user: str, places: Places) -> None:
    """Give the user its databases and secrets, which may have come back from a backup.

    Whoever put them back was root, or had another number for the user. Raises MachineError
    if there is no folder of secrets.
    """
    who = account(user)
    for database in (places.database, places.hub_database):
        for end in ("", "-wal", "-shm"):
            _give_file(f"{database}{end}", who)
    with _opened(places.secrets, follow=False) as folder:
        for name in os.listdir(folder):  # noqa: PTH208 - it is open already
            _give_file(name, who, within=folder)


def _give_file(path: str, who: Account, within: int | None = None) -> None:
    """Give a file to the user: not what a link leads to, which the user could have put there."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, dir_fd=within)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):  # ENXIO: a socket
            return
        raise
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            os.fchown(descriptor, who.uid, who.gid)
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _folder(path: Path, uid: int, gid: int, mode: int) -> None:
    """Make a folder, or set owner and mode of the one that is there."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    # Nobody but root can put something else in the place of what is root's.
    with _opened(path, follow=uid == 0 and path.lstat().st_uid == 0) as folder:
        os.fchown(folder, uid, gid)
        os.fchmod(folder, mode)


@contextmanager
def _opened(path: Path, *, follow: bool) -> Iterator[int]:
    """A folder, opened; one that a link leads to only with ``follow``."""
    flags = os.O_RDONLY | os.O_DIRECTORY | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            raise
        raise MachineError(
            f"{path} is a file, a link that leads nowhere, or one that may not be there; "
            "put the folder in its place, and run `up` again."
        ) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)
