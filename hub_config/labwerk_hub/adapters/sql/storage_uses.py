"""What folders hold, as last measured."""

from __future__ import annotations

import json

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from labwerk_hub.adapters.sql.storage_tables import storage_use
from labwerk_hub.domain.quotas import DiskUse, Folder, FolderKind, How


class SqlStorageUses:
    """The StorageUses port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[DiskUse]:
        """Every folder that was measured, homes first."""
        rows = select(storage_use).order_by(storage_use.c.kind, storage_use.c.name)
        return [_use(row) for row in self._connection.execute(rows)]

    def get(self, folder: Folder) -> DiskUse | None:
        """One folder; None if it was not measured yet."""
        found = self._connection.execute(select(storage_use).where(_is(folder))).first()
        return None if found is None else _use(found)

    def put(self, use: DiskUse) -> None:
        """Keep what was measured."""
        values = {
            "how": use.how.value,
            "used_bytes": use.used_bytes,
            "limit_bytes": use.limit_bytes,
            "snapshots": None if use.snapshots is None else json.dumps(use.snapshots),
            "measured_ms": use.measured_ms,
            "tried_ms": use.tried_ms,
        }
        changed = self._connection.execute(
            update(storage_use).where(_is(use.folder)).values(**values)
        )
        if not changed.rowcount:
            key = {"kind": use.folder.kind.value, "name": use.folder.name}
            self._connection.execute(insert(storage_use).values(**key, **values))

    def forget(self, folder: Folder) -> None:
        """The folder is gone."""
        self._connection.execute(delete(storage_use).where(_is(folder)))


def _is(folder: Folder) -> ColumnElement[bool]:
    return (storage_use.c.kind == folder.kind.value) & (storage_use.c.name == folder.name)


def _use(row: Row[tuple[object, ...]]) -> DiskUse:
    return DiskUse(
        folder=Folder(FolderKind(row.kind), row.name),
        how=How(row.how),
        used_bytes=row.used_bytes,
        limit_bytes=row.limit_bytes,
        snapshots=None if row.snapshots is None else tuple(json.loads(row.snapshots)),
        measured_ms=row.measured_ms,
        tried_ms=row.tried_ms,
    )
