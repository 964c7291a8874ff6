"""A hub service as small as what runs inside sessions needs: it answers, and listens.

The panel's server extension and the notebook client meet the real service only in
a session; here a real HTTP server says what the test wants it to say, well or badly.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

from support.environment import REPOSITORY

TOKEN = "token-of-the-session"
PREFIX = "/services/labwerk/api/v1"
REPORTS = f"{PREFIX}/session/activity"


@dataclass
class OverviewService:
    """What the service answers, and what it was asked: (path, authorization) pairs.

    ``body`` is the answer to everything but the paths in ``answers`` (such as ``use``), which
    have their own; the connection breaks off ``cut_off`` bytes before its end. ``changed`` are
    the paths that were posted to, ``said`` what was posted, ``reports`` the activity reports
    that came; they are answered with ``report_status``.
    """

    address: str
    body: Any
    status: int = 200
    delay: float = 0.0
    report_status: int = 204
    cut_off: int = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    said: list[Any] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)

    def environment(self, language: str = "en") -> dict[str, str]:
        """What a session's environment says about the service."""
        return {
            "LABWERK_SERVICE_URL": self.address,
            "JUPYTERHUB_API_TOKEN": TOKEN,
            "LABWERK_LANGUAGE": language,
        }


@contextmanager
def overview_service(body: Any) -> Iterator[OverviewService]:
    """Serve ``body`` (bytes as they are, all else as JSON) on a free port until the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.asked.append((self.path, self.headers["Authorization"]))
            time.sleep(service.delay)
            path = self.path.partition("?")[0].removeprefix(f"{PREFIX}/")
            body = service.answers.get(path, service.body)
            raw = body if isinstance(body, bytes) else _json(body)
            self.send_response(service.status)
            self.send_header("Location", "/services/labwerk/elsewhere")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw[: len(raw) - service.cut_off])

        def do_POST(self) -> None:
            service.changed.append(self.path)
            said = self.rfile.read(int(self.headers["Content-Length"] or 0))
            service.said.append(json.loads(said) if said else None)
            self.do_GET()

        def do_PUT(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if (self.path, self.headers["Authorization"]) == (REPORTS, f"Bearer {TOKEN}"):
                service.reports.append(json.loads(raw))
                self.send_response(service.report_status)
            else:
                self.send_response(404)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing: the test says what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = OverviewService(f"http://127.0.0.1:{server.server_port}/services/labwerk", body)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


def dataset(identity: str, title: str, path: Path, *files: str) -> dict[str, Any]:
    """A dataset as the service describes one."""
    institution, name = identity.split("/")
    return {
        "id": identity,
        "institution": {"name": institution, "title": "Institute"},
        "name": name,
        "title": title,
        "description": "What it is.",
        "version": "1.0",
        "nature": "measured",
        "publisher": "Somebody",
        "origin": "Somewhere",
        "licence": {"spdx": "MIT", "title": "MIT License"},
        "steward": "mira.conti@iwe.example",
        "path": str(path),
        "files": [
            {"name": file, "format": file.rpartition(".")[2], "bytes": 7390399} for file in files
        ],
    }


def balance(identity: str, title: str) -> dict[str, Any]:
    """What somebody has of a budget of 60 GPU-hours, 42.42 of which are left."""
    return {
        "id": identity,
        "kind": identity.partition("/")[0],
        "title": title,
        "institution": {"name": "thr", "title": "Rhine Technical University"},
        "period": "2026-11",
        "period_ends_at": "2026-11-30T23:00:00Z",
        "granted_ticks": 5184000,
        "used_ticks": 1432512,
        "held_ticks": 86400,
        "left_ticks": 3665088,
    }


def payer(
    identity: str, title: str, *, chosen: bool = False, over_use: bool = False
) -> dict[str, Any]:
    """Such a budget as one that may pay."""
    return {**balance(identity, title), "over_use": over_use, "chosen": chosen}


def overview(datasets: list[dict[str, Any]]) -> dict[str, Any]:
    """An overview with a simulated slice, a budget of 60 GPU-hours, and these datasets."""
    return {
        "person": {
            "name": "thr--anna-mueller",
            "display_name": "Anna Müller",
            "institution": {"name": "thr", "title": "Rhine Technical University"},
            "language": "de",
        },
        "session": {
            "id": "lw-0123456789ab",
            "flavour": {"name": "small", "title": "Small GPU slice"},
            "image": {"name": "base", "title": "Data and plots"},
            "slice": {
                "label": "1g.10gb · H100-80GB",
                "gpu": "sim-h100",
                "model": "H100-80GB",
                "profile": "1g.10gb",
                "units": 1,
                "units_total": 8,
                "memory_mib": 9984,
                "simulated": True,
                "use": None,
                "shared_by": 1,
            },
            "cpus": 1.0,
            "memory_gib": 3,
            "started_at": "2026-11-21T22:00:00Z",
            "ends_at": "2026-11-22T06:00:00Z",
            "longest_ends_at": "2026-11-22T10:00:00Z",
            "extension": {"until": "2026-11-22T10:00:00Z", "refusal": None},
            "idle": {"since": None, "stops_at": None, "warning": False},
            "problem": None,
            "waiting_behind": 0,
        },
        "budget": {
            **balance("institution/thr", "Rhine Technical University"),
            "budget_left_ticks": 86400000,
            "ticks_per_second": 3,
            "ticks_per_gpu_hour": 86400,
            "lasts_seconds": 1250496,
            "over_use": False,
            "warning": None,
            "grace_ends_at": None,
        },
        "payers": [payer("institution/thr", "Rhine Technical University", chosen=True)],
        "datasets": datasets,
        "storage": [],
        "last_end": None,
        "ticket": None,
        "served_at": "2026-11-21T22:10:00Z",
    }


@contextmanager
def notebooks_service(folder: Path) -> Iterator[OverviewService]:
    """What a notebook in this process finds, with datasets that are shipped or in ``folder``."""
    shipped = REPOSITORY / "hub_config" / "datasets"
    datasets = [
        dataset("iwe/windpark", "Wind farm", shipped, "windpark_scada_2014_2015.parquet"),
        dataset("thr/beton", "Concrete <strength>", shipped, "beton_druckfestigkeit.csv"),
        dataset("thr/two", "Two files", folder, "a.csv", "b.csv"),
        dataset("thr/mesh", "A mesh", folder, "mesh.vtu"),
    ]
    # A proxy for the web must not get the token: nothing answers there.
    proxy = {"http_proxy": "http://127.0.0.1:9"}
    with (
        overview_service(overview(datasets)) as service,
        mock.patch.dict(os.environ, service.environment() | proxy),
    ):
        yield service
