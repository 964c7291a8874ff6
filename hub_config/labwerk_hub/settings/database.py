"""[database]: where Labwerk keeps people, leases and the ledger."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from labwerk_hub.settings.kinds import Model

_DRIVER = "postgresql+psycopg"


def _database_url(value: str) -> str:
    if not value:
        return value
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(
            f"must be empty or an address such as {_DRIVER}://user@host/name"
        ) from None
    if url.drivername not in (_DRIVER, "postgresql"):
        raise ValueError(f"must be empty (SQLite), or begin with {_DRIVER}://")
    if url.password is not None:
        raise ValueError("must not hold the password; write it into a file and name it below")
    if not url.database:
        raise ValueError(f"must name a database, as {_DRIVER}://user@host/name does")
    return url.set(drivername=_DRIVER).render_as_string(hide_password=False)


class DatabaseSettings(Model):
    """Labwerk's own database: a file in the state folder, or a PostgreSQL server's."""

    url: Annotated[str, AfterValidator(_database_url)] = ""
    password_file: str = ""
