"""The server extension: what the panel asks the hub service, and what it is told of kernels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_lab import service as asking
from labwerk_lab.service import Answer, Upstream, ask_for_more, change_session, fetch_overview
from support.environment import REPOSITORY
from support.notebook_server import OPERATORS_TOKEN, NotebookServer, free_port, notebook_server
from support.overview_service import TOKEN, OverviewService, overview_service
from support.scripts import output_of

OVERVIEW: dict[str, object] = {"session": None, "datasets": [], "served_at": "2026-11-21T22:00:00Z"}


@pytest.fixture
def service() -> Iterator[OverviewService]:
    with overview_service(OVERVIEW) as service:
        yield service


def upstream(service: OverviewService) -> Upstream:
    return Upstream(service.address, TOKEN)


def sentence(answer: Answer) -> str:
    return str(answer.body["message"])


async def test_the_services_overview_is_passed_on(service: OverviewService) -> None:
    assert await fetch_overview(upstream(service), "de") == Answer(200, OVERVIEW)


async def test_the_service_is_asked_with_the_sessions_token_in_the_panels_language(
    service: OverviewService,
) -> None:
    await fetch_overview(upstream(service), "it")
    path = "/services/labwerk/api/v1/overview?lang=it"
    assert service.asked == [(path, f"Bearer {TOKEN}")]


async def test_a_change_is_posted_and_answered_with_the_overview_after_it(
    service: OverviewService,
) -> None:
    assert await change_session("extend", upstream(service), "fr") == Answer(200, OVERVIEW)
    assert service.changed == ["/services/labwerk/api/v1/session/extend?lang=fr"]
    assert service.asked[-1][1] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 503])
async def test_a_refusal_keeps_its_status_code_and_sentence_and_nothing_else(
    service: OverviewService, status: int
) -> None:
    service.status = status
    service.body = {"code": "no", "message": "Nein.", "trace": "secret"}
    answer = await fetch_overview(upstream(service), "de")
    assert answer == Answer(status, {"code": "no", "message": "Nein."})


@pytest.mark.parametrize(
    ("status", "body"), [(500, b'{"detail": "boom"}'), (200, b"[1, 2]"), (403, b"<html>")]
)
async def test_an_answer_not_as_agreed_becomes_a_sentence_of_ours(
    service: OverviewService, status: int, body: bytes
) -> None:
    service.status, service.body = status, body
    answer = await fetch_overview(upstream(service), "de")
    assert (answer.status, answer.body["code"]) == (502, "service-failed")
    assert sentence(answer).startswith("Der Dienst der Werkbank hat etwas geantwortet")


async def test_a_redirect_does_not_carry_the_token_on(service: OverviewService) -> None:
    service.status = 302
    answer = await fetch_overview(upstream(service), "en")
    assert answer.body["code"] == "service-failed"
    assert len(service.asked) == 1


async def test_a_service_that_is_down_is_said_to_be() -> None:
    nobody = Upstream(f"http://127.0.0.1:{free_port()}", "token")
    answer = await fetch_overview(nobody, "fr")
    assert (answer.status, answer.body["code"]) == (503, "service-unreachable")
    assert sentence(answer).startswith("Le service de l'atelier est injoignable.")


async def test_a_service_that_hangs_is_given_up(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.delay = 1.5
    monkeypatch.setattr(asking, "REQUEST_TIMEOUT", 0.3)
    answer = await fetch_overview(upstream(service), "it")
    assert (answer.status, answer.body["code"]) == (503, "service-timeout")


def test_outside_labwerk_there_is_no_service_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWERK_SERVICE_URL", "http://127.0.0.1:1/services/labwerk/")
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN", raising=False)
    assert Upstream.from_environment() is None
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "token")
    assert Upstream.from_environment() == Upstream("http://127.0.0.1:1/services/labwerk", "token")


async def test_a_request_is_passed_on_as_it_stands(service: OverviewService) -> None:
    service.status, service.body = 201, {"id": "br-1"}
    answer = await ask_for_more("project/rotor", "für Läufe", upstream(service), "it")
    assert answer == Answer(201, {"id": "br-1"})
    assert service.changed == ["/services/labwerk/api/v1/budget-requests?lang=it"]
    assert service.said == [{"budget": "project/rotor", "words": "für Läufe"}]


@pytest.fixture
def server(tmp_path: Path, service: OverviewService) -> Iterator[NotebookServer]:
    with notebook_server(tmp_path, service) as server:
        yield server


def test_a_notebook_server_answers_the_panel_below_its_own_address(
    server: NotebookServer, service: OverviewService
) -> None:
    assert server.get("labwerk/api/overview?lang=de-DE") == (200, OVERVIEW)
    assert service.asked[-1][0].endswith("?lang=de")

    server.get("labwerk/api/overview?lang=../../secrets")
    assert service.asked[-1][0].endswith("?lang=en")

    asked = len(service.asked)
    assert server.get("labwerk/api/overview", token="wrong")[0] == 403
    assert server.ask("POST", "labwerk/api/session/extend", token="wrong")[0] == 403
    assert len(service.asked) == asked, "a stranger's request must not use the session's token"


def test_a_notebook_server_passes_on_the_two_changes_and_no_other(
    server: NotebookServer, service: OverviewService
) -> None:
    for change in ("extend", "still-working"):
        assert server.ask("POST", f"labwerk/api/session/{change}?lang=it") == (200, OVERVIEW)
        assert service.changed[-1] == f"/services/labwerk/api/v1/session/{change}?lang=it"

    service.status, service.body = 409, {"code": "somebody-waits", "message": "Somebody waits."}
    refusal = (409, {"code": "somebody-waits", "message": "Somebody waits."})
    assert server.ask("POST", "labwerk/api/session/extend") == refusal

    for path in ("labwerk/api/session/activity", "labwerk/api/session/extend/../stop"):
        assert server.ask("POST", path)[0] == 404
    assert server.get("labwerk/api/session/extend")[0] == 405
    assert len(service.changed) == 3


def test_a_notebook_server_passes_on_who_is_to_pay_and_what_is_asked_for(
    server: NotebookServer, service: OverviewService
) -> None:
    payer = {"budget": "project/rotor"}
    assert server.ask("POST", "labwerk/api/session/payer?lang=de", payer) == (200, OVERVIEW)
    more = payer | {"words": "Mehr", "ticks": 1 << 60}
    assert server.ask("POST", "labwerk/api/budget-requests?lang=fr", more) == (200, OVERVIEW)
    assert service.changed == [
        "/services/labwerk/api/v1/session/payer?lang=de",
        "/services/labwerk/api/v1/budget-requests?lang=fr",
    ]
    assert service.said == [payer, payer | {"words": "Mehr"}]
    assert service.asked[-1][1] == f"Bearer {TOKEN}"

    service.status, service.body = 409, {"code": "budget-used-up", "message": "Zu wenig."}
    refusal = (409, service.body)
    assert server.ask("POST", "labwerk/api/session/payer?lang=de", payer) == refusal


@pytest.mark.parametrize("path", ["labwerk/api/session/payer", "labwerk/api/budget-requests"])
def test_a_notebook_server_passes_on_nothing_that_is_not_as_agreed_or_from_a_stranger(
    server: NotebookServer, service: OverviewService, path: str
) -> None:
    for body in (["project/rotor"], {"budget": 1}, "rotor"):
        assert server.ask("POST", path, body)[0] == 400
    assert server.ask("POST", path, {"budget": "project/rotor"}, token="wrong")[0] == 403
    assert server.get(path)[0] == 405
    assert service.asked == []


def test_an_operator_in_somebodys_server_looks_and_changes_nothing_in_their_name(
    server: NotebookServer, service: OverviewService
) -> None:
    path = "labwerk/api/overview?lang=de"
    assert server.get(path, token=OPERATORS_TOKEN) == (200, OVERVIEW | {"visited": True})
    asked = {"budget": "project/rotor", "words": "Mehr"}
    for change in ("session/extend", "session/still-working", "session/payer", "budget-requests"):
        status, refusal = server.ask(
            "POST", f"labwerk/api/{change}?lang=de", asked, token=OPERATORS_TOKEN
        )
        assert (status, refusal["code"]) == (403, "not-your-server")
        assert refusal["message"].startswith("Dies ist der Server einer anderen Person")
    assert service.changed == []

    service.status, service.body = 503, {"code": "no", "message": "Nein."}
    assert server.get(path, token=OPERATORS_TOKEN) == (503, service.body)


@pytest.mark.parametrize("owner", ["", "anna-m"])
def test_nobody_changes_anything_on_a_server_whose_owner_they_are_not_known_to_be(
    tmp_path: Path, service: OverviewService, owner: str
) -> None:
    with notebook_server(tmp_path, service, JUPYTERHUB_USER=owner) as server:
        assert server.ask("POST", "labwerk/api/session/extend")[0] == 403
    assert service.changed == []


def test_loading_the_extension_imports_nothing_that_a_server_has_not() -> None:
    code = (
        "import sys; import jupyter_server.serverapp; before = set(sys.modules);"
        "import labwerk_lab.activity, labwerk_lab.routes; print(sorted(set(sys.modules) - before))"
    )
    said = output_of(code, REPOSITORY / "extensions" / "lab")
    ours = ["activity", "routes", "service", "texts"]
    assert said == str(["labwerk_lab", *(f"labwerk_lab.{name}" for name in ours)])
