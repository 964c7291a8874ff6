"""`storage convert`: homes and projects that are plain folders become subvolumes with quotas.

Each is copied aside and moved into place; what was there before stays in ``homes.before`` and
``projects.before``. Interrupted, it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from labwerk_hub.errors import StorageError
from labwerk_hub.machine import mounts, volume
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.filesystems import Btrfs, file_system, has_btrfs_tools, is_subvolume
from labwerk_hub.machine.places import Places, before
from labwerk_hub.machine.supervisor import Supervisor
from labwerk_hub.settings import Settings


def convert(settings: Settings, places: Places, note: Callable[[str], None]) -> list[Path]:
    """Convert what is to be converted, telling each; the folders that can go afterwards.

    Raises MachineError while Labwerk runs, StorageError or DiskFullError.
    """
    if Supervisor(places).is_running():
        raise MachineError("Folders in use cannot be converted; run `down` first.")
    in_file = settings.storage.backing == "btrfs-file"
    if not in_file and file_system(places.homes) != "btrfs":
        raise StorageError(
            f"{places.homes} is on {file_system(places.homes)}, which has no subvolumes; set "
            "storage.backing to “btrfs-file” in the settings."
        )
    if not has_btrfs_tools():
        raise StorageError("The command `btrfs` is missing; install the package btrfs-progs.")
    places.converting.touch()
    for top in (places.homes, places.projects):
        _set_aside(top, whole=in_file)
    volume.ensure_volume(settings.storage, places)
    for top in (places.homes, places.projects):
        _take_over(top, note)
    places.converting.unlink()
    return [kept for kept in map(before, (places.homes, places.projects)) if kept.exists()]


def _set_aside(top: Path, *, whole: bool) -> None:
    aside = before(top)
    if whole:
        if not top.is_mount() and not aside.exists() and any(top.iterdir()):
            top.rename(aside)
        return
    for folder in top.iterdir():
        if folder.is_dir() and not folder.is_symlink() and not is_subvolume(folder):
            aside.mkdir(mode=0o700, exist_ok=True)
            folder.rename(aside / folder.name)


def _take_over(top: Path, note: Callable[[str], None]) -> None:
    aside, btrfs = before(top), Btrfs(top)
    for source in sorted(aside.iterdir()) if aside.is_dir() else []:
        target, fresh = top / source.name, top / f".{source.name}.new"
        if target.exists() or source.name.startswith("."):
            continue
        if fresh.exists():
            btrfs.remove(fresh)
        btrfs.make(fresh)
        # With owners, times, links and ACLs; on one Btrfs no data is copied.
        mounts.command("cp", "--archive", "--reflink=auto", "--no-target-directory", source, fresh)
        fresh.rename(target)
        note(f"{target} is converted.")
