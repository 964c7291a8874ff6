"""Slices that are kept for a course's lesson."""

from __future__ import annotations

from datetime import datetime, timedelta

from labwerk_hub.domain.reservations import Reservation
from labwerk_hub.services import reservations
from labwerk_hub.services.workbench import Workbench


def keep_for_lesson(
    workbench: Workbench,
    start: datetime,
    *,
    count: int = 2,
    group: str = "course",
    hours: float = 2,
    grace_minutes: float = 30,
) -> Reservation:
    """Keep small slices for a group from ``start`` on; what nobody takes in time goes back."""
    wanted = reservations.Wanted(
        title="Lesson",
        flavour="small",
        group=group,
        count=count,
        start=start,
        end=start + timedelta(hours=hours),
        release_after=timedelta(minutes=grace_minutes),
    )
    return reservations.make(workbench, wanted, "thr--olga")
