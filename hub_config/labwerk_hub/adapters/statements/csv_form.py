"""A statement as CSV (RFC 4180, UTF-8, one header): a row for each line, and their sum.

The columns are stable: new ones are only ever added after the last. Amounts stand there as
people read them (GPU-hours and hours, with a decimal dot) and exactly (ticks, milliseconds).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from labwerk_hub.adapters.statements.form import (
    LARGEST,
    Found,
    UnreadableStatementError,
    exactly,
    gpu_hours,
    hours,
    placed,
)
from labwerk_hub.domain.statement import AsOf, Line, Statement, Sums
from labwerk_hub.services.statement import Names
from labwerk_hub.services.use_tables import as_text

COLUMNS = (
    "record", "institution", "month", "status", "budget", "person", "name", "flavour",
    "gpu_hours", "over_use_gpu_hours", "hours", "idle_hours", "sessions",
    "ticks", "over_use_ticks", "milliseconds", "idle_milliseconds",
    "posting", "posting_hash", "event", "event_hash", "signature",
)  # fmt: skip
#: What every row says again.
_SHARED = (
    "institution", "month", "status", "posting", "posting_hash", "event", "event_hash",
    "signature",
)  # fmt: skip
#: As many as the largest figure has.
_DIGITS = len(str(LARGEST))
_WHERE = ("record", "budget", "person", "flavour")


def write(statement: Statement, names: Names) -> bytes:
    """The file; the same for the same statement and names."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, dialect="excel")  # RFC 4180: commas, CR LF, doubled quotes
    rows.writerow(COLUMNS)
    for line in statement.lines:
        name = as_text(names.people.get(line.person, ""))
        who = (line.budget, line.person, name, line.flavour)
        rows.writerow(_row(statement, "use", who, line))
    rows.writerow(_row(statement, "total", ("", "", "", ""), statement.sums))
    return text.getvalue().encode()


def read(content: bytes) -> Found:
    """What the file says; UnreadableStatementError if it is another one.

    Names are no figures: they are as of the day on which the file was written.
    """
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    try:
        rows = list(csv.DictReader(text))
    except csv.Error:  # a cell that is too long, for instance
        rows = []
    if not rows or any(set(row) != set(COLUMNS) or None in row.values() for row in rows):
        raise UnreadableStatementError(
            "This is no statement of Labwerk: its columns are not those that `statement make` "
            "writes, or a row is cut off; verify the file as it was written."
        )
    last = rows[-1]
    as_of = None
    if last["status"] != "final" and _is_number(last["posting"]) and _is_number(last["event"]):
        as_of = AsOf(int(last["posting"]), int(last["event"]))
    people = [(row["person"], row["name"].removeprefix("'")) for row in rows if row["name"]]
    figures = placed(_figures(rows))
    return Found(last["institution"], last["month"], figures, as_of=as_of, people=people)


def _row(
    statement: Statement, record: str, who: tuple[str, str, str, str], part: Line | Sums
) -> tuple[str | int, ...]:
    heads = statement.heads
    return (
        record, statement.institution, statement.month,
        "final" if statement.final else "preliminary", *who,
        gpu_hours(part.ticks), gpu_hours(part.over_ticks), hours(part.ms), hours(part.idle_ms),
        part.sessions, part.ticks, part.over_ticks, part.ms, part.idle_ms,
        heads.posting, heads.posting_hash, heads.event, heads.event_hash, statement.signature,
    )  # fmt: skip


def _figures(rows: list[dict[str, str]]) -> Iterator[tuple[str, object]]:
    yield from ((column, rows[0][column]) for column in _SHARED)
    for row in rows:
        where = ", ".join(row[column] for column in _WHERE if row[column])
        for column in COLUMNS:
            if column in _SHARED:  # said once, unless a row says something else
                if row[column] != rows[0][column]:
                    yield f"{where}: {column}", row[column]
            elif column != "name":
                says = row[column]
                yield f"{where}: {column}", exactly(column, int(says) if _is_number(says) else says)


def _is_number(cell: str) -> bool:
    return cell.isdecimal() and len(cell) <= _DIGITS
