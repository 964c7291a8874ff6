"""Sums that are kept beside what they are the sums of."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Table, insert, update


def add_to(
    connection: Connection,
    table: Table,
    key: Mapping[str, str],
    amounts: Mapping[str, int],
) -> None:
    """Add ``amounts`` to the row of ``key``, which is made if there is none.

    No other writer comes between: a writing transaction is the only one of its time.
    """
    row = [table.c[name] == value for name, value in key.items()]
    changed = connection.execute(
        update(table)
        .where(*row)
        .values({name: table.c[name] + amount for name, amount in amounts.items()})
    )
    if changed.rowcount == 0:
        connection.execute(insert(table).values(**key, **amounts))
