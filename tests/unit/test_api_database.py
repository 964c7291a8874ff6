"""What a program asks never reaches the database too large, nor do addresses a program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.budget_install import Api, BudgetInstall, api, budget_install
from support.tampering import Tamperer


@pytest.fixture
def town(tmp_path: Path) -> BudgetInstall:
    return budget_install(tmp_path)


@pytest.fixture
def service(town: BudgetInstall, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with api(town, monkeypatch) as found:
        yield found


def test_a_number_that_no_event_can_have_is_refused(service: Api) -> None:
    assert service.get("anna", f"/events?before={2**63 - 1}")["next_before"] is None
    status, code, message = service.refused("anna", "GET", f"/events?before={10**30}")
    assert (status, code) == (422, "request")
    assert message.startswith("before: ")


def test_where_the_database_lies_is_told_to_the_log_and_to_nobody_who_asks(
    service: Api, town: BudgetInstall, caplog: pytest.LogCaptureFixture
) -> None:
    file = town.site.settings.machine.state / "labwerk.sqlite"
    Tamperer(file).does("DROP TABLE usage_sums")
    status, code, message = service.refused("anna", "GET", "/use")
    assert (status, code) == (503, "database")
    assert message.startswith("The database cannot be used just now")
    assert file.name not in message
    (logged,) = [each for each in caplog.records if each.name == "labwerk_hub.api.refusals"]
    assert str(file) in logged.getMessage()


def test_where_the_hub_is_is_told_to_the_log_and_to_nobody_who_asks(
    service: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = "http://127.0.0.1:9/hub/api"
    app = service.client.app
    monkeypatch.setattr(app.state.hub_auth, "api_url", away)  # type: ignore[attr-defined]
    assert service.refused("anna", "GET", "/use") == (
        503,
        "hub-unreachable",
        "The hub does not say whose token this is; it may be restarting, please try again.",
    )
    (logged,) = [each for each in caplog.records if each.name == "labwerk_hub.api.auth"]
    assert away in logged.getMessage()
