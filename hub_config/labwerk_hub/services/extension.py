"""A session extended: to when its end can be moved now, or why it cannot."""

from __future__ import annotations

from dataclasses import dataclass

from labwerk_hub.domain import idleness
from labwerk_hub.domain.admission import Reason, Refusal
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import Lease
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.pool import Pool
from labwerk_hub.domain.texts import Message
from labwerk_hub.services import audit, holds, payers
from labwerk_hub.services.budgets import paying
from labwerk_hub.services.lifetime import (
    WORTH_MS,
    activity_of,
    behind,
    claimed_ms,
    paid_seconds,
    running,
    term_of,
)
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.pool import inventory_of, pool_of
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench


@dataclass(frozen=True)
class Extension:
    """To when the end would be moved now, or why not; ``behind`` people wait for the slice."""

    until_ms: int | None
    refusal: Refusal | None
    behind: int


def extend(workbench: Workbench, person_name: str) -> Lease:
    """Move the end of the person's session: as long again from now, while nobody waits.

    One that runs without budget is paid for again if its budget pays until the new end, and
    else goes on without. Raises RefusedError with the reason.
    """
    inventory = inventory_of(workbench, fresh=True)
    open_now(workbench)
    with workbench.database.writing() as tx:
        person, lease = running(tx, person_name)
        found = extension_of(workbench, tx, inventory, person, lease)
        if found.until_ms is None:
            assert found.refusal is not None  # it is one or the other
            raise RefusedError(found.refusal)
        if not lease.over_use:
            budget, since_ms = paying(workbench, tx, lease), _paid_to_ms(workbench, lease)
            holds.hold(workbench, tx, lease, budget, since_ms, found.until_ms)
        else:  # there may be a budget for it again
            payers.paid_again(workbench, tx, person, lease, found.until_ms, by=person.pseudonym)
        tx.leases.set_ends(lease.session, found.until_ms)
        tx.leases.set_stopping(lease.session, None)
        audit.record(
            workbench,
            tx,
            EventKind.EXTENSION,
            actor=person.pseudonym,
            subject=person.pseudonym,
            about=lease.session,
            until_ms=found.until_ms,
        )
        # Who prolongs is there.
        tx.activities.put(idleness.still_working(activity_of(tx, lease), to_ms(workbench.clock())))
        moved = tx.leases.get(lease.session)
    assert moved is not None  # it was there in this transaction
    return moved


def extension_of(
    workbench: Workbench, tx: Transaction, inventory: Inventory, person: Person, lease: Lease
) -> Extension:
    """What :func:`extend` would do now."""
    pool = pool_of(workbench, tx, inventory, person)
    others = behind(pool, lease)
    wanted = pool.now_ms + term_of(workbench, person, lease).usual_seconds * 1000
    until = min(wanted, lease.longest_ms, claimed_ms(pool, lease))
    unpaid = _unpaid()
    if lease.ticks_per_second and (no_payer := payers.no_payer(workbench, tx, lease)):
        until, unpaid = lease.ends_ms, no_payer
    elif lease.ticks_per_second:
        until = _paid_until(workbench, tx, person, lease, until)
    refusal = None
    if others:
        refusal = Refusal(
            Reason.OTHERS_WAIT,
            Message("The session cannot be extended while others wait for its slice."),
        )
    elif lease.ends_ms >= lease.longest_ms - WORTH_MS:
        refusal = Refusal(
            Reason.LONGEST,
            Message(
                "The session already lasts as long as it may, until %(end)s.",
                {"end": from_ms(lease.ends_ms)},
            ),
        )
    elif until < lease.ends_ms + WORTH_MS and wanted >= lease.ends_ms + WORTH_MS:
        claimed = claimed_ms(pool, lease) < lease.ends_ms + WORTH_MS
        refusal = _reserved(pool, lease) if claimed else unpaid
    elif until < lease.ends_ms + WORTH_MS:
        refusal = Refusal(
            Reason.NOT_YET,
            Message(
                "The session lasts until %(end)s already; extend it when it has run for a while.",
                {"end": from_ms(lease.ends_ms)},
            ),
        )
    return Extension(None if refusal else until, refusal, others)


def _paid_until(
    workbench: Workbench, tx: Transaction, person: Person, lease: Lease, until: int
) -> int:
    """Until when, ``until`` at most, a session is paid for, or may go on without budget."""
    if not lease.over_use:
        since_ms = _paid_to_ms(workbench, lease)
        lasts_seconds = paid_seconds(workbench, tx, person, lease, since_ms)
        return min(until, since_ms + lasts_seconds * 1000)
    may = payers.may_go_without(workbench, tx, lease)
    return until if may or payers.pays_until(workbench, tx, person, lease, until) else lease.ends_ms


def _paid_to_ms(workbench: Workbench, lease: Lease) -> int:
    """Up to when what a session costs is held; what ran beyond its end is charged already."""
    return max(lease.ends_ms, min(lease.metered_to_ms or 0, to_ms(workbench.clock())))


def _reserved(pool: Pool, lease: Lease) -> Refusal:
    begins = from_ms(claimed_ms(pool, lease))
    return Refusal(
        Reason.RESERVED,
        Message("The slice is reserved for others from %(begins)s on.", {"begins": begins}),
    )


def _unpaid() -> Refusal:
    return Refusal(
        Reason.BUDGET_USED_UP, Message("Your budget does not pay for more of this session.")
    )
