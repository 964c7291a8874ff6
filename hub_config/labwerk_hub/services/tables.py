"""What services need of the database, as small protocols: one for each noun that is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.board import Holding
from labwerk_hub.domain.expectation import Past
from labwerk_hub.domain.idleness import Activity
from labwerk_hub.domain.leases import EndReason, Lease
from labwerk_hub.domain.people import Identity, Person, Role
from labwerk_hub.domain.quotas import DiskUse, Folder
from labwerk_hub.domain.reservations import Reservation
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.services.audit_tables import Chains, Events, Records
from labwerk_hub.services.ledger_tables import Allotments, Ledger, UsageSums
from labwerk_hub.services.request_tables import Mails, Requests
from labwerk_hub.services.statement_tables import Statements


class People(Protocol):
    """The person table."""

    def by_account(self, issuer: str, subject: str) -> Person | None:
        """The person an account belongs to."""

    def by_name(self, name: str) -> Person | None:
        """The person with this hub user name."""

    def by_pseudonym(self, pseudonym: str) -> Person | None:
        """The person whom the ledger knows by this pseudonym; None once erased."""

    def all(self) -> list[Person]:
        """Everybody, in the order of their names."""

    def of_institution(self, institution: str) -> list[Person]:
        """Everybody of an institution, in the order of their names."""

    def with_group(self, group: str) -> list[Person]:
        """Everybody in one of the provider's groups, in the order of their names."""

    def with_role(self, role: Role) -> list[Person]:
        """Everybody with a role, in the order of their names."""

    def names(self, institution: str) -> set[str]:
        """Every name ever given to a person of an institution."""

    def add(self, identity: Identity, name: str, seen_ms: int | None = None) -> Person:
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

    def holding(self) -> list[Lease]:
        """All leases that hold units: those, and ended ones not yet given back."""

    def unended_of(self, person: str) -> list[Lease]:
        """A person's intended and live leases."""

    def unended_paid_by(self, payer: str) -> list[Lease]:
        """The intended and live leases that a budget pays for."""

    def set_live(self, session: str, started_ms: int) -> None:
        """The engine runs the container since ``started_ms``."""

    def set_metered(self, session: str, metered_to_ms: int) -> None:
        """Charged up to ``metered_to_ms``."""

    def set_ends(self, session: str, ends_ms: int) -> None:
        """Its end is moved."""

    def set_intended(self, session: str, intended_ms: int) -> None:
        """What was kept for somebody is being started only now."""

    def set_payer(self, session: str, payer: str, paid_by: str, over_use: bool) -> None:
        """Another budget pays from now on, or none."""

    def set_stopping(self, session: str, reason: EndReason | None) -> None:
        """Its stop is asked for; the reason is kept for the end (None: not any more)."""

    def set_ended(self, session: str, ended_ms: int, reason: EndReason) -> None:
        """Over; its units are held until they are given back."""

    def holds(self, session: str) -> bool:
        """Whether units are held for it."""

    def begin_giving_back(self, session: str, now_ms: int, before_ms: int) -> bool:
        """Whether units are held for it that nobody has set out to free since ``before_ms``."""

    def stop_giving_back(self, session: str) -> None:
        """Its units cannot be freed yet; the next one may try."""

    def give_back(self, session: str) -> None:
        """Its units are free."""

    def last_ended_of(self, person: str) -> Lease | None:
        """The lease of the person's that ended last."""

    def flavours_since(self, since_ms: int) -> Mapping[str, int]:
        """How many leases of each flavour were taken since then, of the latest of them."""

    def past_since(self, since_ms: int) -> list[Past]:
        """The sessions that ran and ended since then."""

    def used_by_day(self, since_ms: int) -> Mapping[tuple[str, int], int]:
        """Ticks by institution and day (since 1970, of the last metering) since then."""


@dataclass(frozen=True)
class PlaceInLine:
    """Where a ticket stands: ``before`` wait for slices that could serve it, too.

    ``due_ms`` is when a slice is due back for it at the latest, ``expected_ms`` when it will
    likely be its turn; None where that cannot be told.
    """

    place: int
    before: int
    due_ms: int | None
    expected_ms: int | None


@dataclass(frozen=True)
class Wait:
    """How many people waited until they were called, and how long all of them together."""

    count: int
    total_ms: int


class Tickets(Protocol):
    """The waiting list. A person has one open ticket at most: the table says so."""

    def add(self, ticket: Ticket) -> None:
        """A new ticket."""

    def open(self) -> list[Ticket]:
        """All waiting and called tickets, oldest first."""

    def open_of(self, person: str) -> Ticket | None:
        """The person's waiting or called ticket."""

    def set_called(self, ticket: str, session: str, called_ms: int) -> None:
        """A lease was taken for it."""

    def set_held(self, ticket: str, held_until_ms: int) -> None:
        """The hub starts it; what was taken for it is kept until then."""

    def set_ended(self, ticket: str, state: TicketState, ended_ms: int) -> None:
        """Started, left, missed or refused."""

    def of_session(self, session: str) -> Ticket | None:
        """The ticket that a session came from."""

    def last_ended_of(self, person: str) -> Ticket | None:
        """The ticket of the person's that ended last."""

    def reopen(self, ticket: str, *, anew: bool = False) -> None:
        """Back in line: what it was called for did not start; ``anew``: as if never called."""

    def place_of(self, ticket: str) -> PlaceInLine | None:
        """Where it stands, as last worked out."""

    def set_place(self, ticket: str, place: PlaceInLine) -> None:
        """Where it stands now."""

    def waits(self) -> Mapping[str, Wait]:
        """How long people waited until they were called, by flavour, since the beginning."""


class Activities(Protocol):
    """What is known of running sessions' activity."""

    def get(self, session: str) -> Activity | None:
        """One session's; None if nothing is known yet."""

    def put(self, activity: Activity) -> None:
        """Keep what is known now."""

    def forget(self, session: str) -> None:
        """The session has ended."""


class Reservations(Protocol):
    """Capacity kept for groups."""

    def add(self, reservation: Reservation) -> None:
        """A new reservation with its slices."""

    def current(self, now_ms: int) -> list[Reservation]:
        """Those that are not over and not cancelled, the earliest first."""

    def cancel(self, identifier: str, now_ms: int) -> bool:
        """Give it up; whether there was such a one."""


class Outcomes(Protocol):
    """How many starts were granted, had to wait, or were refused, by reason."""

    def count(self, outcome: str) -> None:
        """One more."""

    def all(self) -> Mapping[str, int]:
        """All of them since the beginning."""


class Holdings(Protocol):
    """Who holds what, read for the board."""

    def masks(self) -> Mapping[str, int]:
        """The units that leases hold on each GPU, as bits; GPUs without any are left out."""

    def on(self, gpus: Collection[str]) -> list[Holding]:
        """The leases that hold units of ``gpus``, and whose they are."""

    def sessions(self, flavours: Collection[str]) -> Mapping[str, int]:
        """How many leases of each flavour are intended or live."""


class StorageUses(Protocol):
    """What homes and projects hold, as last measured."""

    def all(self) -> list[DiskUse]:
        """Every folder that was measured, homes first."""

    def get(self, folder: Folder) -> DiskUse | None:
        """One folder; None if it was not measured yet."""

    def put(self, use: DiskUse) -> None:
        """Keep what was measured."""

    def forget(self, folder: Folder) -> None:
        """The folder is gone."""


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

    @property
    def usage(self) -> UsageSums:
        """What was used."""

    @property
    def statements(self) -> Statements:
        """The ledger as of the end of a month."""

    @property
    def allotments(self) -> Allotments:
        """Decisions about budgets."""

    @property
    def tickets(self) -> Tickets:
        """The waiting list."""

    @property
    def activities(self) -> Activities:
        """What is known of sessions' activity."""

    @property
    def reservations(self) -> Reservations:
        """Capacity kept for groups."""

    @property
    def outcomes(self) -> Outcomes:
        """Counters of starts."""

    @property
    def holdings(self) -> Holdings:
        """Who holds what, for the board."""

    @property
    def storage_uses(self) -> StorageUses:
        """What folders hold."""

    @property
    def events(self) -> Events:
        """The audit chain."""

    @property
    def records(self) -> Records:
        """All that is kept of one person."""

    @property
    def chains(self) -> Chains:
        """Both chains as they were found."""

    @property
    def requests(self) -> Requests:
        """Requests for more budget."""

    @property
    def mails(self) -> Mails:
        """The outbox."""


class Database(Protocol):
    """Labwerk's database; raises DatabaseError with what to do."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that holds the write lock from its beginning."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """A consistent view; nothing is kept."""

    def scrub(self, *, large: bool) -> bool:
        """Leave nothing of what was removed for good in the database's file, if it is one.

        Whether nothing is left to do; a large file is left for later unless ``large``.
        """

    def checkpoint(self) -> None:
        """Do what commits would else have to do from time to time; now and then, in between."""
