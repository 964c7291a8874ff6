"""What a notebook server tells the hub service about itself, and what it does not count."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from labwerk_lab.activity import kernels_busy, last_seen, period_seconds
from support.notebook_server import NotebookServer, execute, notebook_server
from support.overview_service import OverviewService, overview, overview_service
from support.waiting import eventually

PERIOD = 0.2
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Kernels:
    """Kernels as Jupyter Server describes them; ``nameless`` ones it cannot describe."""

    def __init__(self, *states: str, nameless: int = 0, connections: int = 0) -> None:
        self._models = [
            {"execution_state": state, "last_activity": at(5), "connections": connections}
            for state in states
        ]
        self._nameless = nameless

    def list_kernel_ids(self) -> list[str]:
        return [str(number) for number in range(len(self._models) + self._nameless)]

    def list_kernels(self) -> list[dict[str, Any]]:
        return self._models


def at(minutes: int) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


@pytest.fixture
def service() -> Iterator[OverviewService]:
    with overview_service(overview([])) as service:
        yield service


@pytest.fixture
def server(tmp_path: Path, service: OverviewService) -> Iterator[NotebookServer]:
    with notebook_server(tmp_path, service, LABWERK_ACTIVITY_SECONDS=str(PERIOD)) as server:
        yield server


def next_report(service: OverviewService) -> dict[str, Any]:
    """The first report that was begun after now."""
    count = len(service.reports)
    # One may be on its way: the one after it is certainly of now.
    eventually(lambda: len(service.reports) > count + 1, 20, "another report")
    return service.reports[-1]


def seen(service: OverviewService) -> datetime | None:
    told = next_report(service)["last_seen"]
    return datetime.fromisoformat(told) if told else None


@pytest.mark.parametrize("state", ["busy", "starting", "restarting", "unknown", "???"])
def test_a_kernel_not_known_to_rest_is_busy(state: str) -> None:
    assert kernels_busy(Kernels("idle", state)) == 1


def test_a_kernel_that_rests_or_died_is_not_busy_and_one_that_cannot_be_described_is() -> None:
    assert kernels_busy(Kernels()) == 0
    assert kernels_busy(Kernels("idle", "dead")) == 0
    assert kernels_busy(Kernels("idle", nameless=2)) == 2


def test_kernels_and_terminals_count_once_somebody_has_been_there() -> None:
    terminal = {"terminal_last_activity": NOON + timedelta(minutes=3)}
    assert last_seen(terminal, Kernels("idle", connections=1)) is None
    here = terminal | {"api_last_activity": NOON}
    assert last_seen(here, Kernels("idle", connections=1)) == NOON + timedelta(minutes=5)
    assert last_seen(here, Kernels("busy", connections=0)) == NOON + timedelta(minutes=3)
    assert last_seen({"api_last_activity": NOON}, Kernels()) == NOON


def test_a_server_that_nobody_used_has_not_been_seen(
    server: NotebookServer, service: OverviewService
) -> None:
    for path in ("api", "api/kernels"):
        server.get(path, token="")  # the hub's readiness poll, and strangers
    server.get("api/status")
    server.get("labwerk/api/overview")
    server.ask("POST", "labwerk/api/session/still-working")
    assert next_report(service) == {"kernels_busy": 0, "last_seen": None}


def test_a_browsers_request_is_seen_and_the_panels_own_is_not(
    server: NotebookServer, service: OverviewService
) -> None:
    asked = datetime.now(UTC)
    server.get("api/contents")
    first = seen(service)
    assert first is not None
    assert asked <= first <= datetime.now(UTC)

    server.get("labwerk/api/overview")
    assert seen(service) == first
    server.get("api/contents")
    later = seen(service)
    assert later is not None
    assert later > first


def test_a_kernel_is_busy_while_it_computes_and_its_browser_is_seen(
    server: NotebookServer, service: OverviewService, tmp_path: Path
) -> None:
    status, kernel = server.ask("POST", "api/kernels", {"name": "python3"})
    assert status == 201
    channels = server.connect(f"api/kernels/{kernel['id']}/channels")
    try:
        eventually(lambda: next_report(service)["kernels_busy"] == 0, 30, "a kernel at rest")
        before = seen(service)
        go = tmp_path / "go"
        wait = (
            f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(.05)"
        )
        execute(channels, wait)
        eventually(lambda: next_report(service)["kernels_busy"] == 1, 30, "a busy kernel")
        during = seen(service)
        assert before is not None
        assert during is not None
        assert during > before
        go.touch()
        eventually(lambda: next_report(service)["kernels_busy"] == 0, 30, "a kernel at rest again")
    finally:
        channels.close()


def test_what_is_typed_into_a_terminal_is_seen(
    server: NotebookServer, service: OverviewService
) -> None:
    status, terminal = server.ask("POST", "api/terminals", {})
    assert status == 200
    socket = server.connect(f"terminals/websocket/{terminal['name']}")
    try:
        # The shell's greeting is over before anything is typed.
        eventually(lambda: seen(service) == seen(service), 20, "a silent terminal")
        before = seen(service)
        assert before is not None
        socket.send(json.dumps(["stdin", "true\r"]))
        eventually(lambda: (seen(service) or before) > before, 30, "a terminal in use")
    finally:
        socket.close()


def test_a_service_that_does_not_take_reports_is_logged_once_and_asked_again(
    server: NotebookServer, service: OverviewService
) -> None:
    said = "the activity report is not taken"
    service.report_status = 503
    for _ in range(3):
        next_report(service)
    assert server.log.read_text().count(said) == 1
    assert "HTTP 503" in server.log.read_text()

    service.report_status = 204
    for _ in range(2):
        next_report(service)
    assert server.log.read_text().count("is taken again") == 1
    assert server.get("api/status")[0] == 200
    assert "Traceback" not in server.log.read_text()


def test_a_server_that_is_not_asked_to_report_does_not(
    tmp_path: Path, service: OverviewService
) -> None:
    with notebook_server(tmp_path, service) as server:
        assert server.get("labwerk/api/overview")[0] == 200
        time.sleep(3 * PERIOD)
    assert service.reports == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ("0.5", 0.5), ("0", None), ("-1", None), ("soon", None)]
)
def test_the_period_is_a_positive_number_or_there_are_no_reports(
    text: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABWERK_ACTIVITY_SECONDS", text)
    assert period_seconds() == seconds
    monkeypatch.delenv("LABWERK_ACTIVITY_SECONDS")
    assert period_seconds() is None
