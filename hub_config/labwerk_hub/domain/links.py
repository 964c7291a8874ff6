"""The chains as they were found in the database, whether they are right or not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EventLink:
    """A row of the events."""

    id: int
    at_ms: int
    kind: str
    actor: str | None
    subject: str | None
    object: str | None
    content: str | None
    salt: str | None
    content_digest: str
    hash: str


@dataclass(frozen=True)
class PostingLink:
    """A row of the postings with its entries.

    ``content`` is the text that :meth:`labwerk_hub.domain.ledger.Posting.content` would have
    been chained with, ``ticks`` the sum of the entries.
    """

    id: int
    key: str
    content: str
    ticks: int
    hash: str


@dataclass(frozen=True)
class AllotmentLink:
    """A row of the decisions; ``content`` is the text that it would have been chained with."""

    id: int
    budget: str
    content: str
    hash: str


@dataclass(frozen=True)
class WrongSum:
    """A row of a derived table: what it has and what is right; None for a row there is not.

    A figure is a text where somebody wrote what is no whole number.
    """

    table: str
    row: tuple[str, ...]
    kept: tuple[int | str, ...] | None
    right: tuple[int | str, ...] | None
