"""Tables that only grow: the database itself refuses to change or remove what is written."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, inspect, text

#: Tables of which no row is ever changed, and the chain whose content may be removed.
_UNCHANGED, _REDACTED = ("postings", "entries", "allotments"), "events"


def missing_triggers(connection: Connection) -> list[str]:
    """Names of the triggers of append-only tables that are not there, or are switched off."""
    if connection.dialect.name == "postgresql":
        last, redacted = "truncate", ["insert", "update", "delete", "truncate"]
        query = (  # a trigger that fires is O (as usual) or A (always)
            "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')"
            " AND pg_table_is_visible(c.oid)"
        )
    else:
        last, redacted = "replace", ["insert", "update", "delete"]
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    there = set(connection.execute(text(query)).scalars())
    expected = [(table, action) for table in _UNCHANGED for action in ("update", "delete", last)]
    expected += [(_REDACTED, action) for action in redacted]
    names = (f"{table}_refuse_{action}" for table, action in expected)
    return [name for name in names if name not in there]


def refuse_changes(connection: Connection, table: str) -> None:
    """Make the triggers that refuse every UPDATE and DELETE of ``table``, for migrations."""
    sentence = f"{table} is append-only"
    for action in ("UPDATE", "DELETE"):
        name = f"{table}_refuse_{action.lower()}"
        if connection.dialect.name == "postgresql":
            connection.execute(
                text(
                    f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN RAISE EXCEPTION '{sentence}'; END $$"
                )
            )
            connection.execute(
                text(
                    f"CREATE TRIGGER {name} BEFORE {action} ON {table} "
                    f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
                )
            )
        else:
            connection.execute(
                text(
                    f"CREATE TRIGGER {name} BEFORE {action} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
                )
            )
    if connection.dialect.name == "sqlite":
        # INSERT OR REPLACE removes rows without the trigger of DELETE.
        connection.execute(
            text(
                f"CREATE TRIGGER {table}_refuse_replace BEFORE INSERT ON {table} "
                f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {_is_taken(connection, table)}) "
                f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
            )
        )
    if connection.dialect.name == "postgresql":
        name = f"{table}_refuse_truncate"
        connection.execute(
            text(
                f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse_delete()"
            )
        )


def _is_taken(connection: Connection, table: str) -> str:
    """Whether a row that is there has what the new one may not have as well."""
    there = inspect(connection)
    alone: list[Sequence[str | None]] = [
        there.get_pk_constraint(table)["constrained_columns"],
        *(each["column_names"] for each in there.get_unique_constraints(table)),
        *(each["column_names"] for each in there.get_indexes(table) if each["unique"]),
        ["rowid"],
    ]
    same = (" AND ".join(f"{column} = NEW.{column}" for column in columns) for columns in alone)
    return " OR ".join(f"({each})" for each in same)


def refuse_all_but_redaction(
    connection: Connection, table: str, *, kept: Sequence[str], redacted: Sequence[str]
) -> None:
    """Make the triggers of a chain's table, for migrations.

    A row's ``id`` is the one after the last, no row is ever deleted, and the one change there
    may be is that all columns of ``redacted`` become null while those of ``kept`` stay.
    """
    stays = " AND ".join(f"NEW.{column} = OLD.{column}" for column in kept)
    goes = " AND ".join(f"NEW.{column} IS NULL" for column in redacted)
    refused = {
        "INSERT": f"NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM {table})",
        "UPDATE": f"NOT ({stays} AND {goes})",
        "DELETE": "",
    }
    for action, condition in refused.items():
        name, when = f"{table}_refuse_{action.lower()}", f"WHEN {condition} " if condition else ""
        if connection.dialect.name == "postgresql":
            # A trigger's condition may not look into tables, its function may.
            test = f"IF {condition or 'true'} THEN "
            connection.execute(
                text(
                    f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN {test}RAISE EXCEPTION '{table} is append-only'; END IF; "
                    "RETURN NEW; END $$"
                )
            )
            connection.execute(
                text(
                    f"CREATE TRIGGER {name} BEFORE {action} ON {table} "
                    f"FOR EACH ROW EXECUTE FUNCTION {name}()"
                )
            )
        else:
            connection.execute(
                text(
                    f"CREATE TRIGGER {name} BEFORE {action} ON {table} {when}"
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
            )
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                f"CREATE FUNCTION {table}_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
            )
        )
        connection.execute(
            text(
                f"CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse_truncate()"
            )
        )
