"""The pool as the leases, the reservations, the waiting list and the driver say it is."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from labwerk_hub.domain.catalogue import Catalogue
from labwerk_hub.domain.expectation import History, likely_ends
from labwerk_hub.domain.gpu import Inventory, Slice
from labwerk_hub.domain.idleness import idle
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.placement import Mix
from labwerk_hub.domain.pool import Pool
from labwerk_hub.domain.reservations import Reservation, ahead
from labwerk_hub.domain.terms import groups_of, term
from labwerk_hub.domain.waiting import (
    NEVER_MS,
    Occupied,
    Ticket,
    TicketState,
    Turn,
    fair_order,
    lines,
    plan,
)
from labwerk_hub.errors import GpuDriverError
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

_log = logging.getLogger(__name__)
_DAY_MS = 24 * 3600 * 1000
#: How far back starts say what is usually asked for, and how long sessions usually last.
_LATELY = timedelta(days=14)


def inventory_of(workbench: Workbench, *, fresh: bool = False) -> Inventory:
    """The GPUs; none, and said so, while the driver cannot be read.

    Sessions without a GPU start all the same, and what runs goes on.
    """
    try:
        return workbench.inventory.read(fresh)
    except GpuDriverError as error:
        _log.warning("No GPU is handed out: %s", error)
        return Inventory((), readable=False)


def pool_of(
    workbench: Workbench,
    tx: Transaction,
    inventory: Inventory,
    person: Person,
    joining: Ticket | None = None,
    *,
    expect: bool = False,
) -> Pool:
    """The pool as ``person`` finds it now; with ``joining``, as if that ticket were taken.

    With ``expect``, the turns of those who wait say when they are likely to come, which takes
    many times as long as when they are to come at the latest.
    """
    now_ms = to_ms(workbench.clock())
    leases = [lease for lease in tx.leases.holding() if lease.slice is not None]
    reservations = tuple(tx.reservations.current(now_ms))
    waiting = [t for t in tx.tickets.open() if t.state is TicketState.WAITING]
    if joining is not None:  # who stands in line once, and not behind themselves
        waiting = [t for t in waiting if t.person != joining.person] + [joining]
    expect = expect and bool(waiting)
    history = History(tx.leases.past_since(_since(workbench))) if expect else None
    due = tuple(
        _occupied(workbench, tx, lease, number, history, now_ms)
        for number, lease in enumerate(leases)
    )
    return Pool(
        inventory=inventory,
        held=_standing(inventory, leases),
        due=due,
        reservations=reservations,
        turns=_turns(workbench, tx, inventory, waiting, due, reservations, history, now_ms),
        groups=groups_of(person),
        mix=_mix(workbench.catalogue, tx.leases.flavours_since(_since(workbench))),
        profiles_of={flavour.name: flavour.slices for flavour in workbench.catalogue.flavours},
        now_ms=now_ms,
    )


def _since(workbench: Workbench) -> int:
    return to_ms(workbench.clock() - _LATELY)


def _standing(inventory: Inventory, leases: Iterable[Lease]) -> tuple[Slice, ...]:
    """What leases hold, and what the driver has beside: an instance that somebody else made."""
    held = {lease.slice for lease in leases if lease.slice is not None}
    masks: dict[str, int] = {}
    for slice_ in held:
        masks[slice_.gpu] = masks.get(slice_.gpu, 0) | slice_.mask
    foreign = (
        instance
        for gpu in inventory.gpus
        for instance in gpu.instances
        # One that overlaps a lease is that lease's, or is being replaced by it.
        if not masks.get(gpu.name, 0) & instance.mask
    )
    return (*held, *foreign)


def _occupied(
    workbench: Workbench,
    tx: Transaction,
    lease: Lease,
    number: int,
    history: History | None,
    now_ms: int,
) -> Occupied:
    assert lease.slice is not None  # the caller looks at leases with a slice only
    if lease.state is LeaseState.ENDED:
        return Occupied(lease.slice, now_ms, now_ms)  # it is being given back
    if history is None:
        return Occupied(lease.slice, lease.ends_ms, lease.ends_ms)
    stops_ms = _idle_stop_ms(workbench, tx, lease, now_ms)
    if stops_ms is not None:
        return Occupied(lease.slice, lease.ends_ms, min(lease.ends_ms, stops_ms))
    began_ms = lease.started_ms if lease.started_ms is not None else lease.intended_ms
    lasted = history.durations(lease.flavour, began_ms)
    futures = likely_ends(now_ms, began_ms, lease.ends_ms, lasted, number)
    return Occupied(lease.slice, lease.ends_ms, lease.ends_ms, futures)


def _idle_stop_ms(workbench: Workbench, tx: Transaction, lease: Lease, now_ms: int) -> int | None:
    """When a session in which nothing runs is going to be stopped; None if something may."""
    known, person = tx.activities.get(lease.session), tx.people.by_name(lease.person)
    if known is None or person is None:
        return None
    try:
        flavour = workbench.catalogue.flavour(lease.flavour)
    except KeyError:
        return None
    lasting = term(flavour, groups_of(person), workbench.policy.rules)
    warning = workbench.policy.idle_warning_seconds
    return idle(known, lasting.idle_seconds, warning, now_ms).stops_at_ms


def _turns(
    workbench: Workbench,
    tx: Transaction,
    inventory: Inventory,
    waiting: Sequence[Ticket],
    due: Sequence[Occupied],
    reservations: Sequence[Reservation],
    history: History | None,
    now_ms: int,
) -> tuple[Turn, ...]:
    if not waiting:
        return ()
    catalogue, policy = workbench.catalogue, workbench.policy.waiting
    used = _used_lately(tx, now_ms, policy.memory_days)
    shares = {
        budget.institution: float(budget.ticks)
        for budget in catalogue.budgets.values()
        if budget.parent is None
    }
    patience_ms = policy.patience_seconds * 1000
    ordered = fair_order(waiting, used, shares, now_ms, patience_ms)
    foreign = [
        Occupied(slice_, NEVER_MS, NEVER_MS)
        for slice_ in _standing(inventory, ())
        if all(slice_.gpu != o.slice.gpu or not slice_.mask & o.slice.mask for o in due)
    ]
    flavours = catalogue.flavours
    return tuple(
        plan(
            ordered,
            inventory,
            {flavour.name: flavour.slices for flavour in flavours},
            [*due, *foreign],
            ahead(reservations, now_ms),
            now_ms,
            {f.name: (f.default_hours or f.longest_hours) * 3_600_000 for f in flavours},
            durations_ms=(
                {f.name: history.durations(f.name, now_ms) for f in flavours} if history else None
            ),
            futures=(lines(ordered, history, used, shares, now_ms, patience_ms) if history else ()),
        )
    )


def _used_lately(tx: Transaction, now_ms: int, memory_days: int) -> dict[str, float]:
    """Ticks by institution; what lies ``memory_days`` back counts half, and so on."""
    used: dict[str, float] = {}
    since_ms = now_ms - 4 * memory_days * _DAY_MS
    for (institution, day), ticks in tx.leases.used_by_day(since_ms).items():
        age = max(0, now_ms // _DAY_MS - day)
        used[institution] = used.get(institution, 0.0) + ticks * 0.5 ** (age / max(1, memory_days))
    return used


def _mix(catalogue: Catalogue, asked_for: Mapping[str, int]) -> Mix:
    """What is usually asked for; all flavours alike while nothing is known."""
    return [
        (flavour.slices, float(asked_for.get(flavour.name, 0)) if asked_for else 1.0)
        for flavour in catalogue.flavours
        if flavour.needs_gpu and (not asked_for or asked_for.get(flavour.name))
    ]
