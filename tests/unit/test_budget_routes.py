"""Use, budgets, requests and statements by REST: who may ask for what, and what comes of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from labwerk_hub.domain.scopes import OF_SESSIONS, Scope
from support.budget_install import HOUR, Api, BudgetInstall, api, budget_install

NETZ = "/budgets/project/netz"
#: At the site; for months before the installation there are no statements.
THIS_MONTH = f"{datetime.now(ZoneInfo('Europe/Berlin')):%Y-%m}"


@pytest.fixture
def site(tmp_path: Path) -> BudgetInstall:
    return budget_install(tmp_path)


@pytest.fixture
def service(site: BudgetInstall, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with api(site, monkeypatch) as found:
        yield found


@pytest.fixture(scope="module")
def at_rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The same for requests of which it does not matter what others did before."""
    site = budget_install(tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch, api(site, patch) as found:
        yield found


# ------------------------------------------------------------------ who may ask

#: Every route that needs a scope, with a request that is otherwise right.
ROUTES: list[tuple[Scope, str, str, object]] = [
    (Scope.USE_READ, "GET", "/use", None),
    (Scope.USE_READ, "GET", "/use/people/thr--anna-mueller", None),
    (Scope.USE_READ, "GET", "/use/everybody", None),
    (Scope.EVENTS_READ, "GET", "/events", None),
    (Scope.BUDGETS_READ, "GET", "/budgets", None),
    (Scope.BUDGETS_READ, "GET", NETZ, None),
    (Scope.BUDGETS_READ, "GET", f"{NETZ}/shares/thr--anna-mueller", None),
    (Scope.BUDGETS_READ, "GET", "/budget-requests", None),
    (Scope.BUDGETS_WRITE, "PATCH", NETZ, {"gpu_hours": 50}),
    (Scope.BUDGETS_WRITE, "PUT", f"{NETZ}/shares/thr--anna-mueller", {"gpu_hours": 5}),
    (Scope.BUDGETS_WRITE, "DELETE", f"{NETZ}/shares/thr--anna-mueller", None),
    (Scope.BUDGETS_WRITE, "POST", "/budget-requests/br-0/grant", {"gpu_hours": 5}),
    (Scope.BUDGETS_WRITE, "POST", "/budget-requests/br-0/decline", {}),
    (Scope.SESSION_WRITE, "POST", "/budget-requests", {"budget": "project/netz"}),
    (Scope.SESSION_WRITE, "POST", "/budget-requests/br-0/withdraw", None),
    (Scope.SESSION_WRITE, "POST", "/session/extend", None),
    (Scope.SESSION_WRITE, "POST", "/session/still-working", None),
    (Scope.SESSION_WRITE, "POST", "/session/payer", {"budget": "project/netz"}),
    (Scope.STATEMENTS_READ, "GET", "/statements", None),
    (Scope.STATEMENTS_READ, "GET", f"/statements/thr/{THIS_MONTH}?format=csv", None),
]


@pytest.mark.parametrize(("scope", "method", "path", "body"), ROUTES)
def test_a_token_without_the_scope_is_told_which_one_it_lacks(
    at_rest: Api, scope: Scope, method: str, path: str, body: object
) -> None:
    assert at_rest.refused("plain", method, path, body) == (
        403,
        "missing-scope",
        f"This token lacks the scope {scope.value}.",
    )
    for other in set(Scope) - {scope}:
        assert at_rest.refused(other.value, method, path, body)[1] == "missing-scope"
    assert at_rest.refused("forged", method, path, body)[:2] == (401, "unauthorized")


@pytest.mark.parametrize(("scope", "method", "path", "body"), ROUTES)
def test_a_token_with_the_scope_alone_is_enough(
    at_rest: Api, scope: Scope, method: str, path: str, body: object
) -> None:
    answer = at_rest.ask(scope.value, method, path, body)
    assert answer.status_code in {200, 201} or answer.json()["code"] in {
        "unknown-request",  # there is no br-0
        "budget-request",  # nothing of the operator's is paid from the project
        "refused",  # nor does a session of hers run
        "engine-unreachable",
        "unknown-month",
    }


def test_a_sessions_own_token_decides_nothing() -> None:
    assert Scope.BUDGETS_WRITE not in OF_SESSIONS
    assert Scope.STATEMENTS_READ not in OF_SESSIONS


def test_who_never_signed_in_is_told_so(service: Api) -> None:
    assert service.refused("stranger", "GET", "/use")[:2] == (404, "unknown-person")


# ------------------------------------------------------------------ use


def test_a_person_reads_their_use_as_json_and_csv(service: Api, site: BudgetInstall) -> None:
    site.charge(site.anna, 2)
    use = service.get("anna", "/use")
    assert (use["total"]["ticks"], use["payers"][0]["title"]) == (2 * HOUR, "Netzlast")
    answer = service.ask("anna", "GET", f"/use?month={use['month']}&format=csv&lang=en")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    name = f'attachment; filename="use-{site.anna.name}-{use["month"]}.csv"'
    assert answer.headers["content-disposition"] == name
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["budget_title"], row["gpu_hours"]) == ("Grid load", "2.000000")


def test_somebody_elses_use_is_for_who_answers_for_them(service: Api, site: BudgetInstall) -> None:
    path = f"/use/people/{site.anna.name}"
    assert service.get("mira", path)["name"] == site.anna.name
    assert service.refused("lea", "GET", path)[:2] == (403, "not-allowed")
    assert service.refused("mira", "GET", "/use/everybody")[:2] == (403, "not-allowed")
    everybody = service.get("olga", "/use/everybody")
    assert [one["budget"]["head"]["id"] for one in everybody["institutions"]] == ["institution/thr"]


def test_a_month_that_is_none_is_refused(service: Api) -> None:
    status, code, message = service.refused("anna", "GET", "/use?month=2026-1")
    assert (status, code) == (404, "unknown-month")
    assert "2026-11" in message


# ------------------------------------------------------------------ budgets


def test_everybody_reads_the_budgets_they_answer_for(service: Api) -> None:
    def ids(who: str) -> list[str]:
        return [row["head"]["id"] for row in service.get(who, "/budgets")["budgets"]]

    assert ids("anna") == []
    assert ids("lea") == ["project/netz"]
    assert ids("mira") == ids("olga") == ["institution/thr", "project/netz"]
    assert service.refused("anna", "GET", NETZ)[:2] == (403, "not-allowed")


def test_a_refusal_is_in_the_readers_language(service: Api) -> None:
    english = service.refused("anna", "GET", f"{NETZ}?lang=en")[2]
    german = service.refused("anna", "GET", f"{NETZ}?lang=de")[2]
    assert english != german


def test_an_administrator_decides_how_large_a_project_is(service: Api) -> None:
    answer = service.ask("mira", "PATCH", NETZ, {"gpu_hours": 12.5})
    assert answer.json()["figures"]["granted_ticks"] == int(12.5 * HOUR)
    assert service.refused("lea", "PATCH", NETZ, {"gpu_hours": 90})[:2] == (403, "not-allowed")
    status, code, message = service.refused("mira", "PATCH", NETZ, {"gpu_hours": 401})
    assert (status, code) == (409, "budget-decision")
    assert "387.5" in message
    back = service.ask("mira", "PATCH", NETZ, {"gpu_hours": None})
    assert back.json()["figures"]["granted_ticks"] == 40 * HOUR


def test_a_lead_decides_what_a_person_may_use(service: Api, site: BudgetInstall) -> None:
    path = f"{NETZ}/shares/{site.anna.name}"
    assert service.get("lea", path)["share_ticks"] == 10 * HOUR
    answer = service.ask("lea", "PUT", path, {"gpu_hours": 3})
    assert (answer.json()["share_ticks"], answer.json()["is_decided"]) == (3 * HOUR, True)
    again = service.ask("lea", "DELETE", path).json()
    assert (again["share_ticks"], again["is_decided"]) == (10 * HOUR, False)
    assert service.refused("lea", "GET", f"{NETZ}/shares/thr--nobody")[:2] == (
        404,
        "unknown-person",
    )


@pytest.mark.parametrize(
    "body",
    [{}, {"gpu_hours": -1}, {"gpu_hours": "much"}, {"gpu_hours": 1e12}, {"gpu_hours": 1, "x": 2}],
)
def test_what_is_no_decision_is_refused(service: Api, body: object) -> None:
    assert service.ask("mira", "PATCH", NETZ, body).status_code == 422


@pytest.mark.parametrize("rows", ["members", "days", "budgets"])
def test_a_budget_is_a_table_too(service: Api, site: BudgetInstall, rows: str) -> None:
    site.charge(site.anna, 2)
    answer = service.ask("mira", "GET", f"/budgets/institution/thr?format=csv&rows={rows}")
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert found
    assert all(None not in row.values() and None not in row for row in found)


# ------------------------------------------------------------------ requests


def test_asking_says_who_decides_and_a_grant_counts_at_once(
    service: Api, site: BudgetInstall
) -> None:
    asked = service.ask("anna", "POST", "/budget-requests", {"budget": "project/netz"})
    assert asked.status_code == 201
    assert (asked.json()["deciders"], asked.json()["repeated"]) == (["Lea Rossi"], False)
    more = {"budget": "project/netz", "gpu_hours": 5, "words": "A deadline"}
    again = service.ask("anna", "POST", "/budget-requests", more).json()
    assert (again["id"], again["repeated"]) == (asked.json()["id"], True)
    (request,) = service.get("lea", "/budget-requests")["requests"]
    assert (request["words"], request["may_decide"]) == ("A deadline", True)
    path = f"/budget-requests/{request['id']}"
    assert service.refused("anna", "POST", f"{path}/grant", {"gpu_hours": 5})[0] == 403
    granted = service.ask("lea", "POST", f"{path}/grant", {"gpu_hours": 5, "words": "Good luck"})
    assert (granted.json()["state"], granted.json()["decided_by"]) == ("granted", "Lea Rossi")
    assert service.get("lea", f"{NETZ}/shares/{site.anna.name}")["share_ticks"] == 15 * HOUR
    (own,) = service.get("anna", "/budget-requests?whose=own")["requests"]
    assert (own["answer"], own["granted_ticks"]) == ("Good luck", 5 * HOUR)
    assert service.refused("lea", "POST", f"{path}/decline", {})[:2] == (409, "budget-request")


def test_a_request_can_be_declined_or_withdrawn(service: Api) -> None:
    wish = {"budget": "project/netz"}
    first = service.ask("anna", "POST", "/budget-requests", wish).json()["id"]
    declined = service.ask("lea", "POST", f"/budget-requests/{first}/decline", {"words": "No"})
    assert declined.json()["state"] == "declined"
    second = service.ask("anna", "POST", "/budget-requests", wish).json()["id"]
    assert service.refused("lea", "POST", f"/budget-requests/{second}/withdraw")[:2] == (
        404,
        "unknown-request",
    )
    withdrawn = service.ask("anna", "POST", f"/budget-requests/{second}/withdraw")
    assert withdrawn.json()["state"] == "withdrawn"


def test_the_longest_words_are_taken_in_any_script(service: Api) -> None:
    wish = {"budget": "project/netz", "words": "\N{GRINNING FACE}" * 1000}
    assert service.ask("anna", "POST", "/budget-requests", wish).status_code == 201
    wish["words"] += "!"
    assert service.ask("anna", "POST", "/budget-requests", wish).status_code == 422


# ------------------------------------------------------------------ statements, one's record


@pytest.mark.parametrize(
    ("form", "begins"),
    [("csv", b"record,"), ("json", b"{"), ("usage-record", b"{"), ("pdf", b"%PDF-")],
)
def test_an_administrator_reads_the_statement_in_each_form(
    service: Api, site: BudgetInstall, form: str, begins: bytes
) -> None:
    site.charge(site.anna, 2)
    (one,) = service.get("mira", "/statements")["statements"]
    assert (one["institution"], one["is_final"]) == ("thr", False)
    path = f"/statements/thr/{one['month']}"
    answer = service.ask("mira", "GET", f"{path}?format={form}")
    assert answer.status_code == 200
    assert answer.content.startswith(begins)
    assert service.refused("anna", "GET", path)[:2] == (403, "not-allowed")
    assert service.get("anna", "/statements")["statements"] == []


def test_a_statement_that_there_is_not_is_refused(service: Api) -> None:
    assert service.refused("olga", "GET", "/statements/nobody/2026-11")[:2] == (404, "statement")
    assert service.refused("mira", "GET", "/statements/nobody/2026-11")[:2] == (403, "not-allowed")


def test_a_person_reads_their_own_record(service: Api, site: BudgetInstall) -> None:
    service.ask("lea", "PUT", f"{NETZ}/shares/{site.anna.name}", {"gpu_hours": 3})
    (event,) = service.get("anna", "/events?lang=en")["events"]
    assert (event["who"], event["kind"]) == ("Lea Rossi", "share")
    assert service.get("mira", "/events")["events"] == []
