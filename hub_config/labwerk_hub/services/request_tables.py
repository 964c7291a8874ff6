"""What services need of the database for requests and mails, as small protocols."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from labwerk_hub.domain.mails import Mail
from labwerk_hub.domain.requests import BudgetRequest, RequestState


class Requests(Protocol):
    """Requests for more budget. A person has one open one for the same: the table says so."""

    def add(self, request: BudgetRequest) -> None:
        """A new request."""

    def get(self, request: str) -> BudgetRequest | None:
        """The request with this id."""

    def open(self) -> list[BudgetRequest]:
        """All that are to be decided, the oldest first."""

    def open_of_budgets(self, budgets: Collection[str]) -> list[BudgetRequest]:
        """Those of some budgets, the oldest first."""

    def open_of(self, person: str, budget: str, whole: bool) -> BudgetRequest | None:
        """What the person asks for of a budget."""

    def withdrawn_of(
        self, person: str, budget: str, period: str, whole: bool
    ) -> BudgetRequest | None:
        """What the person asked for last of a budget in a period, and then withdrew."""

    def of_person(self, person: str) -> list[BudgetRequest]:
        """All that the person ever asked for, the oldest first."""

    def set_words(self, request: str, wanted_ticks: int | None, words: str) -> None:
        """It is asked for once more, otherwise."""

    def reopen(self, request: str, wanted_ticks: int | None, words: str, made_ms: int) -> None:
        """What was withdrawn is asked for once more."""

    def set_ended(
        self,
        request: str,
        state: RequestState,
        ended_ms: int,
        *,
        decided_by: str | None = None,
        granted_ticks: int | None = None,
        answer: str = "",
    ) -> None:
        """Granted, declined, withdrawn or lapsed."""

    def forget(self, person: str, now_ms: int) -> None:
        """Empty what a person wrote, and what was written to them; withdraw what is open."""


class Mails(Protocol):
    """The outbox. Nothing is written twice under one key: the table says so."""

    def add(self, mail: Mail) -> bool:
        """A new mail; whether it is one: what was written under its key before stays."""

    def get(self, mail: str) -> Mail | None:
        """The mail with this id."""

    def due(self, now_ms: int, limit: int) -> list[Mail]:
        """Those to be tried now, the oldest first."""

    def unsent(self) -> list[Mail]:
        """Those that wait, and those that were given up."""

    def begun(self) -> list[Mail]:
        """Those of which a try began whose end is not noted."""

    def set_begun(self, mail: str, tries: int, begun_ms: int, next_ms: int) -> None:
        """A try begins; there is no other before ``next_ms``."""

    def set_sent(self, mail: str, sent_ms: int) -> None:
        """The mail server has taken it."""

    def set_waiting(self, mail: str, tries: int, next_ms: int, error: str | None) -> None:
        """After so many tries it is tried again at ``next_ms``."""

    def set_given_up(self, mail: str, tries: int, given_up_ms: int, error: str) -> None:
        """After so many tries it is not tried again."""

    def forget_before(self, moment_ms: int) -> int:
        """Empty address and text of what was sent or given up before then; how many."""

    def forget(self, person: str, now_ms: int) -> None:
        """Empty every mail to or about a person; what was not sent yet never is."""
