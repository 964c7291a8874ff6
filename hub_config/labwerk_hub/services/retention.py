"""What happens to the audit chain every day: old content goes, and the ledger is sealed."""

from __future__ import annotations

from datetime import date, timedelta

from labwerk_hub.domain.events import LABWERK, EventGroup, EventKind
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.services import audit
from labwerk_hub.services.workbench import Workbench

#: Events whose content is removed in one transaction: others want to write, too.
_AT_ONCE = 1_000
#: When few write: in the night to a Sunday, up to this hour of the site.
_SUNDAY, _NIGHT_ENDS = 6, 5


def seal_and_redact(workbench: Workbench) -> bool:
    """Once for each day of the site: remove what is over its time, and seal the ledger.

    A day on which nothing ran is made up for by the next. Whether there was anything to do.
    """
    if _is_done(workbench):
        return False
    removed = redact(workbench)
    with workbench.database.writing() as tx:
        ledger, decisions = tx.ledger.head(), tx.allotments.head()
        audit.record(
            workbench,
            tx,
            EventKind.SEAL,
            actor=LABWERK,
            posting=ledger.number,
            hash=ledger.hash,
            decision=decisions.number,
            decision_hash=decisions.hash,
            removed=removed,
        )
    return True


def begins_ms(workbench: Workbench) -> dict[str, int]:
    """From when on the content of each kind's events is kept; not of what is kept for ever."""
    now, retention = workbench.clock(), workbench.policy.retention
    return {
        kind: to_ms(now - timedelta(days=days))
        for kind in EventKind
        if kind.group is not None and (days := retention.days(kind.group))
    }


def redact(workbench: Workbench) -> int:
    """Remove the content of all events that are over their time; how many there were."""
    removed, begins = 0, begins_ms(workbench)
    for group in EventGroup:
        kinds = [kind for kind in EventKind if kind.group is group and kind in begins]
        if not kinds:
            continue
        before_ms = begins[kinds[0]]
        found = _AT_ONCE
        while found == _AT_ONCE:
            with workbench.database.writing() as tx:
                found = tx.events.redact_older(kinds, before_ms, _AT_ONCE)
            removed += found
    return removed


def scrub(workbench: Workbench) -> bool:
    """Have the database's file written anew, if what was removed may still be read from it.

    One that is large, in the night to a Sunday alone. Whether nothing is left to do. Raises
    DatabaseError if it cannot be done now; then it is still to be done.
    """
    now = workbench.clock().astimezone(workbench.policy.zone)
    is_quiet = now.weekday() == _SUNDAY and now.hour < _NIGHT_ENDS
    return workbench.database.scrub(large=is_quiet)


def _is_done(workbench: Workbench) -> bool:
    with workbench.database.reading() as tx:
        last = tx.events.last_of(EventKind.SEAL)
    if last is None or last.at_ms > to_ms(workbench.clock()):
        return False  # a seal that is yet to come was made by a clock that was ahead
    zone = workbench.policy.zone
    return _day(workbench) <= from_ms(last.at_ms).astimezone(zone).date()


def _day(workbench: Workbench) -> date:
    return workbench.clock().astimezone(workbench.policy.zone).date()
