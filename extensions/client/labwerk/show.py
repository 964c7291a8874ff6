"""What has facts or rows, and how they look in a console and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


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
