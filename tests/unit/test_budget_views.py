"""What those who lead, administer and operate see of budgets, each their part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.periods import Term, Terms
from labwerk_hub.services import (
    budget_decisions,
    budget_pages,
    budget_requests,
    leavers,
    operator_page,
    people,
    request_decisions,
    sessions,
)
from labwerk_hub.services.budget_rights import NotAllowedError
from labwerk_hub.services.budgets import UnknownBudgetError
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.use_pages import UnknownMonthError
from support.use_site import (
    BERLIN,
    HOUR,
    IWE,
    ROTOR,
    SMALL,
    THR,
    UseSite,
    member,
    own,
    page,
    use_site,
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[UseSite]:
    with use_site(tmp_path) as found:
        yield found


def test_a_lead_sees_the_projects_people_with_share_use_and_what_is_left(site: UseSite) -> None:
    site.use(site.anna, 2, ROTOR)
    site.use(site.anna, 1, THR)  # paid by the university: nothing to those who lead the project
    shown = page(site, site.lea, ROTOR)
    assert [one.display_name for one in shown.members] == ["Anna Müller", "Bo Li", "Lea Rossi"]
    anna = member(shown, site.anna)
    assert (anna.share_ticks, anna.is_decided) == (10 * HOUR, False)
    assert (anna.used.ticks, anna.left_ticks) == (2 * SMALL, 10 * HOUR - 2 * SMALL)
    assert anna.paid == anna.used
    assert anna.last_use == date(2026, 11, 16)
    assert anna.seen_at is None
    assert (shown.may_decide, shown.may_decide_whole, shown.may_ask_whole) == (True, False, True)
    assert shown.figures.used_ticks == shown.used.ticks == 2 * SMALL
    assert shown.head.title == "Stato dei rotori"


def test_what_is_held_for_a_running_session_is_the_persons(site: UseSite) -> None:
    site.bench.run(
        sessions.admit(site.bench.workbench, site.anna.name, Request("small", "base", payer=ROTOR))
    )
    anna = member(page(site, site.lea, ROTOR), site.anna)
    assert anna.held_ticks == 2 * SMALL
    assert anna.left_ticks == 10 * HOUR - 2 * SMALL


def test_who_left_the_group_stands_there_with_what_they_used(site: UseSite) -> None:
    site.use(site.bo, 1, ROTOR)
    with site.bench.workbench.database.writing() as tx:
        tx.people.update(replace(site.bo, groups=frozenset()))
    bo = member(page(site, site.lea, ROTOR), site.bo)
    assert not bo.is_member
    assert (bo.used.ticks, bo.left_ticks) == (SMALL, 0)


def test_who_was_erased_stands_there_without_a_name(site: UseSite) -> None:
    site.use(site.bo, 1, ROTOR)
    leavers.erase(site.bench.workbench, site.bo.name)
    nameless = [one for one in page(site, site.lea, ROTOR).members if one.name is None]
    assert [one.used.ticks for one in nameless] == [SMALL]
    assert nameless[0].display_name != site.bo.display_name


def test_who_may_not_see_a_budget_is_not_told_whether_there_is_one(site: UseSite) -> None:
    with pytest.raises(NotAllowedError) as there_is:
        page(site, site.anna, ROTOR)
    with pytest.raises(NotAllowedError) as there_is_none:
        page(site, site.anna, "project/secret")
    assert str(there_is.value).replace(ROTOR, "") == str(there_is_none.value).replace(
        "project/secret", ""
    )
    with pytest.raises(UnknownBudgetError, match=r"there are .*project/rotor"):
        page(site, site.olga, "project/secret")


def test_a_lead_sees_open_requests_and_who_decided_what(site: UseSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR, 5 * HOUR, "A deadline")
    (shown,) = page(site, site.lea, ROTOR).requests
    assert (shown.id, shown.display_name, shown.may_decide) == (request.id, "Anna Müller", True)
    request_decisions.grant(work, site.lea, request.id, 5 * HOUR)
    after = page(site, site.lea, ROTOR)
    assert after.requests == ()
    assert member(after, site.anna).share_ticks == 15 * HOUR
    assert member(after, site.anna).is_decided
    (decision,) = budget_pages.of_budget(work, site.lea, ROTOR, language="en").decisions
    assert (decision.who, decision.whom) == ("You", "Anna Müller")
    assert (decision.period, decision.ticks) == ("2026-11", 15 * HOUR)


def test_periods_that_were_can_be_looked_at_and_others_are_named(site: UseSite) -> None:
    site.use(site.anna, 1, ROTOR)
    site.bench.clock.step(days=20)
    now, then = page(site, site.lea, ROTOR), page(site, site.lea, ROTOR, "2026-11")
    assert now.periods == ("2026-12", "2026-11")
    assert (now.used.ticks, then.used.ticks) == (0, SMALL)
    assert (now.period.is_now, then.period.is_now) == (True, False)
    assert then.burn_down is not None
    assert then.burn_down.points[-1].day == date(2026, 11, 30)
    with pytest.raises(UnknownMonthError, match="2026-12, 2026-11"):
        page(site, site.lea, ROTOR, "2025-01")


def test_between_two_terms_the_last_one_is_shown(site: UseSite) -> None:
    terms = (
        Term("autumn", date(2026, 10, 1), date(2026, 11, 20)),
        Term("spring", date(2027, 3, 1), date(2027, 7, 31)),
    )
    budgets = dict(site.bench.workbench.catalogue.budgets)
    budgets[ROTOR] = replace(budgets[ROTOR], periods=Terms(BERLIN, terms))
    site.bench.with_catalogue(budgets=budgets)
    site.use(site.anna, 1, ROTOR)
    site.bench.clock.step(days=30)
    shown = page(site, site.lea, ROTOR)
    assert (shown.period.name, shown.period.is_now) == ("autumn", False)
    assert shown.used.ticks == SMALL
    (rotor,) = (one for one in own(site, site.anna).budgets if one.payer.id == ROTOR)
    assert rotor.burn_down is None


def test_an_administrator_sees_projects_people_and_all_that_was_paid(site: UseSite) -> None:
    site.use(site.anna, 2)
    site.use(site.anna, 1, ROTOR)
    shown = page(site, site.mira, THR)
    assert shown.figures.given_ticks == 40 * HOUR
    assert shown.used.ticks == 3 * SMALL
    assert shown.figures.used_ticks == 2 * SMALL
    (rotor,) = shown.children
    assert (rotor.head.id, rotor.figures.used_ticks, rotor.may_decide) == (ROTOR, SMALL, True)
    anna = member(shown, site.anna)
    assert (anna.used.ticks, anna.paid.ticks) == (2 * SMALL, 3 * SMALL)
    assert anna.seen_at is not None
    assert [one.month for one in shown.statements] == ["2026-11"]
    assert (shown.may_decide, shown.may_decide_whole) == (True, False)


def test_who_has_not_signed_in_for_ninety_days_is_a_leaver(site: UseSite) -> None:
    site.bench.clock.step(days=89)
    assert not member(page(site, site.mira, THR), site.anna).is_leaver
    site.bench.clock.step(days=1)
    people.remember(site.bench.workbench, site.lea)
    shown = page(site, site.mira, THR)
    assert member(shown, site.anna).is_leaver
    assert not member(shown, site.lea).is_leaver
    of_project = page(site, site.lea, ROTOR)
    for anybody in (site.anna, site.bo):  # when they signed in is not for leads to know
        assert member(of_project, anybody).seen_at is None
        assert not member(of_project, anybody).is_leaver


def test_the_day_a_project_runs_out_stands_in_the_list(site: UseSite) -> None:
    for _ in range(3):
        site.use(site.anna, 8, ROTOR, "large")  # 3 of 8 units: 3 GPU-hours
        site.use(site.lea, 8, ROTOR, "large")
        site.bench.clock.step(hours=8)
    (rotor,) = page(site, site.mira, THR).children
    # 18 of 40 hours in three days; the days before were without use, and count.
    assert rotor.empty_on is not None
    assert rotor.empty_on > date(2026, 11, 19)
    assert rotor.empty_on == page(site, site.lea, ROTOR).burn_down.empty_on  # type: ignore[union-attr]


def test_everybody_is_shown_the_budgets_they_answer_for(site: UseSite) -> None:
    def ids(viewer: Person | None) -> list[str]:
        return [row.head.id for row in budget_pages.seen_by(site.bench.workbench, viewer)]

    assert ids(site.anna) == ids(site.bo) == []
    assert ids(site.lea) == [ROTOR]
    assert ids(site.mira) == [THR, ROTOR]
    assert ids(site.olga) == ids(None) == [THR, IWE, ROTOR]


def test_the_operator_sees_all_institutions_and_what_runs_now(site: UseSite) -> None:
    site.use(site.anna, 2)
    site.use(site.bo, 1, ROTOR)  # of iwe, paid by thr
    running = site.bench.start(site.bo.name)
    budget_requests.ask(site.bench.workbench, site.anna, ROTOR)
    shown = operator_page.of_operator(site.bench.workbench, site.olga)
    assert [(one.budget.head.id, one.used.ticks) for one in shown.institutions] == [
        (THR, 3 * SMALL),
        (IWE, 0),
    ]
    assert [(one.people, one.sessions) for one in shown.institutions] == [(3, 0), (2, 1)]
    assert shown.total.ticks == 3 * SMALL
    assert [(one.session, one.display_name) for one in shown.sessions] == [
        (running.session, "Bo Li")
    ]
    assert (shown.requests, shown.months) == (1, ("2026-11",))
    assert shown.posting_head.number > 0
    assert shown.decision_head.number == 0, "nothing was decided beside the settings"
    assert shown.sealed_at is None


def test_it_is_for_operators_alone(site: UseSite) -> None:
    for viewer in (site.anna, site.lea, site.mira):
        with pytest.raises(NotAllowedError):
            operator_page.of_operator(site.bench.workbench, viewer)


def test_a_term_of_half_a_year_has_a_point_for_each_day(site: UseSite) -> None:
    budgets = dict(site.bench.workbench.catalogue.budgets)
    term = Term("winter", date(2026, 10, 1), date(2027, 3, 31))
    budgets[ROTOR] = replace(budgets[ROTOR], periods=Terms(BERLIN, (term,)))
    site.bench.with_catalogue(budgets=budgets)
    open_now(site.bench.workbench)
    site.bench.clock.now += timedelta(days=120)
    shown = page(site, site.lea, ROTOR)
    assert shown.burn_down is not None
    assert len(shown.burn_down.points) == (date(2027, 3, 16) - date(2026, 10, 1)).days + 1


def test_a_share_that_was_decided_is_told_from_one_of_the_settings(site: UseSite) -> None:
    work = site.bench.workbench
    budget_decisions.set_share(work, site.lea, ROTOR, site.anna.name, 10 * HOUR)
    assert member(page(site, site.lea, ROTOR), site.anna).is_decided
    budget_decisions.set_share(work, site.lea, ROTOR, site.anna.name, None)
    anna = member(page(site, site.lea, ROTOR), site.anna)
    assert (anna.share_ticks, anna.is_decided) == (10 * HOUR, False)
