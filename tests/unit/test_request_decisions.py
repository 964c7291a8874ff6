"""Who decides about a request, what a grant gives and cannot give, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from labwerk_hub.domain.budget_rights import may_ask_whole, may_decide, may_decide_whole, may_see
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.requests import RequestState
from labwerk_hub.services import budget_requests, request_decisions
from labwerk_hub.services.budget_requests import (
    BudgetRequestError,
    NotTheirsToDecideError,
    UnknownRequestError,
)
from labwerk_hub.services.openings import open_now
from support.mailing import somebody
from support.request_site import HOUR, ROTOR, THR, RequestSite, request_site
from support.workbench import Bench


@pytest.fixture
def site(bench: Bench) -> Iterator[RequestSite]:
    with request_site(bench) as found:
        yield found


def test_a_grant_is_on_top_of_the_share_counts_at_once_and_tells_the_person(
    site: RequestSite,
) -> None:
    work = site.bench.workbench
    assert site.balance(site.anna).left == 20 * HOUR
    request = budget_requests.ask(work, site.anna, ROTOR, 5 * HOUR)
    site.mails()
    granted = request_decisions.grant(work, site.lea, request.id, 8 * HOUR, "Good luck")
    assert granted.state is RequestState.GRANTED
    assert site.balance(site.anna).left == 28 * HOUR
    assert site.balance(site.lea).left == 20 * HOUR
    mails = site.mails()
    assert set(mails) == {"anna@thr.example"}
    text = mails["anna@thr.example"]
    assert "Lea Rossi hat 8 GPU-Stunden mehr von „Rotorzustand“ bewilligt (November 2026)." in text
    assert "> Good luck" in text
    (asked,) = budget_requests.of_person(work, site.anna)
    assert asked.decided_by is not None
    assert asked.decided_by.name == site.lea.name
    assert asked.request.granted_ticks == 8 * HOUR


def test_a_grant_holds_for_its_period_alone(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    request_decisions.grant(work, site.lea, request.id, 8 * HOUR)
    site.bench.clock.step(days=30)
    assert site.balance(site.anna).granted == 20 * HOUR


def test_two_grants_add_up(site: RequestSite) -> None:
    work = site.bench.workbench
    for _ in range(2):
        request = budget_requests.ask(work, site.anna, ROTOR)
        request_decisions.grant(work, site.lea, request.id, 8 * HOUR)
    assert site.balance(site.anna).granted == 36 * HOUR


def test_a_declined_request_says_why_and_changes_nothing(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    site.mails()
    request_decisions.decline(work, site.lea, request.id, "Nächsten Monat wieder")
    text = site.mails()["anna@thr.example"]
    assert "abgelehnt" in text
    assert "> Nächsten Monat wieder" in text
    assert site.balance(site.anna).granted == 20 * HOUR
    with pytest.raises(BudgetRequestError, match="closed already"):
        request_decisions.grant(work, site.lea, request.id, HOUR)


def test_a_lead_asks_the_institution_for_the_whole_project(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.lea, ROTOR, 50 * HOUR, whole=True)
    mails = site.mails()
    assert set(mails) == {"mira@thr.example"}
    assert "https://labwerk.example/hub/labwerk/budget/institution/thr" in mails["mira@thr.example"]
    assert budget_requests.open_for(work, site.lea) == ()
    with pytest.raises(NotTheirsToDecideError):
        request_decisions.grant(work, site.lea, request.id, 50 * HOUR)
    request_decisions.grant(work, site.mira, request.id, 50 * HOUR)
    assert site.balance(site.anna).budget_left == 150 * HOUR
    assert site.balance(site.anna).granted == 20 * HOUR


def test_an_institution_cannot_give_more_than_it_has(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.lea, ROTOR, whole=True)
    open_now(work)
    with pytest.raises(BudgetRequestError, match=r"only 300\.00 GPU-hours|only 300 GPU-hours"):
        request_decisions.grant(work, site.mira, request.id, 500 * HOUR)
    assert site.state(request.id) is RequestState.OPEN
    assert site.balance(site.anna).budget_left == 100 * HOUR


def test_a_share_cannot_be_more_than_the_budget_has(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    with pytest.raises(BudgetRequestError, match="a share of it cannot be more"):
        request_decisions.grant(work, site.lea, request.id, 81 * HOUR)
    request_decisions.grant(work, site.lea, request.id, 80 * HOUR)
    assert site.balance(site.anna).granted == 100 * HOUR


def test_where_there_are_no_shares_a_lead_is_sent_to_the_institution(site: RequestSite) -> None:
    site.without_shares(ROTOR)
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    with pytest.raises(BudgetRequestError, match="Ask your institution"):
        request_decisions.grant(work, site.lea, request.id, HOUR)
    request_decisions.grant(work, site.mira, request.id, HOUR)
    assert site.balance(site.anna).budget_left == 101 * HOUR


def test_for_more_of_an_institutions_own_budget_its_administrator_is_sent_to_an_operator(
    site: RequestSite,
) -> None:
    site.without_shares(THR)
    work = site.bench.workbench
    asked = budget_requests.ask(work, site.anna, THR)
    with pytest.raises(BudgetRequestError, match="an operator decides about that"):
        request_decisions.grant(work, site.mira, asked.id, HOUR)


def test_a_stranger_does_not_learn_that_a_request_exists(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    stranger = somebody(work, "Luca Bianchi")
    with pytest.raises(UnknownRequestError):
        request_decisions.grant(work, stranger, request.id, HOUR)
    with pytest.raises(UnknownRequestError):
        request_decisions.decline(work, site.lea, "br-nothing")
    with pytest.raises(NotTheirsToDecideError):
        request_decisions.grant(work, site.anna, request.id, HOUR)


def test_a_lead_does_not_grant_to_themselves(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.lea, ROTOR)
    assert set(site.mails()) == {"mira@thr.example"}, "nobody else leads: the administrators decide"
    assert budget_requests.open_for(work, site.lea) == ()
    with pytest.raises(NotTheirsToDecideError):
        request_decisions.grant(work, site.lea, request.id, HOUR)


def test_the_machines_root_decides_everything_and_stays_unnamed(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    assert len(budget_requests.open_for(work, None)) == 1
    site.mails()
    request_decisions.grant(work, None, request.id, HOUR)
    assert "Ihnen wurden" in site.mails()["anna@thr.example"]


def test_requests_and_decisions_stand_in_the_audit_chain_without_names(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR, HOUR)
    request_decisions.grant(work, site.lea, request.id, HOUR)
    with work.database.reading() as tx:
        found = tx.events.find(kinds=(EventKind.REQUEST, EventKind.DECISION))
    decision, asked = (recorded.event for recorded in found)
    assert asked is not None
    assert decision is not None
    assert (asked.actor, asked.object) == (site.anna.pseudonym, ROTOR)
    assert (decision.actor, decision.subject) == (site.lea.pseudonym, site.anna.pseudonym)
    assert "anna" not in (asked.content + decision.content).lower()


def test_who_may_decide_see_and_ask(site: RequestSite) -> None:
    found = site.bench.workbench.catalogue.budgets
    rotor, thr = found[ROTOR], found[THR]
    everybody = (site.anna, site.lea, site.mira, site.olga)

    def those(rule: object, *args: object) -> str:
        return "".join(p.display_name[0] for p in everybody if rule(p, *args))  # type: ignore[operator]

    assert those(may_decide, rotor) == "LMO"
    assert those(may_see, rotor) == "LMO"
    assert those(may_decide_whole, rotor) == "MO"
    assert those(may_ask_whole, rotor) == "L"
    assert those(may_decide, thr) == "MO"
    assert those(may_decide_whole, thr) == "O"
    assert those(may_ask_whole, thr) == "M"
    assert those(may_decide, replace(rotor, leads="")) == "MO"
    assert those(may_decide, replace(rotor, institution="iwe")) == "LO"
