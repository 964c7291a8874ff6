"""What services need of the outside, as small protocols, and the bench they work at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.catalogue import Catalogue, Dataset
from labwerk_hub.domain.container import Limits
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import EndReason, Lease
from labwerk_hub.domain.ledger import Entry, period_end, period_of
from labwerk_hub.domain.metering import Calendar, Usage
from labwerk_hub.domain.people import Identity, Person


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


class InventoryReader(Protocol):
    """Where GPUs come from: a driver, or the settings."""

    def read(self) -> Inventory:
        """The GPUs and their slices as they are now."""


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


class People(Protocol):
    """The person table."""

    def by_account(self, issuer: str, subject: str) -> Person | None:
        """The person an account belongs to."""

    def by_name(self, name: str) -> Person | None:
        """The person with this hub user name."""

    def names(self, institution: str) -> set[str]:
        """Every name ever given to a person of an institution."""

    def add(self, identity: Identity, name: str) -> Person:
        """A new person, with the next free user id."""

    def update(self, person: Person) -> None:
        """Keep what the provider said at the latest sign-in."""

    def last_request(self, name: str) -> Request | None:
        """What the person chose last time."""

    def remember_request(self, name: str, request: Request) -> None:
        """Keep what the person chose."""


class Leases(Protocol):
    """The lease table. A unit of a GPU is held by one lease at most: the table says so."""

    def add(self, lease: Lease) -> None:
        """A new intended lease, holding its units."""

    def get(self, session: str) -> Lease | None:
        """A session's lease, ended or not."""

    def unended(self) -> list[Lease]:
        """All intended and live leases."""

    def unended_of(self, person: str) -> list[Lease]:
        """A person's intended and live leases."""

    def set_live(self, session: str, started_ms: int) -> None:
        """The engine runs the container since ``started_ms``."""

    def set_metered(self, session: str, metered_to_ms: int) -> None:
        """Charged up to ``metered_to_ms``."""

    def set_ended(self, session: str, ended_ms: int, reason: EndReason) -> None:
        """Over; its units are free."""


class Ledger(Protocol):
    """The append-only ledger."""

    def charge(self, usage: Usage, entries: Sequence[Entry]) -> None:
        """A closed interval with its entries; once for each (session, start)."""

    def total(self, account: str, period: str) -> int:
        """The sum of an account's entries in a period, in ticks."""


class Transaction(Protocol):
    """The tables within one transaction."""

    @property
    def people(self) -> People:
        """The person table."""

    @property
    def leases(self) -> Leases:
        """The lease table."""

    @property
    def ledger(self) -> Ledger:
        """The ledger."""


class Database(Protocol):
    """Labwerk's database; raises DatabaseError with what to do."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that holds the write lock from its beginning."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """A consistent view; nothing is kept."""


@dataclass(frozen=True)
class Policy:
    """Values of the settings that services go by."""

    zone: ZoneInfo
    intent_timeout_seconds: int
    instance: str
    service_url: str
    limits: Limits
    language: str

    @property
    def calendar(self) -> Calendar:
        """Budget periods: calendar months in the site's time zone."""
        return Calendar(
            period_of=lambda moment: period_of(moment, self.zone),
            period_end=lambda moment: period_end(moment, self.zone),
        )


@dataclass(frozen=True)
class Workbench:
    """Everything services work with; made once in ``bootstrap``."""

    catalogue: Catalogue
    policy: Policy
    database: Database
    engine: Engine
    inventory: InventoryReader
    storage: Storage
    clock: Callable[[], datetime]

    def __deepcopy__(self, memo: dict[int, object]) -> Workbench:
        """Itself: JupyterHub's configuration copies what it holds, and there is one bench."""
        return self
