"""Budgets in a whole install: tokens with some scopes, the Lab's requests, and the commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
from support.install import Install
from support.person import Person

SignIn = Callable[[str], Person]
ROTOR = "project/rotor"
_TICKS = 24 * 3600


def token_of(person: Person, *scopes: str) -> str:
    """A token as the hub's token page makes one, with some of the person's scopes."""
    wanted = ["access:services!service=labwerk", *(f"custom:labwerk:{one}" for one in scopes)]
    answer = person.http.post(
        f"/hub/api/users/{person.name}/tokens",
        json={"scopes": wanted, "expires_in": 600},
        headers=person.hub_headers(),
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def api(labwerk: Install, token: str, method: str, path: str, **more: Any) -> httpx.Response:
    url = f"{labwerk.url}/services/labwerk/api/v1{path}"
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(method, url, headers=headers, timeout=60, **more)


def test_a_person_makes_a_token_that_may_read_their_use_and_nothing_else(
    signed_in: SignIn, labwerk: Install
) -> None:
    anna = signed_in("anna")
    token = token_of(anna, "use:read")
    use = api(labwerk, token, "GET", "/use").json()
    assert use["name"] == anna.name
    assert [one["payer"]["id"] for one in use["budgets"]] == [
        "institution/thr",
        ROTOR,
        "course/ml4wind",
    ]
    refused = api(labwerk, token, "GET", "/budgets")
    assert (refused.status_code, refused.json()["code"]) == (403, "missing-scope")
    assert "custom:labwerk:budgets:read" in refused.json()["message"]


def test_in_the_lab_another_budget_pays_and_more_is_asked_for_and_the_lead_grants_it(
    signed_in: SignIn, labwerk: Install
) -> None:
    anna, mira = signed_in("anna"), signed_in("mira")
    anna.start("cpu-small")
    paid = anna.server("POST", "labwerk/api/session/payer", json={"budget": ROTOR})
    assert (paid.status_code, paid.json()["budget"]["id"]) == (200, ROTOR), paid.text
    before = paid.json()["budget"]["granted_ticks"]
    asked = anna.server(
        "POST", "labwerk/api/budget-requests", json={"budget": ROTOR, "words": "A deadline"}
    )
    assert asked.json()["deciders"] == ["Mira Conti"], asked.text
    lead = token_of(mira, "budgets:read", "budgets:write")
    requests = api(labwerk, lead, "GET", "/budget-requests").json()["requests"]
    (request,) = [one for one in requests if one["id"] == asked.json()["id"]]
    assert request["words"] == "A deadline"
    granted = api(
        labwerk, lead, "POST", f"/budget-requests/{request['id']}/grant", json={"gpu_hours": 2}
    )
    assert granted.json()["state"] == "granted", granted.text
    assert anna.overview()["budget"]["granted_ticks"] == before + 2 * _TICKS
    page = json.loads(labwerk.run("budgets", "show", ROTOR, "--json"))
    assert page["decisions"][0]["who"] == "Mira Conti"
    labwerk.run("budgets", "share", ROTOR, anna.name, "--gpu-hours", "default")
    assert anna.overview()["budget"]["granted_ticks"] == before


def test_a_sessions_own_token_decides_nothing(signed_in: SignIn, labwerk: Install) -> None:
    mira = signed_in("mira")
    mira.start("cpu-small")
    with mira.kernel() as kernel:
        token = kernel.run("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])").strip()
    assert api(labwerk, token, "GET", "/use").status_code == 200
    assert api(labwerk, token, "GET", "/budgets/project/rotor").status_code == 200
    refused = api(labwerk, token, "PATCH", "/budgets/project/rotor", json={"gpu_hours": 1})
    assert (refused.status_code, refused.json()["code"]) == (403, "missing-scope")
