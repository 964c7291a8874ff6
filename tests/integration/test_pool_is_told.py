"""Reservations by command, and what the board and the metrics say of the pool."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from support import pages
from support.books import Books
from support.hub_client import StartRefusedError
from support.install import Install
from support.person import Person
from support.waiting import eventually

SignIn = Callable[[str], Person]


@contextmanager
def reserved(labwerk: Install, flavour: str, group: str, begins_in: float) -> Iterator[str]:
    """The flavour's whole capacity for a group, from so many seconds on; its id."""
    begins = time.time() + begins_in
    before = {one["id"] for one in kept_now(labwerk)}
    said = labwerk.run(
        *("reservations", "add", "--title", "Exercise 3", "--flavour", flavour),
        *("--group", group, "--count", "1"),
        *("--from", _stamp(begins), "--to", _stamp(begins + 3600)),
    )
    assert "Exercise 3" in said
    (kept,) = [one for one in kept_now(labwerk) if one["id"] not in before]
    try:
        yield str(kept["id"])
    finally:
        labwerk.run("reservations", "cancel", str(kept["id"]))


def kept_now(labwerk: Install) -> list[dict[str, str]]:
    return list(json.loads(labwerk.run("reservations", "list", "--json"))["reservations"])


def _stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def metrics(labwerk: Install, token: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"{labwerk.url}/services/labwerk/metrics", headers=headers, timeout=60)


def figures(answer: httpx.Response) -> dict[str, float]:
    """Prometheus' text: every sample by its name and labels."""
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def token_of(person: Person, *scopes: str) -> str:
    answer = person.http.post(
        f"/hub/api/users/{person.name}/tokens",
        json={"scopes": list(scopes), "expires_in": 600},
        headers=person.hub_headers(),
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def test_what_is_reserved_is_refused_to_others_and_given_to_members(
    signed_in: SignIn, books: Books, labwerk: Install
) -> None:
    jonas, camille, luca = signed_in("jonas"), signed_in("camille"), signed_in("luca")
    with reserved(labwerk, "single", "course-ml4wind", begins_in=0):
        with pytest.raises(StartRefusedError):
            jonas.start("single")
        with pytest.raises(StartRefusedError):
            camille.start("single")
        luca.start("single")
        lease = books.held_by(luca.name)
        assert lease is not None
        board = pages.text(jonas.http.get("/hub/labwerk/board"))
        assert "Exercise 3" in board


def test_a_session_on_what_is_reserved_for_later_ends_before(
    signed_in: SignIn, books: Books, labwerk: Install
) -> None:
    camille = signed_in("camille")
    begins_in = 30 * 60
    with reserved(labwerk, "single", "course-ml4wind", begins_in):
        begins_ms = int((time.time() + begins_in) * 1000)
        camille.start("single")
        lease = books.held_by(camille.name)
        assert lease is not None
        assert lease.ends_ms <= begins_ms
        refused = camille.ask("extend")
        assert refused.status_code == 409
        camille.stop()


def test_more_than_there_is_cannot_be_reserved_and_the_sentence_says_how_much_there_is(
    labwerk: Install,
) -> None:
    before = kept_now(labwerk)
    asked = ("--title", "Too much", "--flavour", "single", "--group", "course-ml4wind")
    done = labwerk.command(
        *("reservations", "add", *asked, "--count", "2"),
        *("--from", _stamp(time.time() + 60), "--to", _stamp(time.time() + 3600)),
    )
    assert done.returncode == 1
    assert "1" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert kept_now(labwerk) == before


def test_metrics_count_what_runs_and_who_waits_for_those_who_may_read_them(
    signed_in: SignIn, labwerk: Install
) -> None:
    olga, anna, luca = signed_in("olga"), signed_in("anna"), signed_in("luca")
    token = token_of(olga, "read:metrics")
    before = figures(metrics(labwerk, token))
    anna.start("single")
    luca.wait_in_line("single")
    now = figures(metrics(labwerk, token))
    assert now['labwerk_slices{flavour="single",state="held"}'] == 1
    assert now['labwerk_slices{flavour="single",state="free"}'] == 0
    assert now['labwerk_tickets_waiting{flavour="single"}'] == 1
    assert now['labwerk_sessions{flavour="single"}'] == 1
    for outcome in ("granted", "waiting"):
        name = f'labwerk_starts_total{{outcome="{outcome}"}}'
        assert now[name] == before.get(name, 0) + 1
    held = 'labwerk_units{model="A30-24GB",state="held"}'
    assert now[held] == before[held] + 2
    luca.leave_line()

    assert metrics(labwerk, None).status_code == 401
    assert metrics(labwerk, "not-a-token").status_code == 401
    member = token_of(anna, "access:services!service=labwerk")
    assert metrics(labwerk, member).status_code == 403


def test_the_board_names_people_to_operators_and_institutions_to_members(
    signed_in: SignIn, labwerk: Install
) -> None:
    camille, anna, olga = signed_in("camille"), signed_in("anna"), signed_in("olga")
    camille.start("single")
    to_operator = pages.text(olga.http.get("/hub/labwerk/board"))
    to_member = pages.text(anna.http.get("/hub/labwerk/board"))
    to_herself = pages.text(camille.http.get("/hub/labwerk/board"))
    assert "Camille Lefèvre" in to_operator
    assert "Camille" not in to_member
    assert "Institut für Windenergie" in to_member
    assert "Vous" in to_herself
    printed = labwerk.run("gpus")
    assert "real-a30" in printed
    assert "camille" in printed
    with httpx.Client(base_url=labwerk.url, timeout=60) as nobody:
        answer = nobody.get("/hub/labwerk/board")
        assert answer.status_code in {302, 403}


def test_the_terminal_shows_who_waits(signed_in: SignIn, labwerk: Install) -> None:
    olga, luca = signed_in("olga"), signed_in("luca")
    olga.start("single")
    luca.wait_in_line("single")
    (ticket,) = json.loads(labwerk.run("tickets", "--json"))["tickets"]
    assert (ticket["person"], ticket["flavour"]) == (luca.name, "single")
    eventually(lambda: "luca" in labwerk.run("tickets"), 60, "the line in words")
    luca.leave_line()
