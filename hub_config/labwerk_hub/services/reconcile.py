"""Leases and charges brought in line with what the engine runs.

Only the hub service runs :func:`reconcile`, at every metering period.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import lifetime, line, metering, payers, sessions
from labwerk_hub.services.openings import carry_now, open_now
from labwerk_hub.services.ports import ContainerState, SessionContainer
from labwerk_hub.services.workbench import Workbench

_P = ParamSpec("_P")
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reconciled:
    """What one reading of the engine came to: counts, and the sessions to be stopped."""

    running: int
    ended: int
    expired: int
    unaccounted: int
    to_stop: tuple[Lease, ...]


def reconcile(workbench: Workbench, served: Collection[str] | None) -> Reconciled:
    """Read the engine once and bring leases and charges in line with it.

    ``served`` are the names of people for whom the hub has a server, running, starting or
    stopping; None while the hub cannot be asked. Raises EngineUnreachableError before
    anything is changed: while the engine cannot be read, leases stay as they are.
    """
    now_ms = to_ms(workbench.clock())  # before the reading: nobody pays for its duration
    # Leases first: a lease that is live by now has its container in the later reading,
    # unless it ended in between, and ending it again does nothing.
    with workbench.database.reading() as tx:
        leases = {lease.session: lease for lease in tx.leases.unended()}
        kept = {ticket.session for ticket in tx.tickets.open()}
        ended = [lease for lease in tx.leases.holding() if lease.state is LeaseState.ENDED]
    open_now(workbench)
    carry_now(workbench)
    containers = {found.session: found for found in workbench.engine.sessions()}
    patience_ms = workbench.policy.intent_timeout_seconds * 1000
    for lease in ended:
        _try(lease.session, sessions.give_back, workbench, lease.session)
    running = expired = 0
    to_stop: list[Lease] = []
    to_end: dict[str, EndReason] = {}
    for session, lease in leases.items():
        container = containers.get(session)
        if container is not None and container.state is ContainerState.RUNNING:
            running += 1
            _try(session, metering.meter, workbench, container, now_ms)
            if _is_orphan(container, served, now_ms - patience_ms):
                to_end[session] = EndReason.ORPHANED
            elif lease.state is LeaseState.LIVE:
                _try(session, payers.pay_again, workbench, lease)
                _try(session, payers.go_on_without, workbench, lease)
                _try(session, lifetime.give_way, workbench, lease)
                if _try(session, _is_due, workbench, lease):
                    to_stop.append(lease)
        elif lease.state is LeaseState.LIVE:
            to_end[session] = EndReason.STOPPED if container else EndReason.LOST
        elif _is_abandoned(lease, served, kept, now_ms - patience_ms):
            expired += 1
            to_end[session] = EndReason.EXPIRED
    for session, reason in to_end.items():
        _try(session, sessions.ended, workbench, session, reason)
    unaccounted = [
        found
        for found in containers.values()
        if found.session not in leases and now_ms - found.created_ms > patience_ms
    ]
    for found in unaccounted:
        _try(found.session, sessions.ended, workbench, found.session, EndReason.ORPHANED)
    return Reconciled(
        running=running,
        ended=len(to_end) - expired,
        expired=expired,
        unaccounted=len(unaccounted),
        to_stop=tuple(to_stop),
    )


def settle(workbench: Workbench) -> int:
    """Stop every session of this installation and close its charges; how many there were.

    Raises what the first of those raises that cannot be ended, once all others have.
    """
    line.put_back(workbench)
    with workbench.database.reading() as tx:
        open_sessions = {lease.session for lease in tx.leases.unended()}
    open_sessions |= {found.session for found in workbench.engine.sessions()}
    failed: list[Exception] = []
    for session in sorted(open_sessions):
        try:
            sessions.ended(workbench, session, EndReason.STOPPED)
        except Exception as error:  # noqa: BLE001 - nobody else's session runs on for it
            _log.warning("%s is not ended: %s", session, error)
            failed.append(error)
    if failed:
        raise failed[0]
    return len(open_sessions)


def _try(session: str, verb: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T | None:
    """One session that cannot be brought in line must not keep the others from it."""
    try:
        return verb(*args, **kwargs)
    except LabwerkError as error:
        _log.warning("%s is left for the next reading: %s", session, error)
    except Exception:  # noqa: BLE001 - whatever is odd about one session is nobody else's trouble
        _log.exception("%s is left for the next reading", session)
    return None


def _is_abandoned(
    lease: Lease, served: Collection[str] | None, kept: Collection[str | None], before_ms: int
) -> bool:
    """Whether nobody is going to start what an intended lease is for.

    Not while the hub says that it is at it, however long that takes, or cannot be asked; nor
    while the slice is kept for somebody who was called.
    """
    at_it = served is None or lease.person in served
    return not at_it and lease.session not in kept and lease.intended_ms < before_ms


def _is_due(workbench: Workbench, lease: Lease) -> bool:
    """Whether a running session is to be stopped; the reason is kept for its end."""
    reason = lifetime.due(workbench, lease)
    if reason is not lease.stopping:  # also when what was a reason is none any more
        lifetime.stopping(workbench, lease.session, reason)
    return reason is not None


def _is_orphan(container: SessionContainer, served: Collection[str] | None, before_ms: int) -> bool:
    """Whether the hub has lost this container: it serves nobody of that name any more."""
    return (
        served is not None and container.person not in served and container.created_ms < before_ms
    )
