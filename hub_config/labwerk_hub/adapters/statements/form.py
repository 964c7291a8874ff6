"""What the formats of statements share: their names, how amounts are written, what is read back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.statement import AsOf
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services.statement import Names

MS_PER_HOUR = 3_600_000
#: No figure, nor the number of a posting or an event, is larger: databases have no room for it.
LARGEST = 2**63 - 1
#: A tick is the 86,400th part of a GPU-hour, a millisecond a smaller part of an hour.
_PLACES = Decimal("0.000001")
_IN_TICKS = frozenset(
    {"ticks", "over_ticks", "over_use_ticks", "granted", "carried", "given"}
    | {"used_before", "over_before", "used", "over"}
)
_IN_MS = frozenset({"ms", "idle_ms", "milliseconds", "idle_milliseconds"})


class Format(StrEnum):
    """A form that a statement is given in."""

    PDF = "pdf"
    CSV = "csv"
    JSON = "json"
    USAGE_RECORD = "usage-record"

    @property
    def media_type(self) -> str:
        """What HTTP calls it."""
        return {
            Format.PDF: "application/pdf",
            Format.CSV: "text/csv; charset=utf-8; header=present",
            Format.JSON: "application/json",
            Format.USAGE_RECORD: "application/x-ndjson",
        }[self]

    @property
    def suffix(self) -> str:
        """How a file of it ends."""
        return {Format.USAGE_RECORD: "usage-record.jsonl"}.get(self, self.value)


class UnreadableStatementError(LabwerkError):
    """A file is no statement, or so damaged that nothing can be compared."""

    code = "unreadable-statement"


@dataclass(frozen=True)
class Found:
    """What a file says: of whom, of which month, and each figure by where it stands.

    ``names`` are those in the file, None if the format has none that are needed again, and
    ``people`` are pseudonyms with what it calls them.
    ``as_of`` is when a preliminary one was made, None for a final one.
    """

    institution: str
    month: str
    figures: Mapping[str, str]
    names: Names | None = None
    as_of: AsOf | None = None
    people: Collection[tuple[str, str]] = ()


def gpu_hours(ticks: int) -> str:
    """Ticks as GPU-hours with a decimal dot and six places."""
    return f"{(Decimal(ticks) / TICKS_PER_GPU_HOUR).quantize(_PLACES):f}"


def hours(ms: int) -> str:
    """Milliseconds as hours with a decimal dot and six places."""
    return f"{(Decimal(ms) / MS_PER_HOUR).quantize(_PLACES):f}"


def exactly(name: str, value: object) -> object:
    """A figure called ``name`` as people read it, and exactly; what is no amount stays."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        return value
    if name in _IN_TICKS:
        return f"{gpu_hours(value)} GPU-hours ({value} ticks)"
    return f"{hours(value)} hours ({value} ms)" if name in _IN_MS else value


def placed(figures: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Figures by where they stand; what stands there again is told apart by its number."""
    found: dict[str, str] = {}
    for where, value in figures:
        place, again = where, 1
        while place in found:
            again += 1
            place = f"{where} ({again})"
        found[place] = str(value)
    return found
