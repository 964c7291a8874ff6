"""What is known of sessions' activity, and the counters of starts."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from labwerk_hub.adapters.sql.tables import activity, outcomes
from labwerk_hub.domain.idleness import Activity, Sample


class SqlActivities:
    """The Activities port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, session: str) -> Activity | None:
        """One session's; None if nothing is known yet."""
        row = self._connection.execute(
            select(activity).where(activity.c.session == session)
        ).first()
        if row is None:
            return None
        return Activity(
            session=row.session,
            active_ms=row.active_ms,
            reported_ms=row.reported_ms,
            kernels_busy=row.kernels_busy,
            seen_ms=row.seen_ms,
            sampled_ms=row.sampled_ms,
            sample=Sample(
                cpu_ns=row.cpu_ns,
                gpu_memory_mib=row.gpu_memory_mib,
                gpu_processes=row.gpu_processes,
                gpu_utilisation=row.gpu_utilisation,
            ),
            warned_ms=row.warned_ms,
        )

    def put(self, known: Activity) -> None:
        """Keep what is known now."""
        values = {
            "active_ms": known.active_ms,
            "reported_ms": known.reported_ms,
            "kernels_busy": known.kernels_busy,
            "seen_ms": known.seen_ms,
            "sampled_ms": known.sampled_ms,
            "cpu_ns": known.sample.cpu_ns,
            "gpu_memory_mib": known.sample.gpu_memory_mib,
            "gpu_processes": known.sample.gpu_processes,
            "gpu_utilisation": known.sample.gpu_utilisation,
            "warned_ms": known.warned_ms,
        }
        changed = self._connection.execute(
            update(activity).where(activity.c.session == known.session).values(**values)
        )
        if not changed.rowcount:
            self._connection.execute(insert(activity).values(session=known.session, **values))

    def forget(self, session: str) -> None:
        """The session has ended."""
        self._connection.execute(delete(activity).where(activity.c.session == session))


class SqlOutcomes:
    """The Outcomes port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count(self, outcome: str) -> None:
        """One more."""
        one_more = update(outcomes).where(outcomes.c.outcome == outcome)
        if not self._connection.execute(one_more.values(count=outcomes.c.count + 1)).rowcount:
            self._connection.execute(insert(outcomes).values(outcome=outcome, count=1))

    def all(self) -> dict[str, int]:
        """All of them since the beginning."""
        rows = self._connection.execute(select(outcomes.c.outcome, outcomes.c.count))
        return {outcome: int(count) for outcome, count in rows}
