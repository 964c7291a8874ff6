"""Somebody with the database's file in hand, who changes what nobody may change."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tamperer:
    """Writes past the triggers, as whoever owns the file can."""

    file: Path

    def does(self, *statements: str) -> None:
        """Run the statements without the triggers, which are put back, or foreign keys."""
        with closing(sqlite3.connect(self.file, timeout=10)) as there, there:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            triggers = there.execute(query).fetchall()
            for name, _sql in triggers:
                there.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                there.execute(statement)
            for _name, sql in triggers:
                there.execute(sql)

    def tries(self, statement: str) -> None:
        """Run a statement with the triggers in place; raises what the database says."""
        with closing(sqlite3.connect(self.file, timeout=10)) as there, there:
            there.execute(statement)

    def finds(self, text: str) -> list[str]:
        """The tables and columns in which ``text`` stands, and ``file`` for its bytes."""
        found = []
        with closing(sqlite3.connect(self.file, timeout=10)) as there:
            tables = there.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (table,) in tables.fetchall():
                columns = [row[1] for row in there.execute(f"PRAGMA table_info({table})")]
                for column in columns:
                    where = f'instr(lower(CAST("{column}" AS TEXT)), lower(?)) > 0'
                    query = f"SELECT count(*) FROM {table} WHERE {where}"
                    if there.execute(query, (text,)).fetchone()[0]:
                        found.append(f"{table}.{column}")
        parts = sorted(self.file.parent.glob(f"{self.file.name}*"))
        return found + [part.name for part in parts if text.encode() in part.read_bytes()]
