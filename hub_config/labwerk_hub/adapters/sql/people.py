"""The person table."""

from __future__ import annotations

import json
import secrets

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from labwerk_hub.adapters.sql.tables import people
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.people import Identity, Person, Role


class SqlPeople:
    """The People port within one transaction."""

    def __init__(self, connection: Connection, first_uid: int) -> None:
        self._connection = connection
        self._first_uid = first_uid

    def by_account(self, issuer: str, subject: str) -> Person | None:
        """The person an account belongs to."""
        account = (people.c.issuer == issuer) & (people.c.subject == subject)
        return _person(self._connection.execute(select(people).where(account)).first())

    def by_name(self, name: str) -> Person | None:
        """The person with this hub user name."""
        found = self._connection.execute(select(people).where(people.c.name == name))
        return _person(found.first())

    def by_pseudonym(self, pseudonym: str) -> Person | None:
        """The person whom the ledger knows by this pseudonym; None once erased."""
        found = self._connection.execute(select(people).where(people.c.pseudonym == pseudonym))
        return _person(found.first())

    def all(self) -> list[Person]:
        """Everybody, in the order of their names."""
        rows = self._connection.execute(select(people).order_by(people.c.name))
        return [found for row in rows if (found := _person(row)) is not None]

    def of_institution(self, institution: str) -> list[Person]:
        """Everybody of an institution, in the order of their names."""
        return self._list(people.c.institution == institution)

    def with_group(self, group: str) -> list[Person]:
        """Everybody in one of the provider's groups, in the order of their names."""
        written = people.c.groups.contains(json.dumps(group), autoescape=True)
        return [person for person in self._list(written) if group in person.groups]

    def with_role(self, role: Role) -> list[Person]:
        """Everybody with a role, in the order of their names."""
        written = people.c.roles.contains(json.dumps(role.value), autoescape=True)
        return [person for person in self._list(written) if role in person.roles]

    def names(self, institution: str) -> set[str]:
        """Every name ever given to a person of an institution."""
        prefix = people.c.name.startswith(f"{institution}--", autoescape=True)
        return set(self._connection.scalars(select(people.c.name).where(prefix)))

    def add(self, identity: Identity, name: str, seen_ms: int | None = None) -> Person:
        """A new person, with the next free user id."""
        highest = self._connection.scalar(select(func.max(people.c.uid)))
        uid = self._first_uid if highest is None else max(highest + 1, self._first_uid)
        pseudonym = f"p-{secrets.token_hex(8)}"
        person = Person.of(identity, name=name, uid=uid, pseudonym=pseudonym, seen_ms=seen_ms)
        account = {"issuer": identity.issuer, "subject": identity.subject}
        self._connection.execute(
            insert(people).values(
                name=name, uid=uid, pseudonym=pseudonym, **account, **_claims(person)
            )
        )
        return person

    def update(self, person: Person) -> None:
        """Keep what the provider said at the latest sign-in."""
        self._connection.execute(
            update(people).where(people.c.name == person.name).values(**_claims(person))
        )

    def last_request(self, name: str) -> Request | None:
        """What the person chose last time."""
        row = self._connection.execute(
            select(people.c.last_flavour, people.c.last_image, people.c.last_payer).where(
                people.c.name == name
            )
        ).first()
        if row is None or row.last_flavour is None:
            return None
        return Request(row.last_flavour, row.last_image, payer=row.last_payer or "")

    def remember_request(self, name: str, request: Request) -> None:
        """Keep what the person chose."""
        self._connection.execute(
            update(people)
            .where(people.c.name == name)
            .values(
                last_flavour=request.flavour,
                last_image=request.image,
                last_payer=request.payer or None,
            )
        )

    def _list(self, condition: ColumnElement[bool]) -> list[Person]:
        rows = self._connection.execute(select(people).where(condition).order_by(people.c.name))
        return [found for row in rows if (found := _person(row)) is not None]


def _claims(person: Person) -> dict[str, str | int | None]:
    return {
        "institution": person.institution,
        "display_name": person.display_name,
        "email": person.email,
        "locale": person.locale,
        "groups": json.dumps(sorted(person.groups)),
        "roles": json.dumps(sorted(person.roles)),
        "seen_ms": person.seen_ms,
    }


def _person(row: Row[tuple[object, ...]] | None) -> Person | None:
    if row is None:
        return None
    return Person(
        issuer=row.issuer,
        subject=row.subject,
        institution=row.institution,
        display_name=row.display_name,
        email=row.email,
        locale=row.locale,
        groups=frozenset(json.loads(row.groups)),
        roles=frozenset(Role(role) for role in json.loads(row.roles)),
        name=row.name,
        uid=row.uid,
        pseudonym=row.pseudonym or "",
        seen_ms=row.seen_ms,
    )
