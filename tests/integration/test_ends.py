"""How a session ends when its person does not stop it: its time, and nothing running in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import httpx
from support import pages
from support.books import Books, Lease
from support.engine import Engine
from support.nvml import Driver
from support.person import Person
from support.waiting import eventually

SignIn = Callable[[str], Person]
HOUR_MS = 3_600_000


def now_ms() -> int:
    return int(time.time() * 1000)


def lease_of(books: Books, person: Person) -> Lease:
    lease = books.held_by(person.name)
    assert lease is not None
    return lease


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 409, answer.text
    return str(answer.json()["message"])


def test_a_session_is_extended_from_the_lab_and_not_beyond_the_longest(
    signed_in: SignIn, books: Books
) -> None:
    anna = signed_in("anna")
    anna.start("lively")
    session = lease_of(books, anna).session
    assert "extend it when it has run for a while" in refusal(anna.ask("extend"))

    books.end_at(session, now_ms() + HOUR_MS // 6)  # as if fifty minutes had passed
    offered = anna.session()["extension"]["until"]
    shown = anna.ask("extend")
    assert shown.status_code == 200, shown.text
    ends = lease_of(books, anna).ends_ms
    assert abs(ends - now_ms() - HOUR_MS) < 15_000
    assert abs(moment(shown.json()["session"]["ends_at"]) * 1000 - ends) < 1000
    assert abs(moment(offered) * 1000 - ends) < 15_000

    books.end_at(session, now_ms() + 2 * HOUR_MS)  # extended as often as may be
    assert "already lasts as long as it may" in refusal(anna.ask("extend"))
    assert anna.session()["extension"]["until"] is None


def test_a_session_is_not_extended_while_somebody_waits_for_its_slice(
    signed_in: SignIn, books: Books
) -> None:
    anna, olga = signed_in("anna"), signed_in("olga")
    anna.start("single")
    olga.wait_in_line("single")
    books.end_at(lease_of(books, anna).session, now_ms() + HOUR_MS // 6)
    assert "while others wait for its slice" in refusal(anna.ask("extend"))
    assert anna.session()["extension"]["until"] is None
    olga.leave_line()
    assert anna.ask("extend").status_code == 200


def test_a_session_whose_time_is_up_is_stopped_and_home_says_why(
    signed_in: SignIn, books: Books, engine: Engine
) -> None:
    anna = signed_in("anna")
    since = time.time()
    anna.start("single")
    lease = lease_of(books, anna)
    books.end_at(lease.session, now_ms() + 1000)  # not before what is charged already
    eventually(lambda: books.lease(lease.session).state == "ended", 60, "the session's end")
    eventually(lambda: not anna.servers(), 60, "the hub's knowledge of it")
    assert books.lease(lease.session).end_reason == "time-up"
    assert "weil ihre Zeit um war" in pages.text(anna.http.get("/hub/home"))
    (run,) = engine.runs(anna.name, since)
    books.assert_charged_like(run)


def test_an_idle_session_is_warned_then_stopped_and_a_busy_kernel_never(
    signed_in: SignIn, books: Books, driver: Driver
) -> None:
    """Both have the same rule; only in one does something run, which uses no processor."""
    idle, busy = signed_in("anna"), signed_in("jonas")
    for person in (idle, busy):
        person.start("lively")
    with busy.kernel() as kernel:
        kernel.send("import time\nwhile True:\n    time.sleep(1)")
        eventually(lambda: idle.session()["idle"]["warning"], 60, "a warning")
        before = moment(idle.session()["idle"]["since"])
        clicked = time.time()
        assert idle.ask("still-working").status_code == 200
        assert moment(idle.session()["idle"]["since"]) > before
        lease = lease_of(books, idle)
        eventually(lambda: books.lease(lease.session).state == "ended", 120, "the stop", every=1)
        assert books.lease(lease.session).end_reason == "idle"
        assert time.time() - clicked > 58, "stopped sooner than the warning said"
        eventually(lambda: not idle.servers(), 60, "the hub's knowledge of it")
        assert "weil nichts in ihr lief" in pages.text(idle.http.get("/hub/home"))

        told = busy.session()["idle"]
        assert (told["since"], told["stops_at"], told["warning"]) == (None, None, False)
        assert lease_of(books, busy).state == "live"
    eventually(lambda: len(driver.instances()) == 1, 60, "the end of the idle one's instance")
