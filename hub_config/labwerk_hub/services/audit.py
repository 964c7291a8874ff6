"""The audit chain: what is recorded, and what a person sees of it.

An event is recorded in the transaction of what it tells of: both are kept, or neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from labwerk_hub.domain.events import LABWERK, ROOT, Event, EventKind, RecordedEvent
from labwerk_hub.domain.leases import Lease
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.errors import UnknownPersonError
from labwerk_hub.services.audit_tables import Head
from labwerk_hub.services.audit_views import EventPage, EventView, Names, shown
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

#: Events on one page, and how many of all are read at once.
PAGE = 50
_AT_ONCE = 500


@dataclass(frozen=True)
class Heads:
    """The latest event, posting and decision about budgets.

    Together they stand for all that was written.
    """

    event: Head
    posting: Head
    decision: Head


def record(
    workbench: Workbench,
    tx: Transaction,
    kind: EventKind,
    *,
    actor: str,
    subject: str | None = None,
    about: str | None = None,
    **details: str | int,
) -> None:
    """``actor`` did this now, to ``subject`` if to a person; both are pseudonyms.

    ``about`` is a session, a budget, a reservation. Which ``details`` belong to which kind
    says :mod:`labwerk_hub.services.audit_views`; never a name among them.
    """
    tx.events.add(Event(kind, to_ms(workbench.clock()), actor, subject, about, details))


def pseudonym_of(tx: Transaction, name: str | None) -> str:
    """Who acts under a hub user name; the service itself for nobody that is known."""
    person = tx.people.by_name(name) if name else None
    return person.pseudonym if person is not None and person.pseudonym else LABWERK


def session_started(workbench: Workbench, tx: Transaction, lease: Lease, by: str | None) -> None:
    """A lease was granted, asked for by ``by`` (a hub user name; None: the service)."""
    paid: dict[str, str | int] = {}
    if lease.ticks_per_second and lease.payer:  # what runs without a GPU costs nothing
        paid = {"payer": lease.payer, "over_use": int(lease.over_use)}
    record(
        workbench,
        tx,
        EventKind.START,
        actor=pseudonym_of(tx, by),
        subject=pseudonym_of(tx, lease.person),
        about=lease.session,
        flavour=lease.flavour,
        image=lease.image,
        **paid,
    )


def payer_changed(
    workbench: Workbench,
    tx: Transaction,
    was: Lease,
    payer: str,
    by: str,
    *,
    over_use: bool = False,
) -> None:
    """The budget ``payer`` pays for a lease from now on, as ``by`` (a pseudonym) wants it.

    With ``over_use`` the lease goes on without being paid for.
    """
    record(
        workbench,
        tx,
        EventKind.PAYER_CHANGED,
        actor=by,
        subject=pseudonym_of(tx, was.person),
        about=was.session,
        payer=payer,
        was=was.payer,
        **({"over_use": 1} if over_use else {}),
    )


def session_ended(workbench: Workbench, tx: Transaction, session: str, by: str | None) -> None:
    """A lease has ended; ``by`` asked for it (a hub user name; None: the service)."""
    lease = tx.leases.get(session)
    if lease is not None and lease.end_reason is not None:
        record(
            workbench,
            tx,
            EventKind.STOP,
            actor=pseudonym_of(tx, by),
            subject=pseudonym_of(tx, lease.person),
            about=session,
            reason=lease.end_reason.value,
        )


def entered(workbench: Workbench, visitor: str, owner: str, how: str) -> None:
    """``visitor`` enters the server of ``owner``; both are hub user names.

    ``how`` is ``browser``, ``token``, or ``token-made``: a token with which to act as them.
    """
    with workbench.database.writing() as tx:
        leases = tx.leases.unended_of(owner)
        record(
            workbench,
            tx,
            EventKind.ENTERING,
            actor=pseudonym_of(tx, visitor),
            subject=pseudonym_of(tx, owner),
            about=leases[0].session if leases else None,
            how=how,
        )


def signed_in(workbench: Workbench, name: str) -> None:
    """A person has signed in."""
    with workbench.database.writing() as tx:
        who = pseudonym_of(tx, name)
        record(workbench, tx, EventKind.SIGN_IN, actor=who, subject=who)


def sign_in_refused(workbench: Workbench, reason: str) -> None:
    """An account was not let in; nothing is kept of whose it is."""
    with workbench.database.writing() as tx:
        record(workbench, tx, EventKind.SIGN_IN_REFUSED, actor=LABWERK, reason=reason)


def heads(tx: Transaction) -> Heads:
    """What stands for all chains, and shows later whether anything was changed."""
    return Heads(tx.events.head(), tx.ledger.head(), tx.allotments.head())


def of_person(
    workbench: Workbench,
    name: str,
    language: str,
    *,
    before: int | None = None,
    limit: int = PAGE,
) -> EventPage:
    """What a person did and what was done to them, newest first, in ``language``.

    ``before`` is the ``next_before`` of the page before. Raises UnknownPersonError.
    """
    with workbench.database.reading() as tx:
        person = tx.people.by_name(name)
        if person is None:
            raise UnknownPersonError(f"Nobody called {name} has signed in here.")
        found = tx.events.find(person=person.pseudonym, before=before, limit=limit + 1)
        names = Names.of(tx, found[:limit])
    return page_of(workbench, found, names, person.pseudonym, language, limit)


def of_all(
    workbench: Workbench,
    *,
    name: str | None = None,
    kind: EventKind | None = None,
    since: datetime | None = None,
) -> Iterator[EventView]:
    """Everybody's events, or a person's, newest first, in English; for operators.

    Raises UnknownPersonError.
    """
    before: int | None = None
    while True:
        with workbench.database.reading() as tx:
            person = tx.people.by_name(name) if name is not None else None
            if name is not None and person is None:
                raise UnknownPersonError(
                    f"Nobody called {name} has signed in here; `people list` shows who has."
                )
            found = tx.events.find(
                person=person.pseudonym if person is not None else None,
                kinds=[kind] if kind is not None else [],
                since_ms=to_ms(since) if since is not None else None,
                before=before,
                limit=_AT_ONCE + 1,
            )
            names = Names.of(tx, found, user_names=True)
        page = page_of(workbench, found, names, None, "en", _AT_ONCE)
        yield from page.events
        if (before := page.next_before) is None:
            return


def settings_taken(workbench: Workbench, digest: str) -> None:
    """The service runs with a settings file of this digest; recorded when it is another."""
    with workbench.database.writing() as tx:
        last = tx.events.last_of(EventKind.SETTINGS)
        if last is None or last.event is None or last.event.details.get("digest") != digest:
            record(workbench, tx, EventKind.SETTINGS, actor=ROOT, digest=digest)


def page_of(
    workbench: Workbench,
    found: list[RecordedEvent],
    names: Names,
    reader: str | None,
    language: str,
    limit: int,
) -> EventPage:
    """The first ``limit`` of what was found, and where the next page begins."""
    zone = workbench.policy.zone
    events = tuple(
        shown(event, names, workbench.catalogue, reader, language, zone) for event in found[:limit]
    )
    return EventPage(events=events, next_before=events[-1].id if len(found) > limit else None)
