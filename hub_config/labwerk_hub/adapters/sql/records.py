"""All rows about one person, found by what the tables say of themselves.

A table that refers to people by their names has a foreign key to them, so that a table which
is added later is given out and erased as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, insert, select, update

from labwerk_hub.adapters.sql import scrubbing
from labwerk_hub.adapters.sql.request_tables import budget_requests, mails
from labwerk_hub.adapters.sql.storage_tables import storage_use
from labwerk_hub.adapters.sql.tables import (
    activity,
    allotments,
    balances,
    entries,
    leases,
    metadata,
    people,
    postings,
    reservations,
    usage_sums,
)
from labwerk_hub.domain.ledger import over, used
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.quotas import FolderKind
from labwerk_hub.domain.records import Record

#: Whose rows these are is told by the pseudonym.
_PSEUDONYMOUS = (allotments.c.person, postings.c.person, usage_sums.c.person)
#: Where a column of a row only names the person: what of the row is another person's.
_OTHERS: Mapping[Column[str], Sequence[Column[str]]] = {
    mails.c.about: (mails.c.key, mails.c.person, mails.c.address, mails.c.body, mails.c.last_error),
    budget_requests.c.decided_by: (budget_requests.c.person, budget_requests.c.words),
}


class SqlRecords:
    """The Records port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, person: Person) -> Iterator[Record]:
        """Every row about a person, but for the events; their own row first.

        In a row that only names them, what is somebody else's is None.
        """
        yield from self._rows(people, people.c.name == person.name)
        for column in _references():
            yield from self._rows(column.table, column == person.name, _OTHERS.get(column, ()))
        for column in _PSEUDONYMOUS:
            yield from self._rows(column.table, column == person.pseudonym)
        accounts = used(person.pseudonym), over(person.pseudonym)
        for column in (entries.c.account, balances.c.account):
            yield from self._rows(column.table, column.in_(accounts))
        sessions = select(leases.c.session).where(leases.c.person == person.name)
        yield from self._rows(activity, activity.c.session.in_(sessions))
        yield from self._rows(storage_use, _home_of(person.name))
        yield from self._rows(reservations, reservations.c.made_by == person.name)

    def replace(self, person: Person, erased: str) -> None:
        """Put ``erased`` in the place of a person, of whom nothing else is left.

        The user id stays taken, so that files which were left somewhere become nobody else's.
        """
        self._connection.execute(
            update(people).where(people.c.name == person.name).values(uid=-person.uid)
        )
        self._connection.execute(
            insert(people).values(
                name=erased,
                uid=person.uid,
                issuer="",
                subject=erased,
                institution=person.institution,
                display_name="",
                groups="[]",
                roles="[]",
            )
        )
        for column in _references():
            self._connection.execute(
                update(column.table).where(column == person.name).values({column.name: erased})
            )
        made_by = reservations.c.made_by
        self._connection.execute(
            update(reservations).where(made_by == person.name).values(made_by=erased)
        )
        # A mail's key, which no other mail may have, names whom it was written to.
        self._connection.execute(
            update(mails).where(mails.c.person == erased).values(key="erased/" + mails.c.id)
        )
        self._connection.execute(delete(storage_use).where(_home_of(person.name)))
        self._connection.execute(delete(people).where(people.c.name == person.name))
        scrubbing.mark(self._connection)

    def _rows(
        self, table: Table, which: ColumnElement[bool], others: Sequence[Column[str]] = ()
    ) -> Iterator[Record]:
        nothing = {column.name: None for column in others}
        for row in self._connection.execute(select(table).where(which)):
            yield Record(table.name, dict(row._mapping) | nothing)


def _references() -> list[Column[str]]:
    """The columns of all tables that name a person."""
    return [
        key.parent
        for table in metadata.sorted_tables
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
        if key.column is people.c.name
    ]


def _home_of(name: str) -> ColumnElement[bool]:
    return (storage_use.c.kind == FolderKind.HOME.value) & (storage_use.c.name == name)
