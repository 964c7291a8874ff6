"""Disk space of homes and projects: what they may hold, when to warn, which snapshots to keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

_DAY_MS = 86_400_000
#: What the file system counts is read often, what has to be walked through seldom.
_COUNTED_AGAIN_MS = 5 * 60_000
_WALKED_AGAIN_MS = 60 * 60_000
#: Less than this is left in a folder that is full.
_REST_BYTES = 16 * 2**20
_SNAPSHOT = "%Y-%m-%dT%H%M%SZ"


class FolderKind(StrEnum):
    """Whose folder it is: a person's home, or a project's."""

    HOME = "home"
    PROJECT = "project"


@dataclass(frozen=True, order=True)
class Folder:
    """A home by its person's name, or a project's folder by the project's."""

    kind: FolderKind
    name: str


class How(StrEnum):
    """Who sees to a quota: the file system refuses more, or Labwerk measures and warns."""

    ENFORCED = "enforced"
    MEASURED = "measured"


@dataclass(frozen=True)
class DiskUse:
    """What a folder holds; sizes in bytes, times in milliseconds since 1970.

    ``used_bytes`` is None where it could not be found out, as of a folder that is too large
    to walk through; ``limit_bytes`` where there is no limit. ``snapshots`` are the names of
    those there are, None where the file system has none.
    """

    folder: Folder
    how: How
    used_bytes: int | None
    limit_bytes: int | None
    snapshots: tuple[str, ...] | None
    measured_ms: int | None = None
    tried_ms: int = 0


@dataclass(frozen=True)
class SnapshotRule:
    """How many snapshots of a home are taken a day, and for how many days each is kept."""

    per_day: int = 0
    kept_days: int = 0

    @property
    def wanted(self) -> bool:
        """Whether any are taken at all."""
        return self.per_day > 0 and self.kept_days > 0

    def is_due(self, taken_ms: Iterable[int], now_ms: int) -> bool:
        """Whether it is time for the next; one from the future says nothing of that."""
        interval = _DAY_MS // max(self.per_day, 1)
        return self.wanted and not any(0 <= now_ms - taken < interval for taken in taken_ms)

    def expired(self, names: Iterable[str], now_ms: int) -> list[str]:
        """Those that have been kept long enough."""
        kept_ms = self.kept_days * _DAY_MS
        return [name for name in names if now_ms - snapshot_ms(name) >= kept_ms]


@dataclass(frozen=True)
class Quotas:
    """What folders may hold, in bytes (None: any amount), and when people are warned."""

    home_bytes: int | None = None
    project_bytes: int | None = None
    #: Projects whose quota is another than the usual one.
    of_projects: Mapping[str, int | None] = field(default_factory=dict)
    warn_percent: int = 90
    snapshots: SnapshotRule = SnapshotRule()

    def limit(self, folder: Folder) -> int | None:
        """What ``folder`` may hold."""
        if folder.kind is FolderKind.HOME:
            return self.home_bytes
        return self.of_projects.get(folder.name, self.project_bytes)


class Fullness(StrEnum):
    """How near a folder is to its limit."""

    ROOM = "room"
    NEAR = "near"
    OVER = "over"


def fullness(use: DiskUse, warn_percent: int) -> Fullness:
    """What to say of a folder; nothing where its use or its limit is not known.

    Where the file system refuses more, what is left at the end is too small for a file.
    """
    if use.used_bytes is None or use.limit_bytes is None:
        return Fullness.ROOM
    rest = min(use.limit_bytes // 100, _REST_BYTES) if use.how is How.ENFORCED else 0
    if use.used_bytes >= use.limit_bytes - rest:
        return Fullness.OVER
    is_near = use.used_bytes * 100 >= use.limit_bytes * warn_percent
    return Fullness.NEAR if is_near else Fullness.ROOM


def to_measure(
    there: Iterable[Folder], known: Mapping[Folder, DiskUse], now_ms: int, most: int
) -> list[Folder]:
    """The folders whose turn it is, ``most`` at most; those looked at longest ago come first."""

    def tried_ms(folder: Folder) -> int:
        return known[folder].tried_ms if folder in known else 0

    def is_due(folder: Folder) -> bool:
        use = known.get(folder)
        if use is None:
            return True
        again = _COUNTED_AGAIN_MS if use.how is How.ENFORCED else _WALKED_AGAIN_MS
        return not 0 <= now_ms - use.tried_ms < again

    return sorted(filter(is_due, there), key=lambda folder: (tried_ms(folder), folder))[:most]


def snapshot_name(taken_ms: int) -> str:
    """What a snapshot is called: when it was taken, in UTC, as ``2026-11-28T033100Z``."""
    return datetime.fromtimestamp(taken_ms / 1000, UTC).strftime(_SNAPSHOT)


def snapshot_ms(name: str) -> int:
    """When a snapshot was taken. Raises ValueError for a name that is none."""
    return int(datetime.strptime(name, _SNAPSHOT).replace(tzinfo=UTC).timestamp() * 1000)


def newest_first(names: Sequence[str]) -> tuple[str, ...]:
    """Snapshots as people look for them."""
    return tuple(sorted(names, reverse=True))
