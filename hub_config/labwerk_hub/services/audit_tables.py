"""What services need of the database for the audit chain, as small protocols."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from labwerk_hub.domain.events import Event, EventKind, RecordedEvent
from labwerk_hub.domain.links import AllotmentLink, EventLink, PostingLink, WrongSum
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.records import Record


@dataclass(frozen=True)
class Head:
    """The last link of a chain: its number, from 1 (0: there is none yet), and its hash."""

    number: int
    hash: str


class Events(Protocol):
    """The audit chain: append-only, but for the removal of content (``redact…``)."""

    def add(self, event: Event) -> None:
        """The next event of the chain."""

    def head(self) -> Head:
        """The latest event's number and hash."""

    def find(
        self,
        *,
        person: str | None = None,
        kinds: Collection[EventKind] = (),
        since_ms: int | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[RecordedEvent]:
        """Events, the newest first: of a pseudonym, of some kinds, since then, before a number."""

    def last_of(self, kind: EventKind) -> RecordedEvent | None:
        """The latest event of a kind."""

    def redact_older(self, kinds: Collection[EventKind], before_ms: int, limit: int) -> int:
        """Remove the content of ``limit`` older ones at most; how many there were."""

    def redact_person(self, pseudonym: str) -> int:
        """Remove the content of what was done to a person, and of what they asked for."""


class Chains(Protocol):
    """The chains as they were found, for whoever verifies them; read in pieces."""

    def events(self) -> Iterator[EventLink]:
        """All events, by number."""

    def postings(self) -> Iterator[PostingLink]:
        """All postings with their entries, by number."""

    def allotments(self) -> Iterator[AllotmentLink]:
        """All decisions about budgets, by number."""

    def stray_entries(self) -> list[int]:
        """The numbers of postings that there are not, and that entries name all the same."""

    def missing_triggers(self) -> list[str]:
        """Those of the triggers that keep the chains as they were written that are not there."""

    def wrong_balances(self) -> Iterator[WrongSum]:
        """Balances that are not the sums of their entries."""

    def wrong_usage_sums(self) -> Iterator[WrongSum]:
        """Sums of use that are not those of the charges."""


class Records(Protocol):
    """All that is kept of one person."""

    def of(self, person: Person) -> Iterator[Record]:
        """Every row about a person, but for the events; their own row first.

        In a row that only names them, what is somebody else's is None.
        """

    def replace(self, person: Person, erased: str) -> None:
        """Put ``erased`` in the place of a person, of whom nothing else is left."""
