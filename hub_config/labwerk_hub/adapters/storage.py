"""The storage port, spoken over a socket to the root helper.

The helper is the only one who makes folders of people and mounts; this side asks by name
and never hands over a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from labwerk_hub.adapters.helper_socket import HelperCall, ask
from labwerk_hub.domain.catalogue import Dataset
from labwerk_hub.domain.people import Person
from labwerk_hub.errors import StorageError

_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
#: A hub user name: ``<institution>--<slug>``.
PersonName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*--[a-z0-9]+(-[a-z0-9]+)*$", max_length=128),
]
ShortName = Annotated[str, StringConstraints(pattern=_NAME, max_length=64)]
SessionName = Annotated[str, StringConstraints(pattern=r"^lw-[0-9a-f]{12}$")]
VersionName = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-z]+([.-][0-9a-z]+)*$", max_length=32)
]

#: Seconds the helper may take; making a home copies the welcome notebooks.
_TIMEOUT_S = 30


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

    def _ask(self, kind: type[StorageCall], **values: object) -> str:
        try:
            call = kind.model_validate(values)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            key = ".".join(map(str, fault["loc"]))
            raise StorageError(f"{key} = {fault['input']!r}: {fault['msg']}.") from None
        answer = ask(self._socket, call, _TIMEOUT_S, StorageError)
        if answer.problem:
            raise StorageError(answer.problem)
        return answer.path
