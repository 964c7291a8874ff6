"""SQLite's file written anew, so that nothing that was removed can be read from it.

`PRAGMA secure_delete` overwrites what is removed in its place, but no copies of it: a page that
was split keeps the bytes of rows that moved to another one. (Tried with SQLite 3.40.1: of 150
names that were deleted with it, five to seven were still in the file.) `VACUUM` leaves none. It
keeps writers waiting, some five seconds a GiB, so a large file is written anew when few write;
those whose patience ends are refused meanwhile, and loops look again.

That it is to be done is kept in the file itself: `PRAGMA user_version` is a number that SQLite
leaves to applications, and one that a transaction sets is kept with the rest of it.
"""

from __future__ import annotations

import secrets
import sqlite3

from sqlalchemy import Connection

#: The largest file that may be written anew at any time, in bytes.
_SMALL = 2**30
#: The largest user_version, which is a signed integer of 32 bits.
_LARGEST_MARK = 2**31 - 1


class LogInUseError(Exception):
    """Others read from the log all the time, so that it could not be emptied."""


def mark(connection: Connection) -> None:
    """Keep that something is removed for good in this transaction; nothing on a server."""
    if connection.dialect.name == "sqlite":
        # Another number each time: what is removed meanwhile is told from what was before.
        number = 1 + secrets.randbelow(_LARGEST_MARK)
        connection.exec_driver_sql(f"PRAGMA user_version={number}")


def scrub(driver: sqlite3.Connection, *, large: bool) -> bool:
    """Write the file anew and empty its log if that is due; whether it is due no more.

    One that is not small is left alone unless it may be ``large``. Raises LogInUseError,
    sqlite3.Error.
    """
    due = _marked(driver)
    if not due:
        return True
    if not large and _size(driver) > _SMALL:
        return False
    driver.execute("VACUUM")
    busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise LogInUseError
    return _done(driver, due)


def move_pages(driver: sqlite3.Connection) -> None:
    """Move what was committed into the file, and make the commit that begins the log anew."""
    _busy, logged, moved = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if 0 < logged == moved:
        driver.execute("BEGIN IMMEDIATE")
        driver.execute(f"PRAGMA user_version={_marked(driver)}")
        driver.execute("COMMIT")


def _done(driver: sqlite3.Connection, due: int) -> bool:
    """Take back the mark, unless more was removed in between."""
    driver.execute("BEGIN IMMEDIATE")
    is_same = _marked(driver) == due
    if is_same:
        driver.execute("PRAGMA user_version=0")
    driver.execute("COMMIT")
    return is_same


def _marked(driver: sqlite3.Connection) -> int:
    return int(driver.execute("PRAGMA user_version").fetchone()[0])


def _size(driver: sqlite3.Connection) -> int:
    (pages,) = driver.execute("PRAGMA page_count").fetchone()
    (bytes_,) = driver.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(bytes_)
