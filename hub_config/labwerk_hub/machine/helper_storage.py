"""The root helper's part that keeps quotas and snapshots, as far as the file system can."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labwerk_hub.adapters.helper_socket import Answer
from labwerk_hub.adapters.storage import (
    DropSnapshot,
    KeepingCall,
    ListFolders,
    MeasureFolders,
    SnapshotsFolder,
    TakeSnapshot,
    is_folder_name,
)
from labwerk_hub.bootstrap import quotas
from labwerk_hub.domain.quotas import DiskUse, Folder, FolderKind, How, snapshot_ms
from labwerk_hub.errors import LabwerkError, StorageError
from labwerk_hub.machine import volume
from labwerk_hub.machine.filesystems import (
    Btrfs,
    Count,
    Subvolume,
    below,
    file_system,
    has_btrfs_tools,
    is_subvolume,
)
from labwerk_hub.machine.places import Places
from labwerk_hub.settings import Settings

_log = logging.getLogger(__name__)
#: Seconds that walking through one folder, and through all of one call, may take.
_WALK_S = 120
_WALKS_S = 240
#: A quota of nothing would be none.
_LEAST_BYTES = 4096


@dataclass(frozen=True)
class _Counted:
    """What the kernel says of all subvolumes at one moment."""

    subvolumes: Mapping[int, Subvolume]
    counts: Mapping[int, Count]


class StorageKeeper:
    """Homes and projects of one installation on their file system."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(settings.machine.state)
        self._quotas = quotas(settings)
        self._btrfs: Btrfs | None = None
        self._counts = False

    def prepare(self) -> None:
        """Mount what is to be mounted, and apply the settings' quotas to all folders.

        Raises StorageError if the file of homes and projects cannot be mounted.
        """
        volume.ensure_volume(self._settings.storage, self._places)
        if file_system(self._places.homes) != "btrfs" or not has_btrfs_tools():
            return
        self._btrfs = Btrfs(self._places.homes)
        self._places.snapshots.mkdir(mode=0o700, exist_ok=True)
        if self._is_ours:
            self._btrfs.enable_quotas()
        self._counts = self._btrfs.has_quotas()
        self.apply_quotas()

    def carry_out(self, call: KeepingCall) -> Answer:
        """Do what is asked. Raises StorageError."""
        if isinstance(call, ListFolders):
            return Answer(folders=tuple(self.folders()))
        if isinstance(call, MeasureFolders):
            folders = [Folder(FolderKind.HOME, name) for name in call.homes]
            folders += [Folder(FolderKind.PROJECT, name) for name in call.projects]
            return Answer(disk=tuple(self.measure(folders)))
        if isinstance(call, SnapshotsFolder):
            return Answer(path=str(self.snapshots_folder(call.person) or ""))
        if isinstance(call, TakeSnapshot):
            return Answer(done=self.take_snapshot(call.person, call.name))
        assert isinstance(call, DropSnapshot)
        self.drop_snapshot(call.person, call.name)
        return Answer()

    @property
    def _is_ours(self) -> bool:
        """Whether the file system is Labwerk's alone; of another one nothing is switched on."""
        own = (self._places.homes, self._places.state)
        return any(place.is_mount() for place in own)

    def require_mounted(self) -> None:
        """Raise StorageError if homes would be made beside the file that they are kept in."""
        wanted = self._settings.storage.backing == "btrfs-file"
        if wanted and not self._places.homes.is_mount():
            raise StorageError(
                f"{self._places.volume_file} is not mounted at {self._places.homes} any more; "
                "run `python3 hub_config restart`."
            )

    def make(self, path: Path, folder: Folder) -> None:
        """A new empty folder at ``path`` for ``folder``: a subvolume with its quota if possible."""
        if self._btrfs is None:
            path.mkdir(mode=0o700)
            return
        self._btrfs.make(path)
        path.chmod(0o700)
        limit = self._quotas.limit(folder)
        if self._counts and limit is not None:
            self._btrfs.limit(self._btrfs.id_of(path), limit)

    def apply_quotas(self) -> None:
        """Bring every folder's quota to what the settings say; what fails is logged."""
        if self._btrfs is None or not self._counts:
            return
        try:
            counted = self._read(self._btrfs)
            for folder in self.folders():
                if (path := self._path(folder)) and is_subvolume(path):
                    self._keep(folder, self._btrfs.id_of(path), counted)
        except LabwerkError as error:
            _log.error("Quotas are not applied yet: %s", error)

    def folders(self) -> list[Folder]:
        """The homes and projects that there are."""
        return [
            Folder(kind, entry.name)
            for kind, top in self._tops.items()
            for entry in sorted(top.iterdir())
            if is_folder_name(kind, entry.name) and entry.is_dir() and not entry.is_symlink()
        ]

    def measure(self, folders: Sequence[Folder]) -> Iterator[DiskUse]:
        """What each holds; folders are left out that are gone, or that there is no time for."""
        counted = self._read(self._btrfs) if self._btrfs is not None and self._counts else None
        ends = time.monotonic() + _WALKS_S
        for folder in folders:
            path = self._path(folder)
            if path is None:
                continue
            if self._btrfs is not None and counted is not None and is_subvolume(path):
                yield self._counted_use(folder, self._btrfs.id_of(path), counted)
            elif (left := ends - time.monotonic()) > 0:
                limit = self._quotas.limit(folder)
                used = _walk(path, min(left, _WALK_S))
                yield DiskUse(folder, How.MEASURED, used, limit, self._snapshots_of(folder))

    def snapshots_folder(self, person: str) -> Path | None:
        """Where a home's snapshots are; None where none are taken and none are left."""
        folder = self._places.snapshots / person
        if self._btrfs is None or not is_subvolume(self._places.homes / person):
            return None
        if self._quotas.snapshots.wanted:
            folder.mkdir(mode=0o755, exist_ok=True)
        return folder if folder.is_dir() else None

    def take_snapshot(self, person: str, name: str) -> bool:
        """A snapshot of a home, unless nothing has changed since the last; whether it was made.

        Raises StorageError.
        """
        home = self._places.homes / person
        if not home.is_dir():
            raise StorageError(f"There is no home of {person}.")
        if self._btrfs is None or not is_subvolume(home):
            raise StorageError(
                f"{home} cannot have snapshots: it is no subvolume of a Btrfs file system; see "
                "storage.backing in the settings."
            )
        folder = self._places.snapshots / person
        folder.mkdir(mode=0o755, exist_ok=True)
        taken = self._names(folder)
        if name in taken:
            return False
        if taken and not _has_changed(self._btrfs, home, since=folder / taken[-1]):
            return False
        self._btrfs.snapshot(home, folder / name)
        return True

    def drop_snapshot(self, person: str, name: str) -> None:
        """Remove a snapshot; nothing if it is gone."""
        path = self._places.snapshots / person / name
        if self._btrfs is not None and path.is_dir():
            self._btrfs.remove(path)
            self._btrfs.forget_removed()

    @property
    def _tops(self) -> Mapping[FolderKind, Path]:
        return {FolderKind.HOME: self._places.homes, FolderKind.PROJECT: self._places.projects}

    def _path(self, folder: Folder) -> Path | None:
        path = self._tops[folder.kind] / folder.name
        return path if path.is_dir() and not path.is_symlink() else None

    def _read(self, btrfs: Btrfs) -> _Counted:
        return _Counted(btrfs.subvolumes(), btrfs.counts())

    def _counted_use(self, folder: Folder, subvolume: int, counted: _Counted) -> DiskUse:
        self._keep(folder, subvolume, counted)
        every = [subvolume, *below(subvolume, counted.subvolumes)]
        used = sum(counted.counts[number].used for number in every if number in counted.counts)
        limit = self._quotas.limit(folder)
        return DiskUse(folder, How.ENFORCED, used, limit, self._snapshots_of(folder))

    def _keep(self, folder: Folder, subvolume: int, counted: _Counted) -> None:
        """Set the quota of a folder where it is another.

        Anybody may make a subvolume in a folder of theirs, which the folder's quota does not
        count. So those count against it here, and grow no more.
        """
        assert self._btrfs is not None
        limit, inside = self._quotas.limit(folder), below(subvolume, counted.subvolumes)
        there = {number: counted.counts.get(number, Count(0, None)) for number in inside}
        if limit is not None:
            limit = max(limit - sum(count.used for count in there.values()), _LEAST_BYTES)
        now = counted.counts.get(subvolume)
        if now is None or now.limit != limit:
            self._btrfs.limit(subvolume, limit)
        for number, count in there.items():
            if limit is not None and count.limit is None:
                _log.warning("%s %s has a subvolume inside: held", folder.kind, folder.name)
                self._btrfs.limit(number, max(count.used, _LEAST_BYTES))

    def _snapshots_of(self, folder: Folder) -> tuple[str, ...] | None:
        if folder.kind is not FolderKind.HOME or self.snapshots_folder(folder.name) is None:
            return None
        return tuple(self._names(self._places.snapshots / folder.name))

    def _names(self, folder: Path) -> list[str]:
        """The snapshots in a folder, the oldest first."""
        return sorted(entry.name for entry in folder.iterdir() if _is_snapshot(entry.name))


def _has_changed(btrfs: Btrfs, home: Path, *, since: Path) -> bool:
    every = btrfs.subvolumes()
    now, then = every.get(btrfs.id_of(home)), every.get(btrfs.id_of(since))
    return now is None or then is None or now.generation > then.made_in


def _is_snapshot(name: str) -> bool:
    try:
        snapshot_ms(name)
    except ValueError:
        return False
    return True


def _walk(path: Path, seconds: float) -> int | None:
    """The bytes that a folder takes up on its disk; None if that takes too long.

    At the lowest priority, and without following links. What vanishes meanwhile is no fault.
    """
    quiet = ["nice", "-n", "19"]
    if shutil.which("ionice"):
        quiet += ["ionice", "--class", "idle"]
    walk = ["du", "--summarize", "--block-size=1", "--one-file-system", "--", str(path)]
    try:
        done = subprocess.run(
            [*quiet, *walk],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return None
    found = re.match(r"(\d+)\t", done.stdout)
    return int(found[1]) if found else None


def remove_snapshots(places: Places) -> None:
    """Remove every snapshot there is: read-only as they are, nothing else could."""
    if places.volume_file.exists() or not places.snapshots.is_dir():
        return  # they go with the file
    if file_system(places.snapshots) == "btrfs":
        for snapshot in places.snapshots.glob("*/*"):
            Btrfs(places.snapshots).remove(snapshot)
