"""What the hub records of who did what to whom, and how somebody is erased."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
from support import pages
from support.install import Install
from support.person import Person
from support.waiting import eventually

SignIn = Callable[[str], Person]


def events(labwerk: Install, *words: str) -> list[dict[str, Any]]:
    """`audit list`, the newest first."""
    return list(json.loads(labwerk.run("audit", "list", "--json", *words))["events"])


def known(labwerk: Install) -> int:
    """The number of the latest event."""
    return int(labwerk.run("audit", "head").split()[1])


def since(labwerk: Install, number: int, kind: str) -> list[tuple[str, str]]:
    """Who did this to whom since the event with this number."""
    found = events(labwerk, "--kind", kind)
    return [(event["who"], event["whom"]) for event in found if event["id"] > number]


def open_lab_of(visitor: Person, owner: Person) -> httpx.Response:
    """Open somebody's server in a browser, and press the hub's button for it."""
    page = visitor.http.get(f"/user/{owner.name}/lab")
    assert page.url.path == "/hub/api/oauth2/authorize", f"{page.url}: {pages.text(page)}"
    (form,) = [form for form in pages.forms(page) if form.method == "post"]
    return pages.submit(visitor.http, form)


def test_an_operator_who_opens_a_server_is_on_record_once(
    signed_in: SignIn, labwerk: Install
) -> None:
    anna, olga = signed_in("anna"), signed_in("olga")
    before = known(labwerk)
    anna.start("cpu-small")
    page = open_lab_of(olga, anna)
    assert (page.status_code, page.url.path) == (200, f"/user/{anna.name}/lab")
    olga.http.get(f"/user/{anna.name}/lab")  # she is in; it is the same visit
    assert since(labwerk, before, "entering") == [("Olga Brandt", "Anna Müller")]
    seen = [event for event in events(labwerk, "--person", anna.name) if event["id"] > before]
    assert [event["kind"] for event in seen] == ["entering", "start"]


def test_nobody_is_on_record_for_their_own_server_or_one_that_stays_closed(
    signed_in: SignIn, labwerk: Install
) -> None:
    anna, luca = signed_in("anna"), signed_in("luca")
    before = known(labwerk)
    anna.start("cpu-small")
    assert anna.http.get(f"/user/{anna.name}/lab").status_code == 200
    assert luca.http.get(f"/user/{anna.name}/lab").status_code == 403
    assert since(labwerk, before, "entering") == []


def test_a_token_that_opens_a_server_is_on_record_once(signed_in: SignIn, labwerk: Install) -> None:
    anna, olga = signed_in("anna"), signed_in("olga")
    anna.start("cpu-small")
    made = olga.http.post(f"/hub/api/users/{olga.name}/tokens", json={}, headers=olga.hub_headers())
    token = {"Authorization": f"token {made.json()['token']}"}
    before = known(labwerk)
    for _ in range(2):
        answer = httpx.get(f"{labwerk.url}/user/{anna.name}/api/contents", headers=token)
        assert answer.status_code == 200
    assert since(labwerk, before, "entering") == [("Olga Brandt", "Anna Müller")]


def test_who_starts_and_stops_somebody_elses_server_is_named(
    signed_in: SignIn, labwerk: Install
) -> None:
    anna, olga = signed_in("anna"), signed_in("olga")
    before = known(labwerk)
    anna.start("cpu-small")
    stopped = olga.http.delete(f"/hub/api/users/{anna.name}/server", headers=olga.hub_headers())
    assert stopped.status_code in {202, 204}
    eventually(lambda: not anna.servers(), 60, "the server's stop")
    assert since(labwerk, before, "start") == [("Anna Müller", "")]
    assert since(labwerk, before, "stop") == [("Olga Brandt", "Anna Müller")]


def test_sign_ins_are_on_record_and_refused_ones_without_a_name(
    signed_in: SignIn, labwerk: Install
) -> None:
    before = known(labwerk)
    signed_in("anna")
    with labwerk.person("noah") as stranger:
        assert stranger.sign_in().status_code == 403
    assert since(labwerk, before, "sign-in") == [("Anna Müller", "")]
    (refused,) = [e for e in events(labwerk, "--kind", "sign-in-refused") if e["id"] > before]
    assert (refused["who"], refused["what"]) == (
        "Labwerk",
        "A sign-in was refused (no-institution).",
    )


def test_the_settings_and_the_ledger_are_on_record(labwerk: Install) -> None:
    kinds = {event["kind"] for event in events(labwerk)}
    assert {"settings", "seal"} <= kinds
    assert "are as they were written" in labwerk.run("audit", "verify")


def test_who_is_erased_is_known_to_nobody_and_comes_back_as_somebody_new(
    signed_in: SignIn, labwerk: Install
) -> None:
    leaver, olga = signed_in("student-30"), signed_in("olga")
    name = leaver.name
    leaver.start("cpu-small")
    running = labwerk.command("people", "erase", name, "--yes")
    assert running.returncode == 1
    assert "stop it first" in running.stderr
    leaver.stop()
    home = labwerk.state / "homes" / name
    assert home.is_dir()
    given = json.loads(labwerk.run("people", "export", name))
    assert given["files"]["home"] == str(home)

    said = labwerk.run("people", "erase", name, "--yes")
    assert f"{name} is erased; " in said
    assert not home.exists()
    assert name not in labwerk.run("people", "list")
    assert olga.http.get(f"/hub/api/users/{name}", headers=olga.hub_headers()).status_code == 404
    assert "are as they were written" in labwerk.run("audit", "verify")
    assert leaver.http.get("/hub/home").url.path == "/hub/login"

    with labwerk.person("student-30") as again:
        again.sign_in()
        assert again.name == name
        assert [event["kind"] for event in events(labwerk, "--person", name)] == ["sign-in"]
