"""What services need of the database for budgets and the ledger, as small protocols."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from labwerk_hub.domain.allotments import Allotment
from labwerk_hub.domain.budgets import Figures
from labwerk_hub.domain.ledger import Posting
from labwerk_hub.domain.openings import Opening
from labwerk_hub.domain.periods import Period
from labwerk_hub.domain.usage import UsageSum
from labwerk_hub.services.audit_tables import Head


class Ledger(Protocol):
    """The append-only ledger, and the balances that its entries add up to."""

    def post(self, posting: Posting) -> None:
        """Book it; a key is booked once, and no more is taken than is free or held."""

    def has(self, key: str) -> bool:
        """Whether a posting of this key is booked."""

    def last_day_of(self, session: str, budget: str, institution: str) -> str | None:
        """The day of the latest interval of a session that a budget of an institution paid for."""

    def charges_beyond(self, session: str, until_ms: int) -> list[Posting]:
        """A session's charges for what is later than a moment, in the order they were booked."""

    def head(self) -> Head:
        """The latest posting."""

    def accounts(
        self, budget: str, period: str, names: Collection[str] | None = None
    ) -> Mapping[str, int]:
        """The balances of a budget's accounts in a period, or of those that are named."""

    def figures(self, budget: str, period: str) -> Figures:
        """What there is of a budget in a period."""

    def held_for(self, session: str) -> Mapping[tuple[str, str], int]:
        """What is held for a session, by budget and period."""

    def given_to(self, budget: str, period: str) -> Mapping[tuple[str, str], int]:
        """What other budgets gave to this one in a period, by their ids and periods."""

    def periods_of(self, budget: str) -> list[str]:
        """The periods in which anything was booked for a budget, in their names' order."""

    def openings_of(self, budget: str) -> list[Opening]:
        """The periods of a budget as they were opened, in that order."""

    def opened(self, budget: str, period: Period) -> Period | None:
        """As what a period was opened last; or another one at the same time, if that came later."""


class UsageSums(Protocol):
    """What was used, by day or by month; a span reads ``2026-11-28`` or ``2026-11``.

    What was charged and wholly taken back was not used.
    """

    def of_person(self, person: str, first: str, last: str) -> list[UsageSum]:
        """What a person (a pseudonym) used, whoever paid, from one span to another."""

    def of_institution(self, institution: str, first: str, last: str) -> list[UsageSum]:
        """What an institution paid for from one span to another."""

    def of_budget(self, budget: str, first: str, last: str) -> list[UsageSum]:
        """What a budget paid for from one span to another."""

    def all(self, first: str, last: str) -> list[UsageSum]:
        """What everybody used from one span to another."""


class Allotments(Protocol):
    """Decisions about budgets; append-only."""

    def add(self, allotment: Allotment) -> None:
        """Keep a decision, chained to the one before."""

    def head(self) -> Head:
        """The latest decision's number and hash."""

    def of_budget(self, budget: str) -> list[Allotment]:
        """All decisions about a budget and its shares, in the order they were made."""

    def about(self, budget: str, person: str | None) -> list[Allotment]:
        """Those about the budget itself, or about one person's share of it."""
