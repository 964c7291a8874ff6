"""Tell the hub service whether this server computes, so that a busy one is never stopped.

The service measures processor and GPU from outside; whether a kernel works, and whether
anybody's browser has been here, only this server knows.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from labwerk_lab.service import Upstream, report_activity

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from jupyter_server.serverapp import ServerApp

RESTING = frozenset({"idle", "dead"})
"""The states in which a kernel does nothing; any other, also an unknown one, counts as busy."""

JITTER = 0.1
"""The share by which reports are spread: a class starts its servers in the same minute."""


class Kernels(Protocol):
    """The part of Jupyter Server's kernel manager that is read."""

    def list_kernel_ids(self) -> list[str]:
        """The ids of all kernels, described or not."""

    def list_kernels(self) -> list[dict[str, Any]]:
        """Those that can be described: ``execution_state``, ``last_activity``, ``connections``."""


def kernels_busy(kernels: Kernels) -> int:
    """How many kernels are not known to rest."""
    resting = sum(1 for kernel in kernels.list_kernels() if kernel["execution_state"] in RESTING)
    # A kernel that has an id and cannot be described is unknown, so it counts as busy.
    return max(0, len(kernels.list_kernel_ids()) - resting)


def last_seen(settings: Mapping[str, Any], kernels: Kernels) -> datetime | None:
    """When a browser last used this server; None if none has yet.

    Counted are requests to the server's API by somebody who is signed in, messages of
    terminals, and messages of kernels that a browser is connected to. Not counted are what
    Jupyter Server does not track either (``/api``, which the hub polls for readiness, and
    ``/api/status``) and this extension's own routes. A JupyterLab that is visible asks for
    its kernels every few seconds: what this says is that a browser shows the server, not
    that anybody sits before it.
    """
    requested: datetime | None = settings.get("api_last_activity")
    if requested is None:
        # Kernels and terminals come from a browser's request: what runs without one is not seen.
        return None
    messages = [
        datetime.fromisoformat(kernel["last_activity"])
        for kernel in kernels.list_kernels()
        if kernel["connections"]
    ]
    typed: datetime = settings.get("terminal_last_activity", requested)
    return max(requested, typed, *messages)


def report(settings: Mapping[str, Any], kernels: Kernels) -> dict[str, object]:
    """What the service is told."""
    seen = last_seen(settings, kernels)
    return {
        "kernels_busy": kernels_busy(kernels),
        "last_seen": seen.astimezone(UTC).isoformat() if seen else None,
    }


class Reporter:
    """Reports to the service; a service that cannot be told is logged once until it can."""

    def __init__(
        self,
        upstream: Upstream,
        settings: Mapping[str, Any],
        kernels: Kernels,
        log: logging.Logger,
    ) -> None:
        self._upstream = upstream
        self._settings = settings
        self._kernels = kernels
        self._log = log
        self._failing = False

    async def run(self) -> None:
        """One report. Never raises: what goes wrong here is no reason to disturb the server."""
        try:
            told = report(self._settings, self._kernels)
            reason = await report_activity(self._upstream, told)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on
            # No report is the safe one: a server that is not heard of is not stopped as idle.
            reason = repr(error)
        if reason and not self._failing:
            self._log.warning("Labwerk: the activity report is not taken (%s); retrying", reason)
        elif self._failing and not reason:
            self._log.info("Labwerk: the activity report is taken again")
        self._failing = bool(reason)


def period_seconds() -> float | None:
    """Seconds between reports by ``LABWERK_ACTIVITY_SECONDS``; None: no reports are wanted."""
    try:
        seconds = float(os.environ.get("LABWERK_ACTIVITY_SECONDS", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


def start_reports(server_app: ServerApp) -> None:
    """Report from one period from now on, if this session's environment asks for it."""
    upstream, seconds = Upstream.from_environment(), period_seconds()
    if upstream is None or seconds is None:
        return
    from tornado.ioloop import PeriodicCallback

    reporter = Reporter(
        upstream, server_app.web_app.settings, server_app.kernel_manager, server_app.log
    )
    PeriodicCallback(reporter.run, seconds * 1000, jitter=JITTER).start()
