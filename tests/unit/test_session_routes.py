"""What a session's server and its person may say to the hub service, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.metering import to_ms
from support.hub_service import serving
from support.small_install import SmallInstall, install

SESSION = "/services/labwerk/api/v1/session"
SLICE = Slice("fixed", "1g.10gb", 0, 1)


@pytest.fixture
def site(tmp_path: Path) -> SmallInstall:
    return install(tmp_path)


@pytest.fixture
def service(site: SmallInstall, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    person = site.hold(SLICE).person
    scopes = ["access:services!service=labwerk"]
    tokens = {
        "server": {"kind": "user", "name": person, "scopes": scopes},
        "stranger": {"kind": "user", "name": "thr--nobody", "scopes": scopes},
        "other": {"kind": "user", "name": person, "scopes": ["self"]},
    }
    with serving(site, tokens, monkeypatch) as client:
        yield client


def _says(service: TestClient, token: str, **said: object) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return service.put(f"{SESSION}/activity", headers=headers, json=said).status_code


def test_a_report_is_kept_and_cannot_be_of_tomorrow(
    service: TestClient, site: SmallInstall
) -> None:
    now = site.workbench.clock()
    seen = (now + timedelta(days=1)).isoformat()
    assert _says(service, "server", kernels_busy=2, last_seen=seen) == 204
    with site.workbench.database.reading() as tx:
        (lease,) = tx.leases.unended()
        known = tx.activities.get(lease.session)
    assert known is not None
    assert known.kernels_busy == 2
    assert known.seen_ms is not None
    assert known.seen_ms <= to_ms(site.workbench.clock())


def test_a_report_of_somebody_without_a_session_is_taken_and_forgotten(
    service: TestClient, site: SmallInstall
) -> None:
    assert _says(service, "stranger", kernels_busy=1) == 204
    with site.workbench.database.reading() as tx:
        assert [tx.activities.get(lease.session) for lease in tx.leases.unended()] == [None]


@pytest.mark.parametrize(("token", "status"), [("forged", 401), ("other", 401)])
def test_a_token_that_may_not_ask_says_nothing(
    service: TestClient, token: str, status: int
) -> None:
    assert _says(service, token, kernels_busy=1) == status


@pytest.mark.parametrize("said", [{}, {"kernels_busy": -1}, {"kernels_busy": 10**9}])
def test_a_report_that_cannot_be_true_is_refused(
    service: TestClient, said: dict[str, object]
) -> None:
    assert _says(service, "server", **said) == 422
