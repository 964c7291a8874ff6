"""Whether the chains are as they were written, and where they first are not.

Each link is worked out anew from its own row and the hash of the row before. Whoever
rewrites a chain from some row to its end leaves none of that behind: such a change is found
by a head that was kept elsewhere, on a statement for instance, and by the seals: events that
hold the heads of the ledger and of the decisions about budgets.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from labwerk_hub.domain.chain import GENESIS, canonical, link
from labwerk_hub.domain.events import EventKind, content_digest, event_hash
from labwerk_hub.domain.links import AllotmentLink, EventLink, PostingLink, WrongSum
from labwerk_hub.services import audit, retention
from labwerk_hub.services.audit import Heads
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

#: Wrong sums that are named; a broken ledger may have any number.
_NAMED = 20
_EVENTS, _POSTINGS, _ENTRIES, _ALLOTMENTS = "events", "postings", "entries", "allotments"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written: in which table, at which row, and what it is."""

    table: str
    row: str
    sentence: str


@dataclass(frozen=True)
class Verified:
    """What was looked at, the heads it came to, and what was found.

    ``early`` are events whose content was removed though they are younger than the settings
    keep them, and though nobody was erased since: by shorter settings before, or by somebody
    with the database in hand, whom it lets remove content.
    """

    events: int
    removed: int
    early: tuple[int, ...]
    postings: int
    decisions: int
    heads: Heads
    findings: tuple[Finding, ...]


@dataclass
class _Seals:
    """The heads that seals hold: number of a posting or decision → its hash and the event's."""

    of_postings: dict[int, tuple[str, int]]
    of_allotments: dict[int, tuple[str, int]]


def verify(workbench: Workbench, known_heads: Collection[str] = ()) -> Verified:
    """Read the chains from their beginnings; ``known_heads`` are hashes that must occur.

    What is derived from the ledger is worked out anew and compared. Rows are read in
    pieces, so that the size of the chains does not matter.
    """
    with workbench.database.reading() as tx:
        # Before the first link there is the beginning, which `audit head` prints until then.
        missing, seals = set(known_heads) - {GENESIS}, _Seals({}, {})
        events = _EventWalk(seals, missing, retention.begins_ms(workbench))
        postings = _PostingWalk(seals, missing)
        decisions = _AllotmentWalk(seals, missing)
        findings = [
            *_first(events.walk(tx)),
            *_first(postings.walk(tx)),
            *_unsealed(seals, postings.count),
            *_stray(tx),
            *_first(decisions.walk(tx)),
            *_unsealed_allotments(seals, decisions.count),
            *_sums(tx),
            *_triggers(tx),
        ]
        findings += [
            Finding(
                "",
                head,
                f"No event, posting or decision has the hash {head}: the end of a chain was cut "
                "off, or all of it was written anew.",
            )
            for head in sorted(missing)
        ]
        return Verified(
            events=events.count,
            removed=events.removed,
            early=tuple(events.early),
            postings=postings.count,
            decisions=decisions.count,
            heads=audit.heads(tx),
            findings=tuple(findings),
        )


def _first(found: Iterator[Finding]) -> list[Finding]:
    """The first finding of a walk, which goes on to its end."""
    findings = list(found)
    return findings[:1]


@dataclass
class _EventWalk:
    seals: _Seals
    missing: set[str]
    kept_from_ms: Mapping[str, int]
    count: int = 0
    removed: int = 0
    early: list[int] = field(default_factory=list)

    def walk(self, tx: Transaction) -> Iterator[Finding]:
        previous, number, broken = GENESIS, 0, False
        for event in tx.chains.events():
            self.count += 1
            if event.content is None:
                self.removed += 1
                if event.at_ms >= self.kept_from_ms.get(event.kind, 0):
                    self.early.append(event.id)
            if event.kind == EventKind.ERASURE:
                self.early.clear()  # it may have removed what stands before it
            self.missing.discard(event.hash)
            if not broken and (sentence := _fault_of_event(event, number, previous)):
                broken = True
                yield Finding(_EVENTS, str(event.id), sentence)
            elif event.kind == EventKind.SEAL and event.content is not None:
                self._remember(event)
            previous, number = event.hash, event.id

    def _remember(self, seal: EventLink) -> None:
        try:
            details = json.loads(seal.content or "")[3]
            self.seals.of_postings[int(details["posting"])] = str(details["hash"]), seal.id
            if "decision" in details:
                sealed = str(details["decision_hash"]), seal.id
                self.seals.of_allotments[int(details["decision"])] = sealed
        except (ValueError, KeyError, IndexError, TypeError):
            return  # it is broken, and found so


def _fault_of_event(event: EventLink, number: int, previous: str) -> str | None:
    """What is wrong with an event after the ``number``-th one, whose hash is ``previous``."""
    if event.id != number + 1:
        return f"Event {number + 1} is missing: after {number or 'the beginning'} comes {event.id}."
    held = (event.content, event.salt, event.actor, event.subject, event.object)
    if event.content is None:
        if any(value is not None for value in held):
            return f"Event {event.id} was changed: its content was removed in part."
        if event.kind == EventKind.SEAL:
            return f"Event {event.id} was changed: it is a seal, whose content is never removed."
    elif event.salt is None or content_digest(event.salt, event.content) != event.content_digest:
        return f"Event {event.id} was changed: its content is not what was recorded."
    elif not _columns_fit(event):
        return f"Event {event.id} was changed: its columns are not what its content says."
    expected = event_hash(previous, event.id, event.at_ms, event.kind, event.content_digest)
    if event.hash != expected:
        return (
            f"Event {event.id} does not follow from the one before: it was changed or put in, "
            "or what stood before it was changed, moved or removed."
        )
    return None


def _columns_fit(event: EventLink) -> bool:
    try:
        actor, subject, about, _details = json.loads(event.content or "")
    except ValueError:
        return False
    return (actor, subject, about) == (event.actor, event.subject, event.object)


@dataclass
class _PostingWalk:
    seals: _Seals
    missing: set[str]
    count: int = 0

    def walk(self, tx: Transaction) -> Iterator[Finding]:
        previous, number, broken = GENESIS, 0, False
        for posting in tx.chains.postings():
            self.count += 1
            self.missing.discard(posting.hash)
            sealed = self.seals.of_postings.pop(posting.id, None)
            fault = None if broken else _fault_of_posting(posting, number, previous)
            if fault is None and not broken and sealed and sealed[0] != posting.hash:
                fault = (
                    f"Posting {posting.id} has another hash than event {sealed[1]} sealed: "
                    "it or what stood before it was written anew."
                )
            if fault is not None:
                broken = True
                yield Finding(_POSTINGS, str(posting.id), fault)
            previous, number = posting.hash, posting.id


def _fault_of_posting(posting: PostingLink, number: int, previous: str) -> str | None:
    """What is wrong with a posting after the ``number``-th one, whose hash is ``previous``."""
    if posting.id != number + 1:
        before = number or "the beginning"
        return f"Posting {number + 1} is missing: after {before} comes {posting.id}."
    if posting.ticks:
        return (
            f"The entries of posting {posting.id} ({posting.key}) add up to {posting.ticks} "
            "ticks instead of 0."
        )
    if link(previous, posting.content) != posting.hash:
        return (
            f"Posting {posting.id} ({posting.key}) does not follow from the one before: it or "
            "an entry of it was changed, put in or removed, or what stood before it was."
        )
    return None


def _unsealed(seals: _Seals, postings: int) -> Iterator[Finding]:
    """Seals of postings that there are not, of which the first says it all."""
    for number, (_hash, event) in sorted(seals.of_postings.items()):
        if number > 0:  # before there was any
            yield Finding(
                _POSTINGS,
                str(number),
                f"Event {event} sealed posting {number}, and there are {postings}: the end of "
                "the ledger was cut off.",
            )
            return


def _stray(tx: Transaction) -> Iterator[Finding]:
    """Entries of no posting, which balances would be added up with, of which the first says it."""
    for number in tx.chains.stray_entries()[:1]:
        yield Finding(
            _ENTRIES,
            str(number),
            f"There are entries of posting {number}, and no such posting: they were put in, or "
            "it was removed.",
        )


@dataclass
class _AllotmentWalk:
    seals: _Seals
    missing: set[str]
    count: int = 0

    def walk(self, tx: Transaction) -> Iterator[Finding]:
        previous, number, broken = GENESIS, 0, False
        for decision in tx.chains.allotments():
            self.count += 1
            self.missing.discard(decision.hash)
            sealed = self.seals.of_allotments.pop(decision.id, None)
            fault = None if broken else _fault_of_allotment(decision, number, previous)
            if fault is None and not broken and sealed and sealed[0] != decision.hash:
                fault = (
                    f"Decision {decision.id} about {decision.budget} has another hash than event "
                    f"{sealed[1]} sealed: it or what stood before it was written anew."
                )
            if fault is not None:
                broken = True
                yield Finding(_ALLOTMENTS, str(decision.id), fault)
            previous, number = decision.hash, decision.id


def _fault_of_allotment(decision: AllotmentLink, number: int, previous: str) -> str | None:
    """What is wrong with a decision after the ``number``-th one, whose hash is ``previous``."""
    if decision.id != number + 1:
        before = number or "the beginning"
        return f"Decision {number + 1} is missing: after {before} comes {decision.id}."
    if link(previous, decision.content) != decision.hash:
        return (
            f"Decision {decision.id} about {decision.budget} does not follow from the one before: "
            "it was changed or put in, or what stood before it was changed or removed."
        )
    return None


def _unsealed_allotments(seals: _Seals, decisions: int) -> Iterator[Finding]:
    """Seals of decisions that there are not, of which the first says it all."""
    for number, (_hash, event) in sorted(seals.of_allotments.items()):
        if number > 0:  # before there was any
            yield Finding(
                _ALLOTMENTS,
                str(number),
                f"Event {event} sealed decision {number}, and there are {decisions}: the latest "
                "decisions about budgets were removed.",
            )
            return


def _triggers(tx: Transaction) -> Iterator[Finding]:
    for name in tx.chains.missing_triggers():
        yield Finding(
            name.partition("_refuse_")[0],
            name,
            f"The trigger {name} is not there or is switched off: the database does not refuse "
            "changes to that table any more. Find out who removed it, then restore a backup.",
        )


def _sums(tx: Transaction) -> Iterator[Finding]:
    for found in (tx.chains.wrong_balances(), tx.chains.wrong_usage_sums()):
        for number, wrong in enumerate(found):
            if number == _NAMED:
                yield Finding(wrong.table, "", f"More rows of {wrong.table} are wrong.")
                break
            yield Finding(wrong.table, " ".join(wrong.row), _sentence(wrong))


def _sentence(wrong: WrongSum) -> str:
    row = f"The row {', '.join(wrong.row)} of {wrong.table}"
    if wrong.kept is None:
        return f"{row} is missing; by the entries it is {_figures(wrong.right)}."
    right = f"by the entries it is {_figures(wrong.right)}" if wrong.right else "no entry is of it"
    return f"{row} has {_figures(wrong.kept)}; {right}."


def _figures(values: tuple[int | str, ...] | None) -> str:
    return canonical(list(values or ()))
