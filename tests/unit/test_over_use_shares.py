"""What was used without budget takes nothing of a budget, nor of anybody's share of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR as HOUR
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import (
    budget_pages,
    budget_requests,
    overview,
    people,
    request_decisions,
    sessions,
    use_pages,
)
from labwerk_hub.services.budget_decisions import set_share
from labwerk_hub.services.budget_members import member_in
from labwerk_hub.services.reconcile import reconcile
from labwerk_hub.services.verification import verify
from support.workbench import Bench, bench_in, budget, budgets, dynamic_gpu

THR, ROTOR = "institution/thr", "project/rotor"
SMALL_HOUR = 3 * 3600  # ticks of an hour of the small slice


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A project with an hour of the small slice, and over-use."""
    with bench_in(tmp_path, [dynamic_gpu()]) as found:
        yield found


def _after_an_hour_without(bench: Bench, share: int | None, whole: int) -> str:
    """Anna, who has used an hour of the project's and now runs an hour longer without."""
    bench.with_catalogue(
        projects=(Project("rotor", Localized.same("Rotor"), "project-rotor"),),
        budgets=budgets(
            budget("thr", 100 * HOUR, None),
            budget("rotor", whole, share, BudgetKind.PROJECT, "thr", over_use=True),
        ),
    )
    bench.storage.projects = {"rotor"}
    anna = bench.person("Anna", "thr", "project-rotor")
    bench.run(sessions.admit(bench.workbench, anna, Request("small", "base", payer=ROTOR)))
    _pass(bench, anna, 2)
    figures = bench.figures(ROTOR)
    assert (figures.used, figures.over) == (2 * SMALL_HOUR, SMALL_HOUR)
    return anna


def _grant_two_hours_more(bench: Bench, person: str) -> None:
    who = people.find(bench.workbench, person)
    assert who is not None
    asked = budget_requests.ask(bench.workbench, who, ROTOR, 2 * SMALL_HOUR)
    request_decisions.grant(bench.workbench, None, asked.id, 2 * SMALL_HOUR)


def _pass(bench: Bench, person: str, hours: int) -> None:
    for _ in range(4 * hours):
        bench.clock.step(minutes=15)
        reconcile(bench.workbench, [person])


@pytest.mark.parametrize(
    ("share", "whole"),
    [(None, SMALL_HOUR), (SMALL_HOUR, 10 * SMALL_HOUR)],
    ids=["all may use all", "a share"],
)
def test_what_is_granted_to_a_session_without_budget_pays_for_it_again(
    bench: Bench, share: int | None, whole: int
) -> None:
    anna = _after_an_hour_without(bench, share, whole)
    _grant_two_hours_more(bench, anna)
    reconcile(bench.workbench, [anna])
    (lease,) = bench.leases(anna)
    assert not lease.over_use
    _pass(bench, anna, 1)
    seen = overview.of_person(bench.workbench, anna).budget
    assert (seen.granted_ticks, seen.used_ticks) == (3 * SMALL_HOUR, 2 * SMALL_HOUR)
    assert seen.left_ticks + seen.held_ticks == SMALL_HOUR
    bench.stop(anna)
    assert bench.figures(ROTOR).over == SMALL_HOUR
    assert verify(bench.workbench).findings == ()


def test_of_a_budget_for_all_everybody_has_what_is_free_whoever_used_more_without(
    bench: Bench,
) -> None:
    anna = _after_an_hour_without(bench, None, SMALL_HOUR)
    bench.stop(anna)
    _grant_two_hours_more(bench, anna)
    ben = bench.person("Ben", "thr", "project-rotor")
    for person in (anna, ben):
        page = sessions.start_page(bench.workbench, person, ROTOR)
        assert page.purse.balance.left == 2 * SMALL_HOUR
        offer = next(one for one in page.offers if one.flavour.name == "small")
        assert (offer.over_use, offer.lasts_seconds) == (False, 2 * 3600)


def test_the_pages_count_a_share_as_the_start_does(bench: Bench) -> None:
    anna = _after_an_hour_without(bench, SMALL_HOUR, 10 * SMALL_HOUR)
    bench.stop(anna)
    set_share(bench.workbench, None, ROTOR, anna, 3 * SMALL_HOUR)
    left = sessions.start_page(bench.workbench, anna, ROTOR).purse.balance.left
    assert left == 2 * SMALL_HOUR
    member = member_in(budget_pages.of_budget(bench.workbench, None, ROTOR), anna)
    assert (member.left_ticks, member.used.over_ticks) == (left, SMALL_HOUR)
    own = use_pages.of_person(bench.workbench, None, anna)
    (mine,) = [one for one in own.budgets if one.payer.id == ROTOR]
    assert (mine.payer.used_ticks, mine.payer.left_ticks) == (SMALL_HOUR, left)
    set_share(bench.workbench, None, ROTOR, anna, SMALL_HOUR, "2026-11")  # no less than used
