"""What services need of the outside, as small protocols: engine, GPUs, folders."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from labwerk_hub.domain.catalogue import Dataset
from labwerk_hub.domain.gpu import Inventory, Slice
from labwerk_hub.domain.mails import Mail
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.quotas import DiskUse, Folder


class ContainerState(StrEnum):
    """What the engine says a container is doing; a paused one still holds its slice."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True)
class SessionContainer:
    """A session's container as the engine tells it, by the labels it carries.

    Times are milliseconds since 1970 in UTC, None where it has not come to that.
    """

    session: str
    person: str
    slice_label: str
    state: ContainerState
    created_ms: int
    started_ms: int | None
    finished_ms: int | None


class Engine(Protocol):
    """The container engine; every method raises EngineUnreachableError if it is gone."""

    def sessions(self) -> list[SessionContainer]:
        """All containers of this installation's sessions, running or not."""

    def session(self, session: str) -> SessionContainer | None:
        """One session's container; None if the engine has none."""

    def stop(self, session: str) -> None:
        """Stop the container, giving it time to end by itself; nothing if it is gone."""

    def remove(self, session: str) -> None:
        """Remove the container; nothing if it is gone."""

    def has_image(self, tag: str) -> bool:
        """Whether the engine holds the image."""

    def cpu_ns(self, session: str) -> int | None:
        """Processor time the session has used since its start; None if it does not run."""

    def devices(self, session: str) -> frozenset[str] | None:
        """The GPU devices (``MIG-…`` or ``GPU-…``) seen inside; None if that cannot be told."""


@dataclass(frozen=True)
class SliceUse:
    """How busy a slice is; None where that cannot be measured, ``utilisation`` a share of one."""

    memory_used_mib: int | None = None
    processes: int | None = None
    utilisation: float | None = None


class Gpus(Protocol):
    """Where GPUs come from (a driver, or the settings), and who cuts dynamic ones.

    Every method raises GpuDriverError if the driver cannot be read or refuses.
    """

    def read(self, fresh: bool = False) -> Inventory:
        """The GPUs as they are now; an answer may be a second old unless ``fresh``."""

    def prepare(self, slice_: Slice) -> str | None:
        """The engine's device for ``slice_``, made if its GPU is dynamic; None if simulated.

        Raises GpuFaultError if the GPU is gone or broken.
        """

    def release(self, slice_: Slice) -> None:
        """Destroy the instance on a dynamic GPU; nothing if it is gone, or not dynamic.

        Raises GpuBusyError while a process lives in it.
        """

    def use(self, slice_: Slice) -> SliceUse:
        """How busy the slice is now."""


class Storage(Protocol):
    """Folders that need root; raises StorageError with what could not be done."""

    def prepare_home(self, person: Person) -> str:
        """The person's home, made and owned by them; its path."""

    def prepare_project(self, project: str) -> str:
        """A project's shared folder, made; its path."""

    def open_data(self, session: str, datasets: Sequence[Dataset]) -> str:
        """The parent of the session's /data with the datasets mounted below; its path."""

    def close_data(self, session: str) -> None:
        """Unmount and remove what open_data made; nothing if it is gone."""

    def folders(self) -> list[Folder]:
        """The homes and projects that there are, also of people who have left."""

    def measure(self, folders: Sequence[Folder]) -> list[DiskUse]:
        """What each holds, without times; those are left out that there was no time for."""

    def snapshots_folder(self, person: str) -> str | None:
        """Where the snapshots of a home are, or will be; None where there are never any."""

    def take_snapshot(self, person: str, name: str) -> bool:
        """A read-only copy of a home as it is now; False if nothing changed since the last."""

    def drop_snapshot(self, person: str, name: str) -> None:
        """Remove a snapshot; nothing if it is gone."""


class MailConnection(Protocol):
    """A connection to the mail server that is ready to send."""

    def send(self, mail: Mail) -> str:
        """Hand a mail over; what the server answered when it took it.

        Raises MailRefusedError if it does not take this one, MailServerError if the
        connection is of no use any more.
        """


class MailServer(Protocol):
    """The site's mail server."""

    def connected(self) -> AbstractContextManager[MailConnection]:
        """A connection to it; raises MailServerError if there can be none."""
