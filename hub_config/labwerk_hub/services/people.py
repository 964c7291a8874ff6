"""Who somebody is here."""

from __future__ import annotations

from labwerk_hub.domain.entitlement import Entitlement, entitlement
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Identity, Person, free_name
from labwerk_hub.services.workbench import Workbench


def remember(workbench: Workbench, identity: Identity) -> Person:
    """The person of an account: the one known, with the latest claims, or a new one.

    Name and user id are assigned once for an (issuer, subject) and never change, even
    if the account's name or institution does.
    """
    now_ms = to_ms(workbench.clock())
    with workbench.database.writing() as tx:
        known = tx.people.by_account(identity.issuer, identity.subject)
        if known is None:
            taken = tx.people.names(identity.institution)
            return tx.people.add(
                identity, free_name(identity.institution, identity.display_name, taken), now_ms
            )
        person = Person.of(
            identity, name=known.name, uid=known.uid, pseudonym=known.pseudonym, seen_ms=now_ms
        )
        tx.people.update(person)
        return person


def find(workbench: Workbench, name: str) -> Person | None:
    """The person with this hub user name."""
    with workbench.database.reading() as tx:
        return tx.people.by_name(name)


def entitlement_of(workbench: Workbench, person: Person) -> Entitlement:
    """What the person may use now; KeyError if their institution left the settings."""
    return entitlement(person, workbench.catalogue)
