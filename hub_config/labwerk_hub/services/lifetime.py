"""How long a session lives: its idleness watched, its end come, its stop asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from labwerk_hub.domain import idleness
from labwerk_hub.domain.admission import Reason, Refusal
from labwerk_hub.domain.idleness import Activity, Idle, Sample
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.placement import kept_until
from labwerk_hub.domain.pool import Pool
from labwerk_hub.domain.terms import Term, groups_of, term
from labwerk_hub.domain.texts import Message
from labwerk_hub.domain.waiting import Ticket
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services.budgets import paying, purse_of
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.pool import inventory_of, pool_of
from labwerk_hub.services.ports import SliceUse
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

#: An end that would move by less than this is left where it is.
WORTH_MS = 5 * 60_000
#: Reasons for which a session is stopped once its end has come, and not if that is moved.
AT_THE_END = (EndReason.TIME_UP, EndReason.BUDGET, EndReason.OVER_USE)
#: Later than any claim.
_FAR_MS = 1 << 62


def report(workbench: Workbench, person_name: str, kernels_busy: int, seen_ms: int | None) -> None:
    """Keep what the person's server says of itself. Nothing if no session of theirs runs."""
    now_ms = to_ms(workbench.clock())
    with workbench.database.writing() as tx:
        lease = _live(tx, person_name)
        if lease is not None:
            known = activity_of(tx, lease)
            tx.activities.put(idleness.reported(known, kernels_busy, seen_ms, now_ms))


def still_working(workbench: Workbench, person_name: str) -> None:
    """The person says that the session is not idle. Raises RefusedError if none runs."""
    with workbench.database.writing() as tx:
        _, lease = running(tx, person_name)
        if lease.stopping is EndReason.IDLE:
            tx.leases.set_stopping(lease.session, None)
        tx.activities.put(idleness.still_working(activity_of(tx, lease), to_ms(workbench.clock())))


def due(workbench: Workbench, lease: Lease) -> EndReason | None:
    """Why a running session is to be stopped now, if it is; looks at what runs in it.

    ``lease`` is as it was before this reading of the engine charged it.
    """
    now_ms = to_ms(workbench.clock())
    with workbench.database.reading() as tx:
        current = tx.leases.get(lease.session)
        if current is None or current.state is not LeaseState.LIVE:
            return None
        # It may have been extended since the engine was read.
        lease = replace(current, metered_to_ms=lease.metered_to_ms)
        person = tx.people.by_name(lease.person)
        known = activity_of(tx, lease)
        ticket = tx.tickets.of_session(lease.session)
        if lease.ends_ms <= now_ms:
            return _over(workbench, tx, person, lease, now_ms)
    if ticket is not None and _not_collected(workbench, ticket, lease, known, now_ms):
        return EndReason.NOT_COLLECTED
    if person is None:
        return None
    if not (term_of(workbench, person, lease).idle_seconds or lease.ticks_per_second):
        return None  # nothing follows from its idleness, nor does it cost anybody anything
    measured = _measured(workbench, lease)
    with workbench.database.writing() as tx:
        known = idleness.sampled(activity_of(tx, lease), measured, now_ms)
        found = idle_of(workbench, person, lease, known)
        if found.warning and known.warned_ms is None:
            known = idleness.warned(known, now_ms)
        tx.activities.put(known)
    return EndReason.IDLE if found.stop else None


def grace_ends_ms(
    workbench: Workbench, tx: Transaction, person: Person, lease: Lease
) -> int | None:
    """Until when a session whose budget is used up goes on; None if that is not what ends it.

    If the budget gets more meanwhile, there is as long to extend the session.
    """
    if not is_used_up(workbench, tx, person, lease) and not _is_spared(lease):
        return None
    return lease.ends_ms + workbench.policy.budget_grace_seconds * 1000


def is_used_up(workbench: Workbench, tx: Transaction, person: Person, lease: Lease) -> bool:
    """Whether want of budget is what ends a session."""
    if not _may_end_early(lease):
        return False
    return paid_seconds(workbench, tx, person, lease, lease.ends_ms) * 1000 < WORTH_MS


def _may_end_early(lease: Lease) -> bool:
    return bool(lease.ticks_per_second) and not lease.over_use and lease.ends_ms < lease.longest_ms


def _is_spared(lease: Lease) -> bool:
    """Whether a session was charged beyond its end and left running: its budget was used up."""
    was_read = lease.metered_to_ms is not None and lease.metered_to_ms > lease.ends_ms
    return was_read and lease.stopping is None and _may_end_early(lease)


def paid_seconds(
    workbench: Workbench, tx: Transaction, person: Person, lease: Lease, since_ms: int
) -> int:
    """For how long its budget pays for a session beyond what is held, from ``since_ms`` on."""
    budget = paying(workbench, tx, lease)
    purse = purse_of(workbench, tx, person, budget)
    return purse.pays_seconds(lease.ticks_per_second, since_ms)


def _over(
    workbench: Workbench, tx: Transaction, person: Person | None, lease: Lease, now_ms: int
) -> EndReason | None:
    """Why a session ends whose end has come; None while its person is given time to act."""
    if lease.over_use:
        return EndReason.OVER_USE
    until_ms = grace_ends_ms(workbench, tx, person, lease) if person is not None else None
    if until_ms is None:
        return EndReason.TIME_UP
    return EndReason.BUDGET if until_ms <= now_ms else None


def give_way(workbench: Workbench, lease: Lease) -> None:
    """Let a session without budget end soon, if somebody waits for its slice."""
    until_ms = to_ms(workbench.clock()) + workbench.policy.budget_grace_seconds * 1000
    if not lease.over_use or lease.ends_ms <= until_ms:
        return
    inventory = inventory_of(workbench)
    with workbench.database.writing() as tx:
        person, current = tx.people.by_name(lease.person), tx.leases.get(lease.session)
        if person is None or current is None or current.state is not LeaseState.LIVE:
            return
        if current.over_use and behind(pool_of(workbench, tx, inventory, person), current):
            tx.leases.set_ends(current.session, min(current.ends_ms, until_ms))


def _measured(workbench: Workbench, lease: Lease) -> Sample:
    """A running session from outside; what cannot be measured stays unknown."""
    use = SliceUse()
    if lease.slice is not None:
        with suppress(LabwerkError):  # the processor and the kernels say something, too
            use = workbench.inventory.use(lease.slice)
    return Sample(
        cpu_ns=workbench.engine.cpu_ns(lease.session),
        gpu_memory_mib=use.memory_used_mib,
        gpu_processes=use.processes,
        gpu_utilisation=use.utilisation,
    )


def _not_collected(
    workbench: Workbench, ticket: Ticket, lease: Lease, known: Activity, now_ms: int
) -> bool:
    """Whether a session was started for somebody in line who has not come to it.

    They have as long as a slice is kept, from when it was, or from when the session ran.
    """
    hold_ms = workbench.policy.waiting.hold_seconds * 1000
    until_ms = max(ticket.held_until_ms or 0, (lease.started_ms or now_ms) + hold_ms)
    came = known.seen_ms is not None or known.kernels_busy
    return known.reported_ms is not None and not came and until_ms <= now_ms


def stopping(workbench: Workbench, session: str, reason: EndReason | None) -> None:
    """Keep why a session's stop is asked of the hub (None: it is not any more).

    Not if its time is said to be up and its end has been moved in between.
    """
    now_ms = to_ms(workbench.clock())
    with workbench.database.writing() as tx:
        lease = tx.leases.get(session)
        if lease is not None and not (reason in AT_THE_END and lease.ends_ms > now_ms):
            tx.leases.set_stopping(session, reason)


def is_to_stop(workbench: Workbench, session: str) -> bool:
    """Whether a session whose stop is about to be asked for still runs and is still to stop."""
    with workbench.database.reading() as tx:
        lease = tx.leases.get(session)
    return lease is not None and lease.state is LeaseState.LIVE and lease.stopping is not None


def idle_of(workbench: Workbench, person: Person, lease: Lease, known: Activity) -> Idle:
    """What the idle rule says of the session now."""
    idle_seconds = term_of(workbench, person, lease).idle_seconds
    warning = workbench.policy.idle_warning_seconds
    return idleness.idle(known, idle_seconds, warning, to_ms(workbench.clock()))


def activity_of(tx: Transaction, lease: Lease) -> Activity:
    """What is known of a session; a start is activity."""
    began_ms = lease.started_ms if lease.started_ms is not None else lease.intended_ms
    return tx.activities.get(lease.session) or Activity(lease.session, began_ms)


def term_of(workbench: Workbench, person: Person, lease: Lease) -> Term:
    """How long sessions such as this last; one whose flavour is gone keeps what it has."""
    try:
        flavour = workbench.catalogue.flavour(lease.flavour)
    except KeyError:
        longest = (lease.longest_ms - lease.intended_ms) // 1000
        return Term(longest, longest, 0)
    return term(flavour, groups_of(person), workbench.policy.rules)


def _live(tx: Transaction, person_name: str) -> Lease | None:
    unended = tx.leases.unended_of(person_name)
    return next((lease for lease in unended if lease.state is LeaseState.LIVE), None)


def running(tx: Transaction, person_name: str) -> tuple[Person, Lease]:
    """A person and their running session. Raises RefusedError if none runs."""
    person, lease = tx.people.by_name(person_name), _live(tx, person_name)
    if person is None or lease is None:
        raise RefusedError(Refusal(Reason.NOT_RUNNING, Message("No session of yours is running.")))
    return person, lease


def behind(pool: Pool, lease: Lease) -> int:
    """How many wait for something that this very slice could serve."""
    if lease.slice is None:
        return 0
    gpu = pool.inventory.by_name.get(lease.slice.gpu)
    if gpu is None:
        return 0
    return sum(
        any(
            place.mask & lease.slice.mask
            for place in gpu.candidates(
                pool.profiles_of.get(turn.ticket.flavour, {}).get(gpu.model.name, "")
            )
        )
        for turn in pool.turns
    )


def claimed_ms(pool: Pool, lease: Lease) -> int:
    """From when on the session's slice is promised to others; far away if it is not."""
    gpu = pool.inventory.by_name.get(lease.slice.gpu) if lease.slice is not None else None
    if gpu is None or lease.slice is None:
        return _FAR_MS
    claims = [claim for claim in pool.claims(lease.flavour) if claim.slice.gpu == gpu.name]
    found = kept_until(gpu, lease.slice, claims, pool.now_ms)
    return _FAR_MS if found is None else found
