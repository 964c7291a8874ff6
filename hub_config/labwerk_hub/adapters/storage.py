"""The storage port, spoken over a socket to the root helper.

The helper is the only one who makes folders of people and mounts; this side asks by name
and never hands over a path.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

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


class _Call(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ping(_Call):
    """Are you there?"""

    call: Literal["ping"] = "ping"


class PrepareHome(_Call):
    """Make a person's home, with the notebooks of their language, if it is not there."""

    call: Literal["prepare_home"] = "prepare_home"
    person: PersonName
    uid: int
    language: Literal["en", "de", "it", "fr"]


class PrepareProject(_Call):
    """Make a project's shared folder, if it is not there."""

    call: Literal["prepare_project"] = "prepare_project"
    project: ShortName


class DatasetName(_Call):
    """One version of a dataset, as the settings name it."""

    institution: ShortName
    name: ShortName
    version: VersionName


class OpenData(_Call):
    """Mount just these datasets below a session's data folder, read-only."""

    call: Literal["open_data"] = "open_data"
    session: SessionName
    datasets: tuple[DatasetName, ...]


class CloseData(_Call):
    """Unmount and remove a session's data folder."""

    call: Literal["close_data"] = "close_data"
    session: SessionName


Call = Ping | PrepareHome | PrepareProject | OpenData | CloseData
CALL: TypeAdapter[Call] = TypeAdapter(Annotated[Call, Field(discriminator="call")])


class Answer(BaseModel):
    """What the helper answers: a path, or a sentence that says what went wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = ""
    problem: str = ""


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

    def _ask(self, kind: type[Call], **values: object) -> str:
        try:
            call = kind.model_validate(values)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            key = ".".join(map(str, fault["loc"]))
            raise StorageError(f"{key} = {fault['input']!r}: {fault['msg']}.") from None
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_TIMEOUT_S)
                connection.connect(str(self._socket))
                connection.sendall(call.model_dump_json().encode() + b"\n")
                with connection.makefile("rb") as stream:
                    line = stream.readline()
        except OSError as error:
            raise StorageError(
                f"The root helper at {self._socket} does not answer ({error.strerror or error}); "
                "see `labwerk status` and its log."
            ) from None
        if not line:
            raise StorageError(f"The root helper at {self._socket} hung up; see its log.")
        answer = Answer.model_validate(json.loads(line))
        if answer.problem:
            raise StorageError(answer.problem)
        return answer.path
