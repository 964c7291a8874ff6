"""Deciding how large a budget is and what a person may use: refused in words, kept as events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.services import audit, budget_decisions, sessions
from labwerk_hub.services.budget_decisions import BudgetDecisionError
from labwerk_hub.services.budget_rights import NotAllowedError
from labwerk_hub.services.budgets import purse_of
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.openings import open_now
from labwerk_hub.texts import render
from support.use_site import HOUR, IWE, ROTOR, SMALL, THR, UseSite, use_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[UseSite]:
    with use_site(tmp_path) as found:
        yield found


def set_budget(
    site: UseSite, by: Person | None, name: str, hours: int | None, period: str | None = None
) -> None:
    ticks = None if hours is None else hours * HOUR
    budget_decisions.set_budget(site.bench.workbench, by, name, ticks, period)


def set_share(
    site: UseSite, by: Person | None, person: Person, hours: int | None, period: str | None = None
) -> None:
    ticks = None if hours is None else hours * HOUR
    budget_decisions.set_share(site.bench.workbench, by, ROTOR, person.name, ticks, period)


def left(site: UseSite, person: Person) -> int:
    """What somebody may use of the project now."""
    work = site.bench.workbench
    open_now(work)
    with work.database.reading() as tx:
        return purse_of(work, tx, person, work.catalogue.budgets[ROTOR]).balance.left


def kept(site: UseSite) -> tuple[int, int]:
    """How many decisions and how many events there are."""
    with site.bench.workbench.database.reading() as tx:
        decided = sum(len(tx.allotments.of_budget(name)) for name in (THR, IWE, ROTOR))
        return decided, tx.events.head().number


def test_a_larger_project_takes_it_from_its_institution_at_once(site: UseSite) -> None:
    set_budget(site, site.mira, ROTOR, 70)
    assert (site.bench.figures(ROTOR).granted, site.bench.figures(THR).given) == (
        70 * HOUR,
        70 * HOUR,
    )
    assert site.bench.figures(THR).free == 30 * HOUR


def test_a_smaller_one_gives_back_what_is_free(site: UseSite) -> None:
    set_budget(site, site.mira, ROTOR, 10)
    assert (site.bench.figures(ROTOR).free, site.bench.figures(THR).free) == (10 * HOUR, 90 * HOUR)


def test_more_than_the_institution_has_left_is_refused_with_what_it_has(site: UseSite) -> None:
    before = kept(site)
    with pytest.raises(BudgetDecisionError, match=r"has only 60 GPU-hours left to give"):
        set_budget(site, site.mira, ROTOR, 101)
    assert site.bench.figures(ROTOR).granted == 40 * HOUR
    assert kept(site) == before


def test_an_institutions_own_budget_is_the_operators_matter(site: UseSite) -> None:
    with pytest.raises(NotAllowedError):
        set_budget(site, site.mira, THR, 500)
    set_budget(site, site.olga, THR, 500)
    assert site.bench.figures(THR).granted == 500 * HOUR


def test_the_size_of_a_project_is_not_its_leads_to_decide(site: UseSite) -> None:
    with pytest.raises(NotAllowedError, match="you can ask for more"):
        set_budget(site, site.lea, ROTOR, 50)


def test_what_is_used_or_promised_cannot_be_taken_back(site: UseSite) -> None:
    site.use(site.anna, 2, ROTOR)
    work = site.bench.workbench
    site.bench.run(sessions.admit(work, site.lea.name, Request("small", "base", payer=ROTOR)))
    with pytest.raises(BudgetDecisionError, match=r"cannot have less than 0\.5 GPU-hours"):
        set_budget(site, site.mira, ROTOR, 0, "2026-11")
    set_budget(site, site.mira, ROTOR, 0)  # from now on: this month what is free, then all
    assert site.bench.figures(ROTOR).granted == 4 * SMALL
    site.bench.clock.step(days=20)
    open_now(work)
    assert site.bench.figures(ROTOR).granted == 0


def test_a_decision_for_one_period_counts_in_that_one_alone(site: UseSite) -> None:
    set_budget(site, site.mira, ROTOR, 55, "2026-11")
    set_share(site, site.lea, site.anna, 20, "2026-11")
    assert left(site, site.anna) == 20 * HOUR
    site.bench.clock.step(days=20)
    assert left(site, site.anna) == 10 * HOUR
    assert site.bench.figures(ROTOR).granted == 40 * HOUR


def test_a_decision_from_now_on_counts_until_another_one(site: UseSite) -> None:
    set_share(site, site.lea, site.anna, 3)
    site.bench.clock.step(days=20)
    assert left(site, site.anna) == 3 * HOUR
    set_share(site, site.lea, site.anna, None)
    assert left(site, site.anna) == 10 * HOUR


def test_from_now_on_is_also_for_a_month_of_which_something_else_was_decided(
    site: UseSite,
) -> None:
    set_share(site, site.lea, site.anna, 20, "2026-11")
    set_share(site, site.lea, site.anna, 30, "2026-12")
    set_share(site, site.lea, site.anna, 3)
    assert left(site, site.anna) == 3 * HOUR
    set_budget(site, site.mira, ROTOR, 55, "2026-11")
    set_budget(site, site.mira, ROTOR, None)
    assert site.bench.figures(ROTOR).granted == 40 * HOUR
    site.bench.clock.step(days=20)
    assert left(site, site.anna) == 3 * HOUR


def test_the_period_after_can_be_decided_beforehand_and_one_that_is_over_cannot(
    site: UseSite,
) -> None:
    set_budget(site, site.mira, ROTOR, 80, "2026-12")
    assert site.bench.figures(ROTOR).granted == 40 * HOUR
    assert site.bench.figures(ROTOR, "2026-12").granted == 80 * HOUR
    with pytest.raises(BudgetDecisionError, match="2026-11, 2026-12"):
        set_budget(site, site.mira, ROTOR, 80, "2026-10")


@pytest.mark.parametrize("hours", [-1, 10**12])
def test_amounts_that_cannot_be_are_refused(site: UseSite, hours: int) -> None:
    before = kept(site)
    with pytest.raises(BudgetDecisionError):
        set_budget(site, site.olga, THR, hours)
    with pytest.raises(BudgetDecisionError):
        set_share(site, site.lea, site.anna, hours)
    assert kept(site) == before


def test_a_share_cannot_be_more_than_the_budget_has(site: UseSite) -> None:
    with pytest.raises(BudgetDecisionError, match="has 40 GPU-hours in all"):
        set_share(site, site.lea, site.anna, 41)


def test_who_may_not_use_the_project_gets_no_share_of_it(site: UseSite) -> None:
    with pytest.raises(BudgetDecisionError, match="Nobody called thr--mira-conti"):
        set_share(site, site.lea, site.mira, 5)


def test_nobody_decides_their_own_share_but_others_do(site: UseSite) -> None:
    with pytest.raises(NotAllowedError, match="for others to decide"):
        set_share(site, site.lea, site.lea, 20)
    set_share(site, site.mira, site.lea, 20)
    assert left(site, site.lea) == 20 * HOUR


def test_a_share_of_nothing_lets_nobody_start(site: UseSite) -> None:
    set_share(site, site.lea, site.anna, 0)
    with pytest.raises(RefusedError):
        sessions.admit(site.bench.workbench, site.anna.name, Request("small", "base", payer=ROTOR))


def test_each_decision_is_an_event_that_the_person_sees(site: UseSite) -> None:
    set_share(site, site.lea, site.anna, 5)
    set_budget(site, None, ROTOR, 50)
    seen = audit.of_person(site.bench.workbench, site.anna.name, "en").events
    what = "The share of the budget “Rotor condition” was set to 5 GPU-hours from then on."
    assert [(event.who, event.whom, event.what) for event in seen] == [("Lea Rossi", "You", what)]
    with site.bench.workbench.database.reading() as tx:
        latest = tx.events.last_of(EventKind.BUDGET)
    assert latest is not None
    assert latest.event is not None
    assert (latest.event.actor, latest.event.object) == ("root", ROTOR)
    assert dict(latest.event.details) == {"ticks": 50 * HOUR}


def test_a_refusal_is_told_in_the_readers_language(site: UseSite) -> None:
    with pytest.raises(BudgetDecisionError) as refused:
        set_budget(site, site.mira, ROTOR, 101)
    told = {render(refused.value.said, language) for language in LANGUAGES}
    assert len(told) == len(LANGUAGES)
