"""What a file system can do about quotas and snapshots: Btrfs, and all others.

On Btrfs a folder with a quota is a subvolume, whose quota group the kernel keeps. Formats
of what `btrfs` prints: btrfs-subvolume(8) and btrfs-qgroup(8) of btrfs-progs 6.2.

Standard library only: `python3 hub_config` looks before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labwerk_hub.errors import StorageError

#: The inode number of every subvolume's root.
_SUBVOLUME_INODE = 256
_LISTED = re.compile(r"ID (\d+) gen (\d+) cgen (\d+) parent (\d+) ")
_COUNTED = re.compile(r"0/(\d+)\s+(\d+)\s+\d+\s+(\d+|none)")


@dataclass(frozen=True)
class Subvolume:
    """A subvolume; ``generation`` grows with each change, ``made_in`` is that of its making."""

    id: int
    parent: int
    generation: int
    made_in: int


@dataclass(frozen=True)
class Count:
    """What the kernel counts for a subvolume, in bytes; ``limit`` None: there is none."""

    used: int
    limit: int | None


def file_system(path: Path) -> str:
    """The kind of file system that ``path`` is on, or will be, such as ``btrfs`` or ``ext4``."""
    here = path
    while not here.exists():
        here = here.parent
    words = ["findmnt", "--noheadings", "--first-only", "--output=FSTYPE", f"--target={here}"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def has_btrfs_tools() -> bool:
    """Whether the command `btrfs` is on this machine."""
    return shutil.which("btrfs") is not None


def needs_btrfs_tools(backing: str, state: Path) -> bool:
    """Whether homes are on Btrfs, or will be, and the command is missing."""
    on_btrfs = backing == "btrfs-file" or file_system(state) == "btrfs"
    return on_btrfs and not has_btrfs_tools()


def is_subvolume(folder: Path) -> bool:
    """Whether a folder on Btrfs is the root of a subvolume."""
    return folder.stat().st_ino == _SUBVOLUME_INODE


class Btrfs:
    """A Btrfs file system, by a folder on it. Every method may raise StorageError."""

    def __init__(self, top: Path) -> None:
        self._top = top

    def enable_quotas(self) -> None:
        """Let the kernel count; nothing if it does."""
        if not self.has_quotas():
            _btrfs("quota", "enable", self._top)

    def has_quotas(self) -> bool:
        """Whether the kernel counts what subvolumes hold."""
        return _run("qgroup", "show", "--raw", self._top).returncode == 0

    def make(self, folder: Path) -> None:
        """A new subvolume, instead of a new folder."""
        _btrfs("subvolume", "create", folder)

    def snapshot(self, source: Path, target: Path) -> None:
        """A read-only copy of a subvolume as it is now, which shares what does not change."""
        _btrfs("subvolume", "snapshot", "-r", source, target)

    def remove(self, folder: Path) -> None:
        """Remove a subvolume, a read-only one, too."""
        _btrfs("subvolume", "delete", folder)

    def id_of(self, folder: Path) -> int:
        """The number of the subvolume that a folder is the root of."""
        return int(_btrfs("inspect-internal", "rootid", folder))

    def subvolumes(self) -> Mapping[int, Subvolume]:
        """All subvolumes of the file system by their numbers."""
        listed = _btrfs("subvolume", "list", "-p", "-c", self._top)
        found = (
            Subvolume(id=number, generation=generation, made_in=made_in, parent=parent)
            for number, generation, made_in, parent in (
                map(int, groups) for groups in _LISTED.findall(listed)
            )
        )
        return {subvolume.id: subvolume for subvolume in found}

    def counts(self) -> Mapping[int, Count]:
        """What the kernel counts, by subvolumes' numbers; some seconds old."""
        listed = _btrfs("qgroup", "show", "--raw", "-r", self._top)
        return {
            int(number): Count(int(used), None if limit == "none" else int(limit))
            for number, used, limit in _COUNTED.findall(listed)
        }

    def limit(self, subvolume: int, limit: int | None) -> None:
        """Let a subvolume hold ``limit`` bytes at most; None: any amount."""
        _btrfs("qgroup", "limit", "none" if limit is None else limit, f"0/{subvolume}", self._top)

    def forget_removed(self) -> None:
        """Drop the quota groups of subvolumes that are gone; older kernels keep them."""
        _run("qgroup", "clear-stale", self._top)


def below(subvolume: int, every: Mapping[int, Subvolume]) -> list[int]:
    """The subvolumes inside of a subvolume, at any depth."""
    found: list[int] = []
    inside = {subvolume}
    while inside:
        inside = {s.id for s in every.values() if s.parent in inside}
        found += sorted(inside)
    return found


def _run(*words: str | Path | int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["btrfs", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def _btrfs(*words: str | Path | int) -> str:
    done = _run(*words)
    if done.returncode != 0:
        said = (done.stderr.strip() or "failed").splitlines()[-1].removeprefix("ERROR: ")
        raise StorageError(f"btrfs {' '.join(map(str, words))}: {said}.")
    return done.stdout.strip()
