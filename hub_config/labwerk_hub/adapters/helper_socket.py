"""One call to the root helper: a line of JSON there, a line of JSON back."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.quotas import DiskUse, Folder
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services.ports import SliceUse


class HelperCall(BaseModel):
    """A call; each kind has a ``call`` of its own that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What the helper answers, or in ``problem`` a sentence that says what went wrong.

    ``path`` is a folder's, ``device`` the engine's device of a slice; ``done`` says whether
    there was anything to do; ``code`` is the problem's, where the kind of problem matters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = ""
    problem: str = ""
    code: str = ""
    device: str | None = None
    gpus: Inventory | None = None
    use: SliceUse | None = None
    folders: tuple[Folder, ...] = ()
    disk: tuple[DiskUse, ...] = ()
    done: bool = True


def ask(where: Path, call: HelperCall, timeout_s: float, gone: type[LabwerkError]) -> Answer:
    """The helper's answer; ``gone`` is raised if there is none within ``timeout_s`` seconds."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(where))
            connection.sendall(call.model_dump_json().encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
    except OSError as error:
        raise gone(
            f"The root helper at {where} does not answer ({error.strerror or error}); "
            "see `status` and its log."
        ) from None
    if not line:
        raise gone(f"The root helper at {where} hung up; see its log.")
    return Answer.model_validate(json.loads(line))
