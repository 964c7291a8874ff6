"""How sessions and datasets look in a notebook, and what has facts or rows at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from labwerk.texts import duration, moment, number, say, size

if TYPE_CHECKING:
    from labwerk.model import Dataset, Datasets, Session, Slice


@dataclass(frozen=True)
class Facts:
    """A heading and what is to be said below it."""

    title: str
    rows: tuple[tuple[str, str], ...]
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A heading row and the rows below it; ``empty`` is said if there are none."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = ""


def session_facts(session: Session) -> Facts:
    """What this session has, since when and for how long."""
    left = session.ends_at - datetime.now(UTC)
    simulated = session.slice is not None and session.slice.simulated
    notes = [session.problem or ""]
    if simulated:
        notes.append(
            say("No GPU is behind this slice: it is limited and charged like a real one only.")
        )
    return Facts(
        session.flavour + (" – " + say("simulated") if simulated else ""),
        (
            (say("Slice"), _slice(session.slice)),
            *_use(session.slice),
            (
                say("Computer"),
                say(
                    "%(cpus)s CPU, %(memory)s GiB of memory",
                    cpus=number(session.cpus),
                    memory=number(session.memory_gib),
                ),
            ),
            (say("Image"), session.image),
            (say("Started"), moment(session.started_at)),
            (
                say("Ends"),
                say(
                    "%(when)s (%(left)s left)",
                    when=moment(session.ends_at),
                    left=duration(left),
                ),
            ),
            (say("At the latest"), moment(session.longest_ends_at)),
            *_idle(session),
        ),
        " ".join(filter(None, notes)),
    )


def _use(held: Slice | None) -> list[tuple[str, str]]:
    """What is measured of a real slice; what cannot be is not shown as 0."""
    if held is None or held.simulated:
        return []
    use, unknown = held.use, say("not measurable")
    if use is None:
        return [(say("In use"), unknown)]
    memory = use.memory_used_mib
    return [
        (
            say("GPU memory in use"),
            unknown if memory is None else say("%(memory)s GiB", memory=number(memory / 1024, 2)),
        ),
        (say("GPU processes"), unknown if use.processes is None else number(use.processes, 0)),
        (
            say("GPU at work"),
            unknown if use.utilisation is None else f"{number(use.utilisation * 100, 0)} %",
        ),
    ]


def _idle(session: Session) -> list[tuple[str, str]]:
    if session.idle_since is None:
        return []
    rows = [(say("Idle since"), moment(session.idle_since))]
    if session.stops_at is not None:
        rows.append((say("Stops unless something runs"), moment(session.stops_at)))
    return rows


def _slice(held: Slice | None) -> str:
    if held is None:
        return say("no GPU")
    parts = [
        held.label,
        say("%(units)s of %(total)s units", units=held.units, total=held.units_total),
    ]
    if held.memory_mib is not None:
        parts.append(say("%(memory)s GiB of GPU memory", memory=number(held.memory_mib / 1024, 2)))
    if held.shared_by > 1:
        parts.append(say("shared by up to %(sessions)s sessions", sessions=held.shared_by))
    return ", ".join(parts)


def dataset_facts(dataset: Dataset) -> Facts:
    """One dataset's descriptor."""
    files = ", ".join(f"{file.name} ({size(file.bytes)})" for file in dataset.files)
    return Facts(
        dataset.title,
        (
            (say("Name"), dataset.id),
            (say("Institution"), dataset.institution),
            (say("Version"), dataset.version),
            (say("Nature"), nature(dataset.nature)),
            (say("Published by"), dataset.publisher),
            (say("Origin"), dataset.origin),
            (say("Licence"), dataset.licence),
            (say("Steward"), dataset.steward),
            (say("Path"), str(dataset.path)),
            (say("Files"), files),
        ),
        dataset.description,
    )


def dataset_table(datasets: Datasets) -> Table:
    """One row a dataset: what to write, and what it is."""
    return Table(
        (say("Name"), say("Title"), say("Institution"), say("Nature"), say("Licence"), say("Size")),
        tuple(
            (
                dataset.id,
                dataset.title,
                dataset.institution,
                nature(dataset.nature),
                dataset.licence,
                size(sum(file.bytes for file in dataset.files)),
            )
            for dataset in datasets
        ),
        say("No dataset is shared with your institution yet."),
    )


def nature(word: str) -> str:
    """Where a dataset's values come from, in words."""
    words = {
        "measured": say("measured data"),
        "simulated": say("simulated data"),
        "synthetic": say("synthetic data"),
        "profiles": say("load profiles"),
    }
    return words.get(word, word)


def as_text(facts: Facts) -> str:
    """Facts for a console."""
    width = max(len(name) for name, _ in facts.rows)
    lines = [facts.title, *(f"  {name:<{width}}  {value}" for name, value in facts.rows)]
    return "\n".join([*lines, *([f"  {facts.note}"] if facts.note else [])])


def as_html(facts: Facts) -> str:
    """Facts for a notebook."""
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;font-weight:normal">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in facts.rows
    )
    note = f"<p>{escape(facts.note)}</p>" if facts.note else ""
    table = f'<table style="line-height:1.4"><tbody>{rows}</tbody></table>'
    return f"<div><strong>{escape(facts.title)}</strong>{note}{table}</div>"


def table_text(table: Table) -> str:
    """A table for a console."""
    if not table.rows:
        return table.empty
    widths = [max(map(len, column)) for column in zip(table.head, *table.rows, strict=True)]
    return "\n".join(_line(row, widths) for row in (table.head, *table.rows))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip()


def table_html(table: Table, caption: str = "") -> str:
    """A table for a notebook."""
    if not table.rows:
        return f"<p>{escape(table.empty)}</p>"
    head = "".join(f'<th scope="col" style="text-align:left">{escape(c)}</th>' for c in table.head)
    rows = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(c)}</td>' for c in row) + "</tr>"
        for row in table.rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = f"{title}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<table style="line-height:1.4">{body}</table>'
