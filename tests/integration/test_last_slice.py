"""Scarcity: the last slice, a full pool, and the referee's own controls."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import docker.errors
import pytest
from docker.types import DeviceRequest
from support import pages
from support.books import Books
from support.engine import Engine
from support.hub_client import StartRefusedError
from support.person import Person
from support.referee import Referee
from support.settings import LAST_DEVICE

SignIn = Callable[[str], Person]


def attempt(person: Person) -> str:
    try:
        person.start("single")
    except StartRefusedError as refusal:
        return str(refusal)
    return ""


def test_two_people_racing_for_the_last_slice_get_one_lease_and_one_clear_refusal(
    signed_in: SignIn, books: Books, referee: Referee
) -> None:
    people, began = [signed_in("anna"), signed_in("olga")], time.time()
    with ThreadPoolExecutor(2) as pool:
        refusals = list(pool.map(attempt, people))

    assert sorted(bool(refusal) for refusal in refusals) == [False, True]
    (refused,) = [refusal for refusal in refusals if refusal]
    assert "slice" in refused.lower() or "scheibe" in refused.lower(), refused
    assert len([person for person in people if books.held_by(person.name)]) == 1
    assert [v.refusal for v in referee.verdicts() if v.time > began] == [""]


def test_a_full_pool_is_shown_with_when_it_will_not_be_and_can_be_waited_for(
    signed_in: SignIn,
) -> None:
    signed_in("anna").start("single")
    page = signed_in("olga").start_page()
    choice = pages.soup(page).select_one("input[name=flavour][value=single]")
    assert choice is not None
    assert choice.has_attr("data-waits")
    assert not choice.has_attr("disabled")
    said = pages.text(page)
    assert "0 of 1 free now" in said
    assert "The only such slice is in use. It is due back" in said
    assert "If you wait, you would start" in said


def test_who_asks_for_a_full_pool_and_does_not_want_to_wait_is_refused(
    signed_in: SignIn, books: Books
) -> None:
    signed_in("anna").start("single")
    olga = signed_in("olga")
    with pytest.raises(StartRefusedError, match="It is due back"):
        olga.start("single")
    assert books.held_by(olga.name) is None
    assert books.in_line() == []


def test_the_slice_is_free_again_after_the_stop(signed_in: SignIn) -> None:
    anna, olga = signed_in("anna"), signed_in("olga")
    anna.start("single")
    anna.stop()
    olga.start("single")


@pytest.mark.parametrize(
    ("device", "said"), [(LAST_DEVICE, "is held by"), ("MIG-unknown", "is unknown")]
)
def test_the_referee_refuses_what_is_held_or_unknown(
    signed_in: SignIn, engine: Engine, device: str, said: str
) -> None:
    anna = signed_in("anna")
    anna.start("single")
    image = engine.session_of(anna.name).image
    request = DeviceRequest(driver="nvidia", device_ids=[device], capabilities=[["gpu"]])
    container = engine.client.containers.create(image, ["true"], device_requests=[request])
    try:
        with pytest.raises(docker.errors.APIError, match=said):
            container.start()
    finally:
        container.remove(force=True)
