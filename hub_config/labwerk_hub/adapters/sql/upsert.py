"""Sums that are kept beside what they are the sums of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sqlalchemy import Connection, Table, Update, bindparam, insert, update


def add_to(
    connection: Connection,
    table: Table,
    key: Mapping[str, str],
    amounts: Mapping[str, int],
) -> None:
    """Add ``amounts`` to the row of ``key``, which is made if there is none.

    No other writer comes between: a writing transaction is the only one of its time.
    """
    values = {f"of_{name}": value for name, value in key.items()} | {
        f"more_{name}": amount for name, amount in amounts.items()
    }
    if connection.execute(_adding(table, (*key,), (*amounts,)), values).rowcount == 0:
        connection.execute(insert(table).values(**key, **amounts))


@cache
def _adding(table: Table, key: tuple[str, ...], amounts: tuple[str, ...]) -> Update:
    """Made once: every charge asks for it several times."""
    row = [table.c[name] == bindparam(f"of_{name}") for name in key]
    more = {name: table.c[name] + bindparam(f"more_{name}") for name in amounts}
    return update(table).where(*row).values(more)
