"""What statements need of the database besides what pages need, as a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from zoneinfo import ZoneInfo

from labwerk_hub.domain.openings import Opening
from labwerk_hub.domain.statement import AsOf, Grant, Heads, Line, Month


class Statements(Protocol):
    """The ledger as of the end of a month."""

    def heads(self, month: Month, end_ms: int, as_of: AsOf | None = None) -> Heads:
        """The last charge of a month's days, whoever paid, and the last event before its end.

        In a month without a charge, the last charge before it. Events that tell of statements
        are not counted.
        """

    def heads_at(self, as_of: AsOf | None) -> Heads:
        """The last posting and event of all, or those that there were then."""

    def grants(
        self, institution: str, posting: int, end_ms: int, as_of: AsOf | None = None
    ) -> list[Grant]:
        """What came to an institution's budgets and those given from it, by budget and period.

        Counted is what was booked by the posting of this number, or before ``end_ms``, of
        what was booked by then.
        """

    def openings(
        self, posting: int, end_ms: int, as_of: AsOf | None = None
    ) -> Mapping[str, list[Opening]]:
        """Every budget's periods as they were opened, of what :meth:`grants` counts."""

    def used(
        self, institution: str, first: str, last: str, as_of: AsOf, budget: str | None = None
    ) -> list[Line]:
        """What an institution paid for from one day to another, of what was charged by then."""

    def institutions(self) -> list[str]:
        """Everybody who ever paid."""

    def began(self, zone: ZoneInfo) -> Month | None:
        """The month of the first event, or of the first use if that is earlier; None for none."""

    def months(self, institution: str) -> tuple[Month, Month] | None:
        """The first and the last month that an institution paid for; None for none."""
