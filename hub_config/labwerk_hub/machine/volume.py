"""The file with a Btrfs file system that homes and projects are kept in, where settings say so.

It is mounted once at ``volume/``, and parts of it are shown at ``homes/``, ``projects/`` and
``snapshots/``, so that everything else finds them where they are without such a file.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from labwerk_hub.errors import StorageError
from labwerk_hub.machine import mounts
from labwerk_hub.machine.announce import require_room
from labwerk_hub.machine.filesystems import has_btrfs_tools
from labwerk_hub.machine.places import Places
from labwerk_hub.settings import StorageSettings

_GIB = 2**30
#: Nobody's programs need owners' rights or devices there, and a reading is no change.
_OPTIONS = "loop,noatime,nosuid,nodev"


def parts(places: Places) -> tuple[Path, ...]:
    """The folders that are kept in the file."""
    return places.homes, places.projects, places.snapshots


def volume_problems(storage: StorageSettings, places: Places) -> Iterator[StorageError]:
    """Why the settings cannot be had here; looking changes nothing."""
    if places.converting.exists():
        yield StorageError(
            f"{places.converting} is there: `storage convert` was interrupted; run it again."
        )
        return
    if storage.backing != "btrfs-file":
        if places.volume_file.exists():
            yield StorageError(
                f"storage.backing = {storage.backing!r}: homes and projects are kept in "
                f"{places.volume_file} here; set it to “btrfs-file” again."
            )
        return
    size = storage.btrfs_file_gib
    if places.volume_file.exists():
        if (there := places.volume_file.stat().st_size) > size * _GIB:
            yield StorageError(
                f"storage.btrfs_file_gib = {size}: {places.volume_file} has {there // _GIB} GiB "
                "and cannot be made smaller; set that or more."
            )
        return
    for folder in parts(places):
        if folder.is_dir() and any(folder.iterdir()):
            yield StorageError(
                f"storage.backing = 'btrfs-file': {folder} holds files already, which are not "
                "moved by themselves; run `down`, `storage convert` and `up`, in this order."
            )


def ensure_volume(storage: StorageSettings, places: Places) -> None:
    """Make, enlarge and mount the file as the settings say; nothing where they want none.

    Raises StorageError or DiskFullError.
    """
    if storage.backing != "btrfs-file":
        return
    if not has_btrfs_tools():
        raise StorageError(
            f"storage.backing = {storage.backing!r}: the command `btrfs` is missing; install the "
            "Debian package btrfs-progs."
        )
    if not places.volume_file.exists():
        _make(storage, places)
    if not os.path.ismount(places.volume):
        places.volume.mkdir(mode=0o700, exist_ok=True)
        mounts.mount("-t", "btrfs", "-o", _OPTIONS, places.volume_file, places.volume)
    if places.volume_file.stat().st_size < storage.btrfs_file_gib * _GIB:
        _enlarge(storage, places)
    for folder in parts(places):
        if not os.path.ismount(folder):
            inside = places.volume / folder.name
            inside.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            mounts.mount("--bind", inside, folder)


def leave_volume(places: Places) -> None:
    """Unmount it; the loop device goes with the last that uses it."""
    for folder in (*parts(places), places.volume):
        mounts.unmount_all(folder)


def _make(storage: StorageSettings, places: Places) -> None:
    """Made aside and moved into place, so that no half of a file system is ever mounted."""
    size = storage.btrfs_file_gib
    remedy = "set a smaller storage.btrfs_file_gib in the settings"
    require_room(places.state, size * 1024, "the file of homes and projects", remedy)
    fresh = places.volume_file.with_name(f".{places.volume_file.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    os.truncate(fresh, size * _GIB)
    mounts.command("mkfs.btrfs", "--quiet", "--label", "labwerk", fresh)
    fresh.replace(places.volume_file)


def _enlarge(storage: StorageSettings, places: Places) -> None:
    more = storage.btrfs_file_gib - places.volume_file.stat().st_size // _GIB
    remedy = "set a smaller storage.btrfs_file_gib in the settings"
    require_room(places.state, more * 1024, "the larger file of homes and projects", remedy)
    os.truncate(places.volume_file, storage.btrfs_file_gib * _GIB)
    mounts.command("losetup", "--set-capacity", _loop_device(places))
    mounts.command("btrfs", "filesystem", "resize", "max", places.volume)


def _loop_device(places: Places) -> str:
    found = subprocess.run(
        ["findmnt", "--noheadings", "--output=SOURCE", f"--mountpoint={places.volume}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip()
