"""GPUs that are cut when a session starts: exactly what was planned, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support import pages
from support.books import Books, Lease
from support.engine import Engine
from support.hub_client import StartRefusedError
from support.install import Install
from support.nvml import Driver
from support.person import Person
from support.referee import Referee, Verdict
from support.waiting import eventually

SignIn = Callable[[str], Person]


@pytest.fixture(autouse=True)
def clean(driver: Driver) -> Iterator[None]:
    """Each test finds nothing cut, and leaves nothing."""
    eventually(lambda: not driver.instances(), 60, "a driver without instances")
    yield
    eventually(lambda: not driver.instances(), 60, "the end of all instances")


@contextmanager
def by_hand(driver: Driver, gpu: str, profile: str, start: int) -> Iterator[str]:
    """An operator's own instance, while this is open."""
    yield driver.cut(gpu, profile, start)
    driver.uncut(gpu, profile, start)


def lease_of(books: Books, person: Person) -> Lease:
    lease = books.held_by(person.name)
    assert lease is not None
    return lease


def name_of(uuid: str, lease: Lease) -> bool:
    """Whether a lease is on the GPU that the driver calls ``uuid``."""
    return lease.gpu is not None and uuid.lower().startswith(lease.gpu)


def verdicts_on(referee: Referee, engine: Engine, person: Person) -> list[Verdict]:
    container = engine.session_of(person.name).id
    return [verdict for verdict in referee.verdicts() if verdict.container == container]


def test_a_start_makes_exactly_the_planned_instance_and_a_stop_destroys_it(
    signed_in: SignIn, books: Books, driver: Driver, referee: Referee, engine: Engine
) -> None:
    anna = signed_in("anna")
    anna.start("cut-half")

    lease = lease_of(books, anna)
    (made,) = driver.instances()
    assert (made.profile, made.start, made.size) == (lease.profile, lease.start, lease.size)
    assert name_of(made.gpu, lease)
    (verdict,) = verdicts_on(referee, engine, anna)
    assert (verdict.devices, verdict.refusal, verdict.remark) == ((made.uuid,), "", "")
    code, listed = engine.session_of(anna.name).exec_run(["nvidia-smi", "-L"])
    assert code == 0
    assert made.uuid in bytes(listed).decode()

    anna.stop()
    eventually(lambda: not driver.instances(), 60, "the instance's end")
    eventually(lambda: books.units_held() == 0, 60, "free units")


def test_a_card_of_twelve_units_is_cut_into_halves_of_six(
    signed_in: SignIn, books: Books, driver: Driver, cards: list[str]
) -> None:
    anna, luca = signed_in("anna"), signed_in("luca")
    anna.start("cut-rtx")
    luca.start("cut-rtx")
    places = sorted((i.gpu, i.start, i.size) for i in driver.instances())
    assert places == [(cards[2], 0, 6), (cards[2], 6, 6)]
    assert lease_of(books, anna).units.isdisjoint(lease_of(books, luca).units)


def test_a_container_that_sees_another_device_is_never_reported_ready(
    signed_in: SignIn,
    books: Books,
    driver: Driver,
    referee: Referee,
    engine: Engine,
    labwerk: Install,
    cards: list[str],
) -> None:
    """The control: a hook that hands over what was not asked for is noticed."""
    anna = signed_in("anna")
    with by_hand(driver, cards[1], "1g.18gb", 6) as other:
        with referee.misgive({"*": other}), pytest.raises(StartRefusedError) as refused:
            anna.start("cut")
        assert "kann gerade keine Sitzungen starten" in str(refused.value)
        assert f"sees {other} instead of MIG-" in labwerk.log_ends(lines=300)
        eventually(lambda: books.held_by(anna.name) is None, 60, "the lease's end")
        assert not engine.has_container_of(anna.name)
        eventually(lambda: books.units_held() == 0, 60, "free units")
        assert [instance.uuid for instance in driver.instances()] == [other]
        anna.start("cut")
        anna.stop()
        eventually(lambda: len(driver.instances()) == 1, 60, "the instance's end")


def test_a_running_session_is_adopted_by_a_hub_and_a_service_that_were_killed(
    signed_in: SignIn, books: Books, driver: Driver, labwerk: Install
) -> None:
    anna, luca = signed_in("anna"), signed_in("luca")
    anna.start("cut-half")
    before, lease = driver.instances(), lease_of(books, anna)
    labwerk.kill("hub")
    labwerk.kill("service")
    eventually(lambda: anna.servers().get("", {}).get("ready"), 60, "the hub's knowledge of it")
    assert driver.instances() == before
    assert lease_of(books, anna) == lease
    luca.start("cut-half")
    assert lease_of(books, luca).units.isdisjoint(lease.units)
    luca.stop()
    anna.stop()


def test_what_others_have_cut_is_neither_touched_nor_overlapped(
    signed_in: SignIn, driver: Driver, cards: list[str]
) -> None:
    anna, luca = signed_in("anna"), signed_in("luca")
    with (
        by_hand(driver, cards[0], "3g.71gb", 0) as first,
        by_hand(driver, cards[1], "3g.71gb", 4) as second,
    ):
        anna.start("cut-half")
        luca.start("cut-half")
        free = {(cards[0], 4), (cards[1], 0)}
        ours = {(i.gpu, i.start) for i in driver.instances() if i.uuid not in {first, second}}
        assert ours == free
        with pytest.raises(StartRefusedError):
            signed_in("jonas").start("cut-half")
        anna.stop()
        luca.stop()
        eventually(lambda: len(driver.instances()) == 2, 60, "the end of our instances")
        assert {instance.uuid for instance in driver.instances()} == {first, second}


def test_after_a_reboot_that_lost_every_instance_the_next_start_works(
    signed_in: SignIn, books: Books, driver: Driver, engine: Engine
) -> None:
    """A reboot ends containers, too; here the engine only loses them."""
    anna = signed_in("anna")
    anna.start("cut")
    (before,) = driver.instances()
    driver.reboot()
    engine.session_of(anna.name).kill()
    eventually(lambda: books.held_by(anna.name) is None, 60, "the lease's end")
    eventually(lambda: not anna.servers(), 60, "the hub's knowledge of the end")
    anna.start("cut")
    (after,) = driver.instances()
    assert after.uuid != before.uuid


def test_a_gpu_that_is_lost_while_leased_is_told_to_everybody_and_avoided(
    signed_in: SignIn,
    books: Books,
    driver: Driver,
    labwerk: Install,
    cards: list[str],
) -> None:
    anna, olga, luca = signed_in("anna"), signed_in("olga"), signed_in("luca")
    anna.start("cut-half")
    lease = lease_of(books, anna)
    (lost,) = {instance.gpu for instance in driver.instances()}
    (other,) = {cards[0], cards[1]} - {lost}
    assert anna.session()["problem"] is None
    driver.lose(lost)
    try:
        problem = eventually(lambda: anna.session()["problem"], 60, "the problem in her Lab")
        assert "has failed" in problem
        board = eventually(lambda: fault_on(olga, lease.gpu), 60, "the fault on the board")
        assert "fallen off the bus" in board or "lost" in board, board
        checked = labwerk.command("check")
        assert lease.gpu is not None
        assert lease.gpu in checked.stdout + checked.stderr
        for person in (luca, signed_in("jonas")):
            person.start("cut-half")
            assert name_of(other, lease_of(books, person))
        with pytest.raises(StartRefusedError):
            signed_in("camille").start("cut-half")
        anna.stop()
        assert books.held_by(anna.name) is None
    finally:
        driver.heal(lost)
    eventually(lambda: not fault_on(olga, lease.gpu), 60, "a board without a fault")
    eventually(lambda: not still_held(books, lease), 60, "units given back")


def still_held(books: Books, lease: Lease) -> bool:
    others = [other for other in books.unended() if other.session != lease.session]
    return books.units_held() > sum(len(other.units) for other in others)


def fault_on(reader: Person, gpu: str | None) -> str:
    """What the board says is wrong with a GPU; empty if nothing is."""
    board = pages.soup(reader.http.get("/hub/labwerk/board"))
    for section in board.select("section.lw-alarm"):
        heading = section.select_one("h3")
        if heading and gpu and gpu in heading.get_text():
            return " ".join(section.get_text(" ").split())
    return ""
