"""The storage port, spoken over a socket to the root helper.

The helper is the only one who makes folders of people and mounts; this side asks by name
and never hands over a path.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from labwerk_hub.adapters.helper_socket import Answer, HelperCall, ask
from labwerk_hub.domain.catalogue import Dataset
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.quotas import DiskUse, Folder, FolderKind
from labwerk_hub.errors import StorageError

_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_PERSON = r"^[a-z0-9]+(-[a-z0-9]+)*--[a-z0-9]+(-[a-z0-9]+)*$"
#: A hub user name: ``<institution>--<slug>``.
PersonName = Annotated[str, StringConstraints(pattern=_PERSON, max_length=128)]
ShortName = Annotated[str, StringConstraints(pattern=_NAME, max_length=64)]
SessionName = Annotated[str, StringConstraints(pattern=r"^lw-[0-9a-f]{12}$")]
VersionName = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-z]+([.-][0-9a-z]+)*$", max_length=32)
]

#: When it was taken, as domain.quotas has it.
SnapshotName = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{6}Z$")]
#: Folders that are measured by one call: a call is one line.
MOST_FOLDERS = 100

#: Seconds the helper may take; making a home copies the welcome notebooks.
_TIMEOUT_S = 30
#: Walking through folders that no file system counts takes its time.
_MEASURE_TIMEOUT_S = 300


class Ping(HelperCall):
    """Are you there?"""

    call: Literal["ping"] = "ping"


class PrepareHome(HelperCall):
    """Make a person's home, with the notebooks of their language, if it is not there."""

    call: Literal["prepare_home"] = "prepare_home"
    person: PersonName
    uid: int
    language: Literal["en", "de", "it", "fr"]


class PrepareProject(HelperCall):
    """Make a project's shared folder, if it is not there."""

    call: Literal["prepare_project"] = "prepare_project"
    project: ShortName


class DatasetName(BaseModel):
    """One version of a dataset, as the settings name it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    institution: ShortName
    name: ShortName
    version: VersionName


class OpenData(HelperCall):
    """Mount just these datasets below a session's data folder, read-only."""

    call: Literal["open_data"] = "open_data"
    session: SessionName
    datasets: tuple[DatasetName, ...]


class CloseData(HelperCall):
    """Unmount and remove a session's data folder."""

    call: Literal["close_data"] = "close_data"
    session: SessionName


class ListFolders(HelperCall):
    """Name the homes and projects that there are."""

    call: Literal["list_folders"] = "list_folders"


class MeasureFolders(HelperCall):
    """Say what folders hold."""

    call: Literal["measure_folders"] = "measure_folders"
    homes: Annotated[tuple[PersonName, ...], Field(max_length=MOST_FOLDERS)] = ()
    projects: Annotated[tuple[ShortName, ...], Field(max_length=MOST_FOLDERS)] = ()


class SnapshotsFolder(HelperCall):
    """Make the folder of a home's snapshots, where there can be any."""

    call: Literal["snapshots_folder"] = "snapshots_folder"
    person: PersonName


class TakeSnapshot(HelperCall):
    """Keep a home as it is now."""

    call: Literal["take_snapshot"] = "take_snapshot"
    person: PersonName
    name: SnapshotName


class DropSnapshot(HelperCall):
    """Remove a snapshot of a home."""

    call: Literal["drop_snapshot"] = "drop_snapshot"
    person: PersonName
    name: SnapshotName


#: What is done beside the start of sessions, which does not wait for it.
KeepingCall = ListFolders | MeasureFolders | SnapshotsFolder | TakeSnapshot | DropSnapshot
StorageCall = Ping | PrepareHome | PrepareProject | OpenData | CloseData


class HelperStorage:
    """The Storage port over the root helper of the installation in ``state``."""

    def __init__(self, state: Path, *, language: str = "en") -> None:
        self._socket = state / "run" / "helper.sock"
        self._language = language

    def ping(self) -> None:
        """Return if the helper answers; StorageError otherwise."""
        self._ask(Ping)

    def prepare_home(self, person: Person) -> str:
        """The person's home, made and owned by them; its path."""
        language = person.locale or self._language
        return self._ask(PrepareHome, person=person.name, uid=person.uid, language=language)

    def prepare_project(self, project: str) -> str:
        """A project's shared folder, made; its path."""
        return self._ask(PrepareProject, project=project)

    def open_data(self, session: str, datasets: Sequence[Dataset]) -> str:
        """The parent of the session's /data with the datasets mounted below; its path."""
        names = [
            {"institution": d.institution, "name": d.name, "version": d.version} for d in datasets
        ]
        return self._ask(OpenData, session=session, datasets=names)

    def close_data(self, session: str) -> None:
        """Unmount and remove what open_data made; nothing if it is gone."""
        self._ask(CloseData, session=session)

    def folders(self) -> list[Folder]:
        """The homes and projects that there are, also of people who have left."""
        return list(self._answer(ListFolders).folders)

    def measure(self, folders: Sequence[Folder]) -> list[DiskUse]:
        """What each holds, without times; those are left out that there was no time for."""
        found: list[DiskUse] = []
        for start in range(0, len(folders), MOST_FOLDERS):
            some = folders[start : start + MOST_FOLDERS]
            homes = [f.name for f in some if f.kind is FolderKind.HOME]
            projects = [f.name for f in some if f.kind is FolderKind.PROJECT]
            answer = self._answer(MeasureFolders, homes=homes, projects=projects)
            found += answer.disk
        return found

    def snapshots_folder(self, person: str) -> str | None:
        """Where the snapshots of a home are, or will be; None where there are never any."""
        return self._ask(SnapshotsFolder, person=person) or None

    def take_snapshot(self, person: str, name: str) -> bool:
        """A read-only copy of a home as it is now; False if nothing changed since the last."""
        return self._answer(TakeSnapshot, person=person, name=name).done

    def drop_snapshot(self, person: str, name: str) -> None:
        """Remove a snapshot; nothing if it is gone."""
        self._ask(DropSnapshot, person=person, name=name)

    def _ask(self, kind: type[StorageCall | KeepingCall], **values: object) -> str:
        return self._answer(kind, **values).path

    def _answer(self, kind: type[StorageCall | KeepingCall], **values: object) -> Answer:
        try:
            call = kind.model_validate(values)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            key = ".".join(map(str, fault["loc"]))
            raise StorageError(f"{key} = {fault['input']!r}: {fault['msg']}.") from None
        patience = _MEASURE_TIMEOUT_S if kind is MeasureFolders else _TIMEOUT_S
        answer = ask(self._socket, call, patience, StorageError)
        if answer.problem:
            raise StorageError(answer.problem)
        return answer


def is_folder_name(kind: FolderKind, name: str) -> bool:
    """Whether a home or project may be called so; others are not Labwerk's."""
    pattern = _PERSON if kind is FolderKind.HOME else _NAME
    return re.match(pattern, name) is not None and "\n" not in name
