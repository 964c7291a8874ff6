"""Every error of the service by REST has a code and a sentence, whoever raised it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi.testclient import TestClient
from support.budget_install import API, Api, api, budget_install

NETZ = "/budgets/project/netz"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    site = budget_install(tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch, api(site, patch) as found:
        yield found


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("GET", "/events?limit=0", None, "limit: Input should be greater than or equal to 1."),
        ("PATCH", NETZ, {}, "gpu_hours: Field required."),
        ("PATCH", NETZ, None, "body: Field required."),
        ("PATCH", NETZ, {"gpu_hours": 1, "x": 2}, "x: Extra inputs are not permitted."),
        (
            "GET",
            "/budgets/office/netz?lang=xx",
            None,
            (
                "lang: Input should be 'en', 'de', 'it' or 'fr'; "
                "kind: Input should be 'institution', 'project' or 'course'."
            ),
        ),
    ],
)
def test_a_request_is_refused_with_where_it_is_wrong(
    service: Api, method: str, path: str, body: object, message: str
) -> None:
    assert service.refused("olga", method, path, body) == (422, "request", message)


def test_of_many_faults_a_few_are_told_and_long_names_are_cut(service: Api) -> None:
    body = {"gpu_hours": 1} | {f"{number}{'x' * 400}": 1 for number in range(20)}
    assert len(service.refused("olga", "PATCH", NETZ, body)[2]) < 400


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "„words“ darf höchstens 1.000 Zeichen haben."),
        ("?lang=en", "“words” may have at most 1,000 characters."),
    ],
)
def test_who_writes_too_much_is_told_in_their_language(
    service: Api, query: str, message: str
) -> None:
    wish = {"budget": "project/netz", "words": "x" * 1001}
    refused = service.refused("anna", "POST", f"/budget-requests{query}", wish)
    assert refused == (422, "request", message)


def test_a_refusal_is_told_in_the_readers_language(service: Api) -> None:
    status, code, message = service.refused("anna", "POST", "/session/extend?lang=de")
    assert (status, code) == (409, "refused")
    assert "Sitzung" in message


@pytest.mark.parametrize("month", ["2026-13", "November", "November 2026"])
def test_a_month_that_is_none_is_refused_alike_however_it_is_written(
    service: Api, month: str
) -> None:
    status, code, said = service.refused("lea", "GET", f"/use?month={month}")
    assert (status, code, said) == (
        404, "unknown-month", f"“{month}” is no month; write it like 2026-11.",
    )  # fmt: skip
    *_, said = service.refused("anna", "GET", f"/use?month={month}")
    assert said == f"„{month}“ ist kein Monat; bitte schreiben Sie ihn wie 2026-11."
    status, code, said = service.refused("mira", "GET", f"/statements/thr/{month}")
    assert (status, code, said) == (
        404, "statement", f"'{month}' is no month; write it like 2026-11.",
    )  # fmt: skip


def test_what_is_sent_and_is_no_json_is_refused(service: Api) -> None:
    headers = {"Authorization": "Bearer olga", "Content-Type": "application/json"}
    answer = service.client.patch(API + NETZ, headers=headers, content=b"{")
    assert (answer.status_code, answer.json()["code"]) == (422, "request")


def test_a_token_is_taken_as_jupyterhubs_own_interface_takes_it(service: Api) -> None:
    for scheme, status in (("Bearer", 200), ("token", 200), ("Basic", 401)):
        headers = {"Authorization": f"{scheme} anna"}
        assert service.client.get(f"{API}/use", headers=headers).status_code == status, scheme


def test_an_address_at_which_there_is_nothing_says_where_the_routes_are(service: Api) -> None:
    document = "/services/labwerk/api/openapi.json"
    nothing = f"There is nothing at {API}/nix; {document} says what there is."
    assert service.refused("anna", "GET", "/nix") == (404, "request", nothing)
    answer = service.ask("anna", "DELETE", "/use")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert answer.json() == {
        "code": "request",
        "message": f"{API}/use does not take DELETE; {document} says what it takes.",
    }


@pytest.mark.parametrize("who", [{}, {"Authorization": "Bearer olga"}])
@pytest.mark.parametrize("path", [NETZ, "/nix"])
def test_a_body_that_is_too_large_is_refused_whether_or_not_its_size_is_told(
    service: Api, who: dict[str, str], path: str
) -> None:
    def ask(content: bytes | Iterator[bytes]) -> httpx.Response:
        found: httpx.Response = service.client.patch(API + path, headers=who, content=content)
        return found

    answers = [ask(b"x" * 1_000_000)]
    if path == NETZ:  # where there is nothing, what comes without its size is not read at all
        answers.append(ask(b"x" * 1_000 for _ in range(1_000)))
    for answer in answers:
        assert answer.status_code == 413
        assert answer.json() == {
            "code": "request",
            "message": "The body of a request may have at most 16384 bytes.",
        }


def test_what_is_refused_as_too_large_is_not_done(service: Api) -> None:
    made = service.ask("anna", "POST", "/budget-requests", {"budget": "project/netz"}).json()
    path = f"{API}/budget-requests/{made['id']}/withdraw"
    headers = {"Authorization": "Bearer anna"}
    answer = service.client.post(path, headers=headers, content=b"x" * 20_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "request")
    (kept,) = service.get("anna", "/budget-requests?whose=own")["requests"]
    assert (kept["id"], kept["state"]) == (made["id"], "open")


def test_a_fault_of_the_service_is_a_problem_that_tells_the_log_alone_what_it_was(
    service: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = service.client.app
    monkeypatch.setattr(app.state, "metering", "broken")  # type: ignore[attr-defined]
    answer = TestClient(app, raise_server_exceptions=False).get("/services/labwerk/api/health")
    assert (answer.status_code, answer.json()) == (
        500,
        {
            "code": "unforeseen",
            "message": (
                "The service has a fault and cannot answer this; its log says more. "
                "Please try again, or tell an operator."
            ),
        },
    )
    assert "GET /services/labwerk/api/health cannot be answered: AttributeError" in caplog.text


def test_a_client_is_told_how_to_ask_for_what_it_may_not(service: Api) -> None:
    assert service.client.get(f"{API}/use").headers["WWW-Authenticate"] == "Bearer"
    assert service.ask("forged", "GET", "/use").headers["WWW-Authenticate"] == "Bearer"
    lacking = service.ask("plain", "GET", "/use").headers["WWW-Authenticate"]
    assert lacking == 'Bearer error="insufficient_scope"'
    assert "WWW-Authenticate" not in service.ask("anna", "GET", NETZ).headers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_share_of_somebody_unknown_is_not_found_whatever_is_done_to_it(
    service: Api, method: str
) -> None:
    path = f"{NETZ}/shares/thr--nobody"
    body = {"gpu_hours": 3} if method == "PUT" else None
    assert service.refused("lea", method, path, body) == (
        404,
        "unknown-person",
        "Nobody called 'thr--nobody' may use project/netz.",
    )


def test_asking_for_more_does_not_tell_which_budgets_there_are(service: Api) -> None:
    for budget in ("project/nix", "project/netz"):
        for whole in (False, True):
            wish = {"budget": budget, "whole": whole}
            status, code, message = service.refused("olga", "POST", "/budget-requests", wish)
            assert (status, code) == (409, "budget-request")
            assert message == f"Nothing of yours is paid from “{budget}”."
