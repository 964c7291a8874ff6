"""Whether anything runs in a session, and when one in which nothing does is stopped.

What counts as activity: a kernel that computes, a processor that works, a GPU that does,
GPU memory or processes that come and go, and a person who says "still working". A model
that only lies in GPU memory is no activity. What is not known never counts as idle.
Times are milliseconds since 1970 in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

#: Cores in use from which a session counts as computing. An idle server with a few idle
#: kernels was seen to use less than 0.01; a terminal that computes uses about 1.
_BUSY_CORES = 0.05
#: A figure of the driver's that moves less than this is noise.
_MEMORY_STEP_MIB = 16
#: What was reported or measured so long ago says nothing about now.
_REPORT_LASTS_MS = 5 * 60_000
#: Time after the latest activity that counts as in use; longer than any report is late.
_PAUSE_MS = 5 * 60_000


@dataclass(frozen=True)
class Sample:
    """What is measured from outside a session; None where it cannot be.

    ``cpu_ns`` is the processor time used since the start, ``utilisation`` a share of one.
    """

    cpu_ns: int | None = None
    gpu_memory_mib: int | None = None
    gpu_processes: int | None = None
    gpu_utilisation: float | None = None


@dataclass(frozen=True)
class Activity:
    """What is known of one session: last activity, last report, last sample, last warning.

    ``kernels_busy`` and ``seen_ms`` (when a person's browser last used the server) are what
    the server reported at ``reported_ms``.
    """

    session: str
    active_ms: int
    reported_ms: int | None = None
    kernels_busy: int | None = None
    seen_ms: int | None = None
    sampled_ms: int | None = None
    sample: Sample = Sample()
    warned_ms: int | None = None


@dataclass(frozen=True)
class Idle:
    """Since when nothing ran (None: something does, or it is not known), and what follows."""

    since_ms: int | None
    stops_at_ms: int | None
    warning: bool
    stop: bool


def idle_within(activity: Activity, start_ms: int, end_ms: int) -> int:
    """Milliseconds of an interval in which nothing ran, as far as it is known.

    A pause is no idleness: the first minutes after the latest activity do not count. Nor
    does what nobody saw, as while the service stood still: the processor and the kernels
    must both be known.
    """
    sampled_ms, reported_ms = activity.sampled_ms, activity.reported_ms
    if sampled_ms is None or activity.sample.cpu_ns is None or reported_ms is None:
        return 0
    if activity.kernels_busy:
        return 0
    idle_from = max(start_ms, activity.active_ms + _PAUSE_MS)
    seen_to = min(sampled_ms, reported_ms) + _REPORT_LASTS_MS
    return max(0, min(end_ms, seen_to) - idle_from)


def reported(activity: Activity, kernels_busy: int, seen_ms: int | None, now_ms: int) -> Activity:
    """The activity after a report of the server's."""
    active = now_ms if kernels_busy else activity.active_ms
    return _after(
        replace(activity, reported_ms=now_ms, kernels_busy=kernels_busy, seen_ms=seen_ms), active
    )


def sampled(activity: Activity, sample: Sample, now_ms: int) -> Activity:
    """The activity after a measurement from outside."""
    works = _works(activity, sample, now_ms)
    return _after(
        replace(activity, sampled_ms=now_ms, sample=sample),
        now_ms if works else activity.active_ms,
    )


def still_working(activity: Activity, now_ms: int) -> Activity:
    """The activity after the person said so."""
    return _after(activity, now_ms)


def warned(activity: Activity, now_ms: int) -> Activity:
    """The activity after the person has been shown a warning."""
    return replace(activity, warned_ms=now_ms)


def idle(activity: Activity, idle_seconds: int, warning_seconds: int, now_ms: int) -> Idle:
    """What the idle rule says now. ``idle_seconds`` of 0 is no rule.

    Nothing is stopped that was not warned ``warning_seconds`` before, and nothing of whose
    kernels nobody knows.
    """
    heard = activity.reported_ms is not None and now_ms - activity.reported_ms <= _REPORT_LASTS_MS
    if not idle_seconds or not heard or activity.kernels_busy:
        return Idle(None, None, warning=False, stop=False)
    warns_at = activity.active_ms + max(0, idle_seconds - warning_seconds) * 1000
    stops_at = activity.active_ms + idle_seconds * 1000
    if activity.warned_ms is not None:
        stops_at = max(stops_at, activity.warned_ms + warning_seconds * 1000)
    elif now_ms >= warns_at:
        stops_at = max(stops_at, now_ms + warning_seconds * 1000)
    warned = activity.warned_ms is not None
    return Idle(
        activity.active_ms, stops_at, warning=now_ms >= warns_at, stop=warned and now_ms >= stops_at
    )


def _after(activity: Activity, active_ms: int) -> Activity:
    if active_ms <= activity.active_ms:
        return activity
    return replace(activity, active_ms=active_ms, warned_ms=None)


def _works(activity: Activity, sample: Sample, now_ms: int) -> bool:
    before = activity.sample
    if sample.gpu_utilisation:
        return True
    if activity.sampled_ms is None:
        return False  # nothing to compare with yet
    if sample.cpu_ns is not None and before.cpu_ns is not None:
        elapsed_ns = (now_ms - activity.sampled_ms) * 1_000_000
        if sample.cpu_ns - before.cpu_ns > _BUSY_CORES * elapsed_ns:
            return True
    if sample.gpu_processes != before.gpu_processes:
        return True
    if sample.gpu_memory_mib is None or before.gpu_memory_mib is None:
        return False
    return abs(sample.gpu_memory_mib - before.gpu_memory_mib) >= _MEMORY_STEP_MIB
