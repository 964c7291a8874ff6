"""What is kept of a person: given out when they ask, erased when they leave."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from labwerk_hub.domain.events import ROOT, EventKind
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.waiting import TicketState
from labwerk_hub.errors import LabwerkError, UnknownPersonError
from labwerk_hub.services import audit
from labwerk_hub.services.audit_views import EventView, Names
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.views import Moment, View
from labwerk_hub.services.workbench import Workbench

#: Says in an export how it is to be read; changes when that does.
SCHEMA = "labwerk-person/1"


class LeaverError(LabwerkError):
    """A person who cannot be erased now, or whose home cannot be given out."""

    code = "leaver"


class PersonRow(View):
    """Somebody as `people list` shows them."""

    name: str
    display_name: str
    email: str | None
    institution: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]


class FilesKept(View):
    """Where a person's files are on this machine; project folders are shared with others."""

    home: str
    projects: tuple[str, ...]


class PersonExport(View):
    """All that is kept of a person, but for their files.

    ``records`` are the database's rows by table, with times in milliseconds since 1970 in UTC
    and amounts in ticks (a second of 1/24 GPU); ``events`` what the audit chain says of them,
    in their language.
    """

    schema_version: str
    exported_at: Moment
    name: str
    pseudonym: str
    records: Mapping[str, tuple[Mapping[str, JsonValue], ...]]
    events: tuple[EventView, ...]
    files: FilesKept


@dataclass(frozen=True)
class Erased:
    """What stands in the place of a person, and how much of it there is."""

    name: str
    pseudonym: str
    sessions: int
    events: int


def everybody(workbench: Workbench, institution: str | None = None) -> list[PersonRow]:
    """The people who have signed in here, of an institution or all; none who were erased."""
    with workbench.database.reading() as tx:
        found = [person for person in tx.people.all() if person.pseudonym]
    return [
        PersonRow(
            name=person.name,
            display_name=person.display_name,
            email=person.email,
            institution=person.institution,
            roles=tuple(sorted(role.value for role in person.roles)),
            groups=tuple(sorted(person.groups)),
        )
        for person in found
        if institution in (None, person.institution)
    ]


def export(workbench: Workbench, name: str, files: FilesKept) -> PersonExport:
    """All that is kept of a person. That it was given out is an event, the last one in it.

    Raises UnknownPersonError.
    """
    with workbench.database.writing() as tx:
        person = _known(tx, name)
        audit.record(workbench, tx, EventKind.EXPORT, actor=ROOT, subject=person.pseudonym)
        records: dict[str, list[Mapping[str, JsonValue]]] = {}
        for record in tx.records.of(person):
            records.setdefault(record.table, []).append(dict(record.values))
        found = tx.events.find(person=person.pseudonym)
        names = Names.of(tx, found)
    language = person.locale or workbench.policy.language
    page = audit.page_of(workbench, found, names, person.pseudonym, language, len(found))
    return PersonExport(
        schema_version=SCHEMA,
        exported_at=workbench.clock(),
        name=person.name,
        pseudonym=person.pseudonym,
        records={table: tuple(rows) for table, rows in records.items()},
        events=page.events,
        files=files,
    )


def without_session(workbench: Workbench, name: str) -> Person:
    """The person, if nothing of theirs runs: then nobody changes their home, or is in it.

    Raises UnknownPersonError, LeaverError while a session of theirs runs.
    """
    with workbench.database.reading() as tx:
        return _without_session(tx, name)


def erased_name(person: Person) -> str:
    """A name that stands in the place of a person's."""
    return f"{person.institution}--erased-{secrets.token_hex(4)}"


def erase(workbench: Workbench, name: str) -> Erased:
    """Remove name, address, account, groups and all words of a person for good.

    What the ledger has of them stays, under a pseudonym that leads to nobody any more; so do
    events in which they did something to others without a word of theirs. Raises
    UnknownPersonError, LeaverError while a session of theirs runs. What the database's file
    may still hold of them goes with `retention.scrub`, which the service calls as well.
    """
    with workbench.database.writing() as tx:
        now_ms, person = to_ms(workbench.clock()), _without_session(tx, name)
        if (ticket := tx.tickets.open_of(name)) is not None:
            tx.tickets.set_ended(ticket.id, TicketState.LEFT, now_ms)
        tx.requests.forget(name, now_ms)
        tx.mails.forget(name, now_ms)
        sessions = sum(record.table == "leases" for record in tx.records.of(person))
        events = tx.events.redact_person(person.pseudonym)
        erased = erased_name(person)
        tx.records.replace(person, erased)
        audit.record(workbench, tx, EventKind.ERASURE, actor=ROOT, about=erased)
    return Erased(name=erased, pseudonym=person.pseudonym, sessions=sessions, events=events)


def _without_session(tx: Transaction, name: str) -> Person:
    person = _known(tx, name)
    if running := tx.leases.unended_of(name):
        raise LeaverError(
            f"{name} has the session {running[0].session}; stop it first, on JupyterHub's "
            "administration page or with `down`."
        )
    return person


def _known(tx: Transaction, name: str) -> Person:
    person = tx.people.by_name(name)
    if person is None or not person.pseudonym:
        raise UnknownPersonError(
            f"Nobody called {name!r} has signed in here; `people list` shows who has."
        )
    return person
