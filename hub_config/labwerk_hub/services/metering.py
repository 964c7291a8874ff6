"""Charges follow the engine: intervals closed from what it says ran."""

from __future__ import annotations

from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.metering import to_ms, usages
from labwerk_hub.services import holds
from labwerk_hub.services.budgets import paying
from labwerk_hub.services.ports import SessionContainer
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

#: How long an interval of a session that costs nothing is while it goes on: there may be
#: hundreds of such sessions, and every interval is kept for good.
_FREE_INTERVAL_MS = 10 * 60_000


def meter(
    workbench: Workbench, container: SessionContainer, now_ms: int, *, exactly: bool = False
) -> None:
    """Charge a running container up to ``now_ms``; its lease is live from now on.

    Of a session that costs nothing the latest minutes are left to a later reading, unless it
    is to be charged ``exactly``.
    """
    with workbench.database.writing() as tx:
        lease = tx.leases.get(container.session)
        if lease is None or lease.state is LeaseState.ENDED or container.started_ms is None:
            return  # ended between the two readings
        lease = live(workbench, tx, lease, container.started_ms)
        _charge(workbench, tx, lease, now_ms, exactly=exactly or bool(lease.ticks_per_second))


def live(workbench: Workbench, tx: Transaction, lease: Lease, started_ms: int) -> Lease:
    """The lease, live since the engine has run the container.

    What was held for the time before is given back: where a start took until the next
    period, nothing of the period before is used.
    """
    if lease.state is not LeaseState.INTENDED:
        return lease
    tx.leases.set_live(lease.session, started_ms)
    holds.release(workbench, tx, lease, before_ms=started_ms)
    found = tx.leases.get(lease.session)
    assert found is not None  # it was there in this transaction
    return found


def close(
    workbench: Workbench,
    tx: Transaction,
    session: str,
    container: SessionContainer | None,
    reason: EndReason,
) -> bool:
    """End the session's lease at the engine's finish time, charged up to there.

    What was charged beyond it, by a clock that was ahead, is taken back. A container that is
    gone without a finish time is charged up to the last reading: what the engine did not
    say, nobody pays. One that costs nothing stays on record up to the last interval that was
    booked, some minutes before. Why its stop was asked for, if it was, is the reason. Does
    nothing to a lease that has ended. Whether it was this call that ended it.
    """
    lease = tx.leases.get(session)
    if lease is None or lease.state is LeaseState.ENDED:
        return False
    now_ms = to_ms(workbench.clock())
    if container is not None and container.started_ms is not None:
        lease = live(workbench, tx, lease, container.started_ms)
        until_ms = container.finished_ms if container.finished_ms is not None else now_ms
    else:
        until_ms = lease.metered_to_ms if lease.metered_to_ms is not None else now_ms
    _charge(workbench, tx, lease, until_ms, exactly=True)
    # An end before its beginning says nothing: then what the readings saw stands.
    if (lease.started_ms or 0) <= until_ms < (lease.metered_to_ms or 0):
        holds.take_back(workbench, tx, lease, until_ms)
    holds.release(workbench, tx, lease)
    ended_ms = max(until_ms, lease.started_ms or lease.intended_ms)
    tx.leases.set_ended(session, ended_ms, lease.stopping or reason)
    return True


def _charge(
    workbench: Workbench, tx: Transaction, lease: Lease, until_ms: int, *, exactly: bool
) -> None:
    if lease.started_ms is None or lease.metered_to_ms is None:
        return  # nothing ever ran
    budget = paying(workbench, tx, lease)
    closed = usages(
        lease.session,
        lease.ticks_per_second,
        lease.started_ms,
        lease.metered_to_ms,
        until_ms,
        budget.periods,
        workbench.policy.zone,
    )
    for usage in closed:
        is_short = usage.end_ms - usage.start_ms < _FREE_INTERVAL_MS
        if is_short and usage.end_ms == until_ms and not exactly:
            break
        holds.charge(workbench, tx, lease, usage)
        tx.leases.set_metered(lease.session, usage.end_ms)
    if budget.periods.at(lease.metered_to_ms) != budget.periods.at(max(until_ms, 0)):
        holds.release(workbench, tx, lease, before_ms=until_ms)
