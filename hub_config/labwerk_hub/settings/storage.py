"""[storage]: how much homes and projects may hold, and snapshots of homes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from labwerk_hub.settings.kinds import Model

_GIB = 2**30
#: GiB, also fractions; 0: any amount.
Gib = Annotated[float, Field(ge=0, le=1_000_000)]


class StorageSettings(Model):
    """Quotas of folders, what keeps them, and snapshots."""

    home_gib: Gib = 0
    project_gib: Gib = 0
    warn_percent: Annotated[int, Field(ge=1, le=100)] = 90
    backing: Literal["auto", "btrfs-file"] = "auto"
    btrfs_file_gib: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    snapshots_per_day: Annotated[int, Field(ge=0, le=24)] = 0
    snapshots_kept_days: Annotated[int, Field(ge=0, le=3650)] = 14

    @property
    def has_quotas(self) -> bool:
        """Whether homes or projects have a quota; single projects may have one besides."""
        return bool(self.home_gib or self.project_gib)


def bytes_of(gib: float) -> int | None:
    """A quota in bytes; None for 0, which is none."""
    return int(gib * _GIB) or None
