"""What the hub records of who did what to whom, and how somebody is erased."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
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
    after = [event for event in found if event["id"] > number]
    return [(_display(event["who"]), _display(event["whom"])) for event in after]


def _display(who: str) -> str:
    """Without the hub user name that stands after it."""
    return who.partition(" (")[0]


def open_lab_of(visitor: Person, owner: Person) -> httpx.Response:
    """Open somebody's server in a browser, and press the hub's button for it."""
    page = visitor.http.get(f"/user/{owner.name}/lab")
    assert page.url.path == "/hub/api/oauth2/authorize", f"{page.url}: {pages.text(page)}"
    (form,) = [form for form in pages.forms(page) if form.method == "post"]
    return pages.submit(visitor.http, form)


@contextmanager
def busy_database(labwerk: Install) -> Iterator[None]:
    """Somebody writes to the database, for longer than the service waits."""
    with closing(sqlite3.connect(labwerk.state / "labwerk.sqlite", timeout=60)) as there:
        there.execute("BEGIN IMMEDIATE")
        yield
        there.rollback()


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

    # What she sees there is Anna's, and hers to see only.
    assert olga.server("GET", "labwerk/api/overview", of=anna.name).json()["visited"] is True
    assert "visited" not in anna.overview()
    for change in ("session/extend", "session/still-working", "session/payer", "budget-requests"):
        refused = olga.server(
            "POST", f"labwerk/api/{change}", of=anna.name, json={"budget": "project/rotor"}
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "not-your-server")


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
        url = f"{labwerk.url}/user/{anna.name}/api/contents"
        answer = httpx.get(url, headers=token, timeout=60)
        assert answer.status_code == 200
    assert since(labwerk, before, "entering") == [("Olga Brandt", "Anna Müller")]


def test_a_token_made_to_act_as_somebody_else_is_on_record(
    signed_in: SignIn, labwerk: Install
) -> None:
    anna, olga = signed_in("anna"), signed_in("olga")
    before = known(labwerk)
    theirs = olga.http.post(
        f"/hub/api/users/{anna.name}/tokens", json={}, headers=olga.hub_headers()
    )
    assert theirs.status_code == 201
    assert since(labwerk, before, "entering") == [("Olga Brandt", "Anna Müller")]
    (made,) = [e for e in events(labwerk, "--kind", "entering") if e["id"] > before]
    assert made["what"] == "A token was made with which to act in this person's name."

    own = anna.http.post(f"/hub/api/users/{anna.name}/tokens", json={}, headers=anna.hub_headers())
    assert own.status_code == 201
    refused = anna.http.post(
        f"/hub/api/users/{olga.name}/tokens", json={}, headers=anna.hub_headers()
    )
    assert refused.status_code == 403
    assert len(since(labwerk, before, "entering")) == 1


def test_a_token_that_cannot_be_put_on_record_is_not_made(
    signed_in: SignIn, labwerk: Install
) -> None:
    anna, olga = signed_in("anna"), signed_in("olga")
    where = f"/hub/api/users/{anna.name}/tokens"
    had = olga.http.get(where, headers=olga.hub_headers()).json()["api_tokens"]
    with busy_database(labwerk):
        answer = olga.http.post(where, json={}, headers=olga.hub_headers(), timeout=60)
    assert answer.status_code == 503
    assert "cannot be recorded" in answer.json()["message"]
    assert olga.http.get(where, headers=olga.hub_headers()).json()["api_tokens"] == had


def test_a_sign_in_that_cannot_be_put_on_record_ends_on_a_page_that_says_so(
    signed_in: SignIn, labwerk: Install
) -> None:
    signed_in("anna")
    with labwerk.person("anna") as again, busy_database(labwerk):
        page = again.sign_in()
    assert page.status_code == 503
    assert "cannot be recorded just now" in pages.text(page)


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
    copy = labwerk.state / "homes.before" / name  # as `storage convert` leaves one
    (copy / "work").mkdir(parents=True)
    given = json.loads(labwerk.run("people", "export", name))
    assert given["files"]["home"] == str(home)

    said = labwerk.run("people", "erase", name, "--yes")
    assert f"{name} is erased; " in said
    assert not home.exists()
    assert not copy.exists()
    assert f"{copy}, is removed" in said
    assert name not in labwerk.run("people", "list")
    assert olga.http.get(f"/hub/api/users/{name}", headers=olga.hub_headers()).status_code == 404
    assert "are as they were written" in labwerk.run("audit", "verify")
    assert leaver.http.get("/hub/home").url.path == "/hub/login"

    with labwerk.person("student-30") as again:
        again.sign_in()
        assert again.name == name
        assert [event["kind"] for event in events(labwerk, "--person", name)] == ["sign-in"]
