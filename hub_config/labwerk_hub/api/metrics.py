"""``GET /services/labwerk/metrics``: the pool's figures for Prometheus.

Authenticated as JupyterHub's own metrics are, by a token with the scope ``read:metrics``.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

from labwerk_hub.api.auth import metrics_reader
from labwerk_hub.api.problems import problems
from labwerk_hub.services.metrics import Figures, State, figures
from labwerk_hub.services.workbench import Workbench


def router(prefix: str) -> APIRouter:
    """The one address, below ``prefix``."""
    found = APIRouter(prefix=prefix, tags=["service"], dependencies=[Depends(metrics_reader)])

    @found.get("/metrics", responses=problems(401, 403, 503), response_class=Response)
    async def metrics(request: Request) -> Response:
        """The pool's figures in Prometheus' text format."""
        text = await run_in_threadpool(exposition, request.app.state.workbench)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return found


def exposition(workbench: Workbench) -> bytes:
    """All metrics as of now. Raises GpuDriverError or DatabaseError if they cannot be read."""
    registry = CollectorRegistry()
    registry.register(_Pool(figures(workbench)))
    return generate_latest(registry)


class _Pool(Collector):
    """One reading as Prometheus' metrics."""

    def __init__(self, read: Figures) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Every metric there is."""
        yield from self._pool()
        yield from self._people()
        yield from self._disk()

    def _pool(self) -> Iterator[Metric]:
        read = self._read
        slices = GaugeMetricFamily(
            "labwerk_slices",
            "Slices of a flavour: free (could be handed out now; several flavours may count the "
            "same units), held by sessions, claimed by running reservations and not taken yet, "
            "or on a GPU with a fault.",
            labels=["flavour", "state"],
        )
        for (flavour, state), count in read.slices.items():
            slices.add_metric([flavour, state.value], count)
        yield slices
        gpus = GaugeMetricFamily("labwerk_gpus", "GPUs of the pool.", labels=["model", "state"])
        for (model, is_well), count in read.gpus.items():
            gpus.add_metric([model, "well" if is_well else State.FAULTY.value], count)
        yield gpus
        units = GaugeMetricFamily(
            "labwerk_units",
            "Memory units of the pool's GPUs (shares of a GPU that is shared in time): free, held "
            "by a session or an instance that is not Labwerk's, claimed by a running reservation, "
            "on a GPU with a fault, or uncut (in no slice of a fixed layout).",
            labels=["model", "state"],
        )
        for (model, state), count in read.units.items():
            units.add_metric([model, state.value], count)
        yield units
        fragmentation = GaugeMetricFamily(
            "labwerk_fragmentation_ratio",
            "Of the free units that places of this flavour cover, the share in which no slice of "
            "it fits any more, because of what stands beside them. 0: nothing is lost.",
            labels=["flavour"],
        )
        for flavour, share in read.fragmentation.items():
            fragmentation.add_metric([flavour], share)
        yield fragmentation

    def _people(self) -> Iterator[Metric]:
        read = self._read
        sessions = GaugeMetricFamily(
            "labwerk_sessions", "Sessions that run or are being started.", labels=["flavour"]
        )
        for flavour, count in read.sessions.items():
            sessions.add_metric([flavour], count)
        yield sessions
        waiting = GaugeMetricFamily(
            "labwerk_tickets_waiting", "People in the waiting list.", labels=["flavour"]
        )
        for flavour, count in read.waiting.items():
            waiting.add_metric([flavour], count)
        yield waiting
        yield GaugeMetricFamily(
            "labwerk_oldest_wait_seconds",
            "How long the person has waited who has waited longest; 0 if nobody waits.",
            value=read.oldest_wait_ms / 1000,
        )
        waits = SummaryMetricFamily(
            "labwerk_wait_seconds",
            "How long people waited in the list until a slice was there for them.",
            labels=["flavour"],
        )
        for flavour, wait in read.waits.items():
            waits.add_metric([flavour], wait.count, wait.total_ms / 1000)
        yield waits
        starts = CounterMetricFamily(
            "labwerk_starts",
            "Starts that were asked for: granted, sent to the waiting list (waiting), or refused, "
            "by reason.",
            labels=["outcome"],
        )
        for outcome, count in read.outcomes.items():
            starts.add_metric([outcome], count)
        yield starts

    def _disk(self) -> Iterator[Metric]:
        folders = GaugeMetricFamily(
            "labwerk_folders",
            "Homes and projects as last measured: with room, near their quota, or over (full where "
            "the file system refuses more).",
            labels=["kind", "state"],
        )
        for (kind, state), count in self._read.folders.items():
            folders.add_metric([kind.value, state.value], count)
        yield folders
        held = GaugeMetricFamily(
            "labwerk_folder_bytes",
            "What homes and projects hold together, by who sees to their quotas.",
            labels=["kind", "quota"],
        )
        for (kind, how), count in self._read.folder_bytes.items():
            held.add_metric([kind.value, how.value], count)
        yield held
