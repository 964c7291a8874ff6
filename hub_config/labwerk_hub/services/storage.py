"""Disk space of homes and projects: what is measured, what is shown, snapshots of homes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from labwerk_hub import formats
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.container import HOME, SNAPSHOTS
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.quotas import (
    DiskUse,
    Folder,
    FolderKind,
    Fullness,
    How,
    fullness,
    newest_first,
    snapshot_ms,
    snapshot_name,
    to_measure,
)
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import StorageError
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.views import Moment, View
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import N_, render

_log = logging.getLogger(__name__)
#: Folders that one look measures.
_MOST = 32

_NEAR = {
    FolderKind.HOME: N_(
        "Your home holds %(used)s of the %(limit)s that it may. "
        "Please delete or move what you do not need."
    ),
    FolderKind.PROJECT: N_(
        "The folder of %(project)s holds %(used)s of the %(limit)s that it may. "
        "Please delete or move what is not needed."
    ),
}
_FULL = {
    FolderKind.HOME: N_(
        "Your home is full: it holds the %(limit)s that it may, and nothing more can be saved "
        "until something is deleted."
    ),
    FolderKind.PROJECT: N_(
        "The folder of %(project)s is full: it holds the %(limit)s that it may, and nothing more "
        "can be saved until something is deleted."
    ),
}
_OVER = {
    FolderKind.HOME: N_(
        "Your home holds %(used)s, more than the %(limit)s that it may. "
        "Please delete or move what you do not need."
    ),
    FolderKind.PROJECT: N_(
        "The folder of %(project)s holds %(used)s, more than the %(limit)s that it may. "
        "Please delete or move what is not needed."
    ),
}


class SnapshotView(View):
    """A snapshot: when it was taken, and where the person finds it in a session."""

    taken_at: Moment
    path: str


class StorageView(View):
    """A folder and how full it is; sizes in bytes.

    ``path`` is where sessions have it. ``used_bytes`` is None where it cannot be measured,
    ``limit_bytes`` where there is no limit. With ``how`` "enforced" the file system refuses
    more than the limit; with "measured" Labwerk only warns. ``warning`` is a sentence for the
    person. ``snapshots`` come newest first; None where there can be none.
    """

    kind: FolderKind
    name: str
    title: str
    path: str
    used_bytes: int | None
    limit_bytes: int | None
    how: How
    fullness: Fullness
    measured_at: Moment | None
    warning: str | None
    snapshots: tuple[SnapshotView, ...] | None


@dataclass(frozen=True)
class Looked:
    """What a look came to: folders that were measured, snapshots taken and dropped."""

    measured: int
    taken: int
    dropped: int


def views_of(
    workbench: Workbench,
    tx: Transaction,
    person: str,
    projects: Iterable[Project],
    language: str,
) -> tuple[StorageView, ...]:
    """A person's home and projects, as far as they have been measured."""
    wanted = [(Folder(FolderKind.HOME, person), "")]
    wanted += [
        (Folder(FolderKind.PROJECT, project.name), project.title.in_language(language))
        for project in projects
    ]
    found = ((tx.storage_uses.get(folder), title) for folder, title in wanted)
    return tuple(_view(workbench, use, title, language) for use, title in found if use is not None)


def every_view(workbench: Workbench, language: str = "en") -> tuple[StorageView, ...]:
    """All folders that have been measured, also of people who have left."""
    titles = {project.name: project.title for project in workbench.catalogue.projects}
    with workbench.database.reading() as tx:
        uses = tx.storage_uses.all()
    return tuple(
        _view(
            workbench,
            use,
            titles[use.folder.name].in_language(language)
            if use.folder.kind is FolderKind.PROJECT and use.folder.name in titles
            else use.folder.name,
            language,
        )
        for use in uses
    )


def look(workbench: Workbench) -> Looked:
    """Measure the folders whose turn it is, and keep homes' snapshots as the settings say.

    Raises StorageError if the root helper cannot be asked, DatabaseError.
    """
    there = workbench.storage.folders()
    with workbench.database.reading() as tx:
        known = {use.folder: use for use in tx.storage_uses.all()}
    due = to_measure(there, known, to_ms(workbench.clock()), _MOST)
    measured = _measure(workbench, due, gone=known.keys() - set(there))
    taken, dropped = _keep_snapshots(workbench, measured)
    return Looked(len(measured), taken, dropped)


def measure(workbench: Workbench) -> tuple[StorageView, ...]:
    """Measure all folders now; all of them. Raises StorageError."""
    there = workbench.storage.folders()
    with workbench.database.reading() as tx:
        gone = {use.folder for use in tx.storage_uses.all()} - set(there)
    for start in range(0, max(len(there), 1), _MOST):
        _measure(workbench, there[start : start + _MOST], gone=gone)
    return every_view(workbench)


def snapshot(workbench: Workbench, person: str | None = None) -> list[str]:
    """Take a snapshot of a home, or of all, now; whose changed since the last one.

    Raises StorageError for a home that there is not, or that can have no snapshots.
    """
    homes = [f.name for f in workbench.storage.folders() if f.kind is FolderKind.HOME]
    if person is not None and person not in homes:
        raise StorageError(f"There is no home of {person!r}; `storage list` names all.")
    name = snapshot_name(to_ms(workbench.clock()))
    chosen = homes if person is None else [person]
    taken = [home for home in chosen if workbench.storage.take_snapshot(home, name)]
    _measure(workbench, [Folder(FolderKind.HOME, home) for home in chosen])
    return taken


def _measure(
    workbench: Workbench, folders: Sequence[Folder], gone: Collection[Folder] = ()
) -> list[DiskUse]:
    """Measure, and keep what came of it; no transaction waits for a walk."""
    found = {use.folder: use for use in workbench.storage.measure(folders)} if folders else {}
    if not found and not gone:
        return []
    now_ms = to_ms(workbench.clock())
    with workbench.database.writing() as tx:
        kept = [_at(use, tx.storage_uses.get(use.folder), now_ms) for use in found.values()]
        for use in kept:
            tx.storage_uses.put(use)
        for folder in gone:
            tx.storage_uses.forget(folder)
    return kept


def _at(use: DiskUse, before: DiskUse | None, now_ms: int) -> DiskUse:
    """With its times; where it could not be measured, what is known from before stays."""
    if use.used_bytes is not None or before is None:
        measured_ms = None if use.used_bytes is None else now_ms
        return replace(use, measured_ms=measured_ms, tried_ms=now_ms)
    return replace(
        use, used_bytes=before.used_bytes, measured_ms=before.measured_ms, tried_ms=now_ms
    )


def _keep_snapshots(workbench: Workbench, uses: Iterable[DiskUse]) -> tuple[int, int]:
    """Take and drop what is due of the homes just measured; what fails is tried again."""
    rule, now_ms = workbench.policy.quotas.snapshots, to_ms(workbench.clock())
    taken = dropped = 0
    for use in uses:
        if use.folder.kind is not FolderKind.HOME or use.snapshots is None:
            continue
        person, names = use.folder.name, list(use.snapshots)
        try:
            if rule.is_due([snapshot_ms(name) for name in names], now_ms):
                name = snapshot_name(now_ms)
                if workbench.storage.take_snapshot(person, name):
                    names.append(name)
                    taken += 1
            for name in rule.expired(use.snapshots, now_ms):
                workbench.storage.drop_snapshot(person, name)
                names.remove(name)
                dropped += 1
        except StorageError as error:
            _log.warning("Snapshots of %s, tried again soon: %s", person, error)
        if tuple(names) != use.snapshots:
            with workbench.database.writing() as tx:
                tx.storage_uses.put(replace(use, snapshots=tuple(names)))
    return taken, dropped


def _view(workbench: Workbench, use: DiskUse, title: str, language: str) -> StorageView:
    folder = use.folder
    is_home = folder.kind is FolderKind.HOME
    full = fullness(use, workbench.policy.quotas.warn_percent)
    return StorageView(
        kind=folder.kind,
        name=folder.name,
        title=title,
        path=HOME if is_home else f"/projects/{folder.name}",
        used_bytes=use.used_bytes,
        limit_bytes=use.limit_bytes,
        how=use.how,
        fullness=full,
        measured_at=None if use.measured_ms is None else from_ms(use.measured_ms),
        warning=_warning(use, full, title, language),
        snapshots=None
        if use.snapshots is None
        else tuple(
            SnapshotView(taken_at=from_ms(snapshot_ms(name)), path=f"{SNAPSHOTS}/{name}")
            for name in newest_first(use.snapshots)
        ),
    )


def _warning(use: DiskUse, full: Fullness, title: str, language: str) -> str | None:
    if full is Fullness.ROOM or use.used_bytes is None or use.limit_bytes is None:
        return None
    over = _FULL if use.how is How.ENFORCED else _OVER
    texts = over if full is Fullness.OVER else _NEAR
    params = {
        "used": formats.size(use.used_bytes, language),
        "limit": formats.size(use.limit_bytes, language),
        "project": title,
    }
    return render(Message(texts[use.folder.kind], params), language)
