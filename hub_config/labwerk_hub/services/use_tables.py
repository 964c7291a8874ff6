"""Pages as tables for downloads, and those as CSV (RFC 4180, UTF-8, one header).

Columns are stable: new ones are only ever added after the last. GPU-hours and hours are
decimals with a dot and six places (a tick is the 86,400th part of a GPU-hour), days are
ISO 8601, and what is not known is empty.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from decimal import Decimal

from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.services.use_views import (
    BudgetPage,
    BudgetRow,
    MyUse,
    OperatorPage,
    UsedView,
)

_MS_PER_HOUR = 3_600_000
_PLACES = Decimal("0.000001")
#: What a spreadsheet would take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_USED = ("gpu_hours", "over_use_gpu_hours", "idle_gpu_hours", "hours", "idle_hours", "sessions")
_FIGURES = (
    "granted_gpu_hours", "carried_gpu_hours", "given_gpu_hours", "total_gpu_hours",
    "used_gpu_hours", "over_use_gpu_hours", "held_gpu_hours", "free_gpu_hours",
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Columns by their names, and rows of as many cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def gpu_hours(ticks: int | None) -> str:
    """Ticks as GPU-hours; empty for None."""
    if ticks is None:
        return ""
    return f"{(Decimal(ticks) / TICKS_PER_GPU_HOUR).quantize(_PLACES):f}"


def as_csv(table: Table) -> str:
    """The table as one text. What a spreadsheet would run as a formula becomes text."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, dialect="excel")  # RFC 4180: commas, CR LF, doubled quotes
    rows.writerow(table.columns)
    rows.writerows([as_text(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def as_text(cell: str) -> str:
    """A cell that no spreadsheet runs: what looks like a formula gets a quotation mark."""
    return cell if not cell.startswith(_FORMULA) or _NUMBER.fullmatch(cell) else f"'{cell}"


def of_person(page: MyUse) -> Table:
    """A row for each day, budget and flavour."""
    return Table(
        ("day", "budget", "budget_title", "flavour", "flavour_title", *_USED),
        tuple(
            (
                line.day.isoformat(),
                line.budget,
                line.budget_title,
                line.flavour,
                line.flavour_title,
                *_used(line.used),
            )
            for line in page.lines
        ),
    )


def of_members(page: BudgetPage) -> Table:
    """A row for each person of a budget. The share is empty where all may be used."""
    columns = (
        "budget", "period", "person", "name", "institution", "is_member", "share_gpu_hours",
        "share_is_decided", *_USED, "held_gpu_hours", "left_gpu_hours", "last_use",
        "institution_paid_gpu_hours", "last_sign_in", "is_leaver",
    )  # fmt: skip
    return Table(
        columns,
        tuple(
            (
                page.head.id,
                page.period.name,
                member.name or "",
                member.display_name,
                member.institution.name,
                _yes(member.is_member),
                gpu_hours(member.share_ticks),
                _yes(member.is_decided),
                *_used(member.used),
                gpu_hours(member.held_ticks),
                gpu_hours(member.left_ticks),
                member.last_use.isoformat() if member.last_use is not None else "",
                gpu_hours(member.paid.ticks),
                member.seen_at.date().isoformat() if member.seen_at is not None else "",
                _yes(member.is_leaver),
            )
            for member in page.members
        ),
    )


def of_days(page: BudgetPage) -> Table:
    """A row for each day of the period and each budget that paid on it."""
    return Table(
        ("day", "budget", "gpu_hours"),
        tuple(
            (day.day.isoformat(), amount.id, gpu_hours(amount.ticks))
            for day in page.days
            for amount in day.by
        ),
    )


def of_budgets(rows: tuple[BudgetRow, ...]) -> Table:
    """A row for each budget: those that somebody may see, or those of an institution."""
    return Table(
        ("budget", "title", "institution", "period", *_FIGURES, "runs_out_on", "requests"),
        tuple(_budget(row) for row in rows),
    )


def of_operator(page: OperatorPage) -> Table:
    """A row for each institution: its budget now, and what it paid for in the month."""
    columns = (
        "institution", "title", "period", *_FIGURES, "runs_out_on",
        "month", *(f"month_{name}" for name in _USED), "people", "leavers", "running_sessions",
    )  # fmt: skip
    return Table(
        columns,
        tuple(
            (
                one.budget.head.institution.name,
                *_budget(one.budget)[1:2],
                *_budget(one.budget)[3:-1],
                page.month,
                *_used(one.used),
                str(one.people),
                str(one.leavers),
                str(one.sessions),
            )
            for one in page.institutions
        ),
    )


def _budget(row: BudgetRow) -> tuple[str, ...]:
    figures = row.figures
    amounts = (
        figures.granted_ticks, figures.carried_ticks, figures.given_ticks, figures.total_ticks,
        figures.used_ticks, figures.over_ticks, figures.held_ticks, figures.free_ticks,
    )  # fmt: skip
    return (
        row.head.id,
        row.head.title,
        row.head.institution.name,
        row.period.name,
        *(gpu_hours(ticks) for ticks in amounts),
        row.empty_on.isoformat() if row.empty_on is not None else "",
        str(row.requests),
    )


def _used(used: UsedView) -> tuple[str, ...]:
    return (
        gpu_hours(used.ticks),
        gpu_hours(used.over_ticks),
        gpu_hours(used.idle_ticks),
        _hours(used.ms),
        _hours(used.idle_ms),
        str(used.sessions),
    )


def _hours(ms: int) -> str:
    return f"{(Decimal(ms) / _MS_PER_HOUR).quantize(_PLACES):f}"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
