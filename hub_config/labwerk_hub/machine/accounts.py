"""The system user that Labwerk's programs run as, and the state directory it uses."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from dataclasses import replace
from pathlib import Path

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
    root runs or mounts.
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

    Whoever put them back was root, or had another number for the user.
    """
    who = account(user)
    databases = (places.database, places.hub_database)
    beside = [Path(f"{file}{end}") for file in databases for end in ("", "-wal", "-shm")]
    for path in (*beside, *places.secrets.iterdir()):
        try:
            # The user could have put links there: what they lead to is not given away.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                continue
            raise
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
                os.fchown(descriptor, who.uid, who.gid)
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)


def _folder(path: Path, uid: int, gid: int, mode: int) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    os.chown(path, uid, gid, follow_symlinks=False)
    path.chmod(mode)
