"""Asking for more budget: one click, the right people are told, and it lapses with its period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from labwerk_hub.domain.periods import Term, Terms
from labwerk_hub.domain.requests import RequestState
from labwerk_hub.errors import DatabaseError
from labwerk_hub.services import audit, budget_requests, request_decisions
from labwerk_hub.services.budget_requests import BudgetRequestError, UnknownRequestError
from support.mailing import somebody
from support.request_site import ADMIN, HOUR, ROTOR, THR, RequestSite, request_site
from support.workbench import Bench


@pytest.fixture
def site(bench: Bench) -> Iterator[RequestSite]:
    with request_site(bench) as found:
        yield found


def test_one_click_asks_the_lead_in_their_language_with_a_link(site: RequestSite) -> None:
    request = budget_requests.ask(site.bench.workbench, site.anna, ROTOR)
    mails = site.mails()
    assert set(mails) == {"lea@thr.example"}
    assert "Buongiorno Lea Rossi," in mails["lea@thr.example"]
    assert "Anna Müller chiede" in mails["lea@thr.example"]
    assert "«Stato dei rotori» (novembre 2026)" in mails["lea@thr.example"]
    assert "https://labwerk.example/hub/labwerk/budget/project/rotor" in mails["lea@thr.example"]
    (asked,) = budget_requests.open_for(site.bench.workbench, site.lea)
    assert (asked.request, asked.person.name) == (request, site.anna.name)
    assert site.mails() == {}


def test_who_asks_again_changes_what_they_asked_for(site: RequestSite) -> None:
    work = site.bench.workbench
    first = budget_requests.ask(work, site.anna, ROTOR)
    second = budget_requests.ask(work, site.anna, ROTOR, 5 * HOUR, "A paper\x00\n\n\n\nplease")
    assert second.id == first.id
    (asked,) = budget_requests.open_for(work, site.lea)
    assert asked.request.wanted_ticks == 5 * HOUR
    assert asked.request.words == "A paper\n\nplease"
    assert budget_requests.ask(work, site.anna, ROTOR) == asked.request, "what is left out stays"
    assert len(site.mails()) == 1


def test_changing_and_withdrawing_a_request_stand_in_the_record(site: RequestSite) -> None:
    work = site.bench.workbench
    asked = budget_requests.ask(work, site.anna, ROTOR, words="A paper")
    budget_requests.ask(work, site.anna, ROTOR, 5 * HOUR)
    budget_requests.ask(work, site.anna, ROTOR, 5 * HOUR)  # the same again is no change
    budget_requests.withdraw(work, site.anna, asked.id)
    told = audit.of_person(work, site.anna.name, "en").events
    assert [(event.what, event.why) for event in told] == [
        ("The request to “Rotor condition” was withdrawn.", ""),
        ("The request to “Rotor condition” was changed: 5 GPU-hours.", "A paper"),
        ("More was asked for from “Rotor condition”.", "A paper"),
    ]


def test_asking_and_withdrawing_in_turn_writes_one_mail(site: RequestSite) -> None:
    work = site.bench.workbench
    for hours in (5, 6, 7):
        asked = budget_requests.ask(work, site.anna, ROTOR, hours * HOUR, "Sorry")
        budget_requests.withdraw(work, site.anna, asked.id)
    last = budget_requests.ask(work, site.anna, ROTOR, 8 * HOUR, "Now for good")
    assert len(site.mails()) == 1
    (found,) = budget_requests.open_for(work, site.lea)
    assert found.request == last
    assert (last.id, last.wanted_ticks, last.words) == (asked.id, 8 * HOUR, "Now for good")
    request_decisions.decline(work, site.lea, last.id)
    again = budget_requests.ask(work, site.anna, ROTOR)
    assert again.id != last.id
    assert site.mails().keys() == {"anna@thr.example", "lea@thr.example"}


def test_the_table_itself_refuses_a_second_open_request(site: RequestSite) -> None:
    request = budget_requests.ask(site.bench.workbench, site.anna, ROTOR)
    with (
        pytest.raises(DatabaseError),
        site.bench.workbench.database.writing() as tx,
    ):
        tx.requests.add(replace(request, id="br-2"))


def test_mails_call_a_period_by_its_days_and_lead_to_where_it_is_shown(site: RequestSite) -> None:
    work, bench = site.bench.workbench, site.bench
    fixed = Term("2026-10-12..", date(2026, 10, 12), date(2027, 2, 5), "2026-10-12..2027-02-05")
    rotor = replace(
        work.catalogue.budgets[ROTOR], periods=Terms(ZoneInfo("Europe/Berlin"), (fixed,))
    )
    bench.with_catalogue(budgets=dict(work.catalogue.budgets) | {ROTOR: rotor})
    work = bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    assert "(12 ott 2026 – 5 feb 2027)" in site.mails()["lea@thr.example"]
    request_decisions.grant(work, site.lea, request.id, 8 * HOUR)
    mail = site.mails()["anna@thr.example"]
    assert "(12. Okt. 2026 – 5. Feb. 2027)" in mail
    assert "https://labwerk.example/hub/labwerk/use " in mail


def test_a_request_can_be_withdrawn_by_whoever_made_it_alone(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    with pytest.raises(UnknownRequestError):
        budget_requests.withdraw(work, site.lea, request.id)
    budget_requests.withdraw(work, site.anna, request.id)
    assert budget_requests.open_for(work, site.lea) == ()
    assert budget_requests.ask(work, site.anna, ROTOR).id == request.id
    assert budget_requests.open_for(work, site.lea) != ()


def test_a_request_lapses_with_its_period(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    site.bench.clock.now = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)  # midnight in Berlin
    assert budget_requests.open_for(work, site.lea) == ()
    with pytest.raises(BudgetRequestError, match="is over"):
        request_decisions.grant(work, site.lea, request.id, HOUR)
    assert budget_requests.lapse(work) == 1
    assert budget_requests.lapse(work) == 0
    assert site.state(request.id) is RequestState.LAPSED
    budget_requests.ask(work, site.anna, ROTOR)
    assert len(budget_requests.open_for(work, site.lea)) == 1


def test_what_was_asked_for_last_month_does_not_keep_from_asking_in_this_one(
    site: RequestSite,
) -> None:
    work = site.bench.workbench
    old = budget_requests.ask(work, site.anna, ROTOR)
    site.bench.clock.step(days=30)
    new = budget_requests.ask(work, site.anna, ROTOR)
    assert site.state(old.id) is RequestState.LAPSED
    assert new.period == "2026-12"


def test_nobody_asks_for_what_pays_for_others(site: RequestSite) -> None:
    work = site.bench.workbench
    with pytest.raises(BudgetRequestError, match="Nothing of yours is paid from"):
        budget_requests.ask(work, site.mira, ROTOR)
    for amount in (0, -HOUR, 1 << 60):
        with pytest.raises(BudgetRequestError, match="above zero"):
            budget_requests.ask(work, site.anna, ROTOR, amount)


@pytest.mark.parametrize("name", [ROTOR, "project/nix"])
@pytest.mark.parametrize("whole", [False, True])
def test_asking_does_not_tell_whether_there_is_such_a_budget_or_what_it_is_called(
    site: RequestSite, name: str, whole: bool
) -> None:
    outsider = somebody(site.bench.workbench, "Otto Vogel")
    with pytest.raises(BudgetRequestError) as refused:
        budget_requests.ask(site.bench.workbench, outsider, name, whole=whole)
    assert refused.value.message == f"Nothing of yours is paid from “{name}”."


def test_only_whoever_answers_for_a_budget_asks_for_the_whole_of_it(site: RequestSite) -> None:
    with pytest.raises(BudgetRequestError, match="by those who answer for it"):
        budget_requests.ask(site.bench.workbench, site.anna, ROTOR, whole=True)


def test_what_nobody_near_can_be_told_goes_to_those_further_off(site: RequestSite) -> None:
    work = site.bench.workbench
    somebody(work, "Lea Rossi", "leads-rotor", address=None)
    budget_requests.ask(work, site.anna, ROTOR)
    assert set(site.mails()) == {"mira@thr.example"}
    somebody(work, "Mira Conti", roles=ADMIN, address=None)
    budget_requests.ask(work, site.anna, THR)
    assert set(site.mails()) == {"olga@iwe.example"}


def test_erasing_somebody_empties_what_they_wrote(site: RequestSite) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR, words="I am Anna")
    with work.database.writing() as tx:
        tx.requests.forget(site.anna.name, site.bench.clock.ms)
        kept = tx.requests.get(request.id)
    assert kept is not None
    assert (kept.words, kept.state) == ("", RequestState.WITHDRAWN)
