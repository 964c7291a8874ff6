"""Asking for more budget: one click, the right people are told, and a grant counts at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from labwerk_hub.domain.budget_rights import may_ask_whole, may_decide, may_decide_whole, may_see
from labwerk_hub.domain.budgets import Balance, BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.ledger import (
    FREE,
    OVER,
    TICKS_PER_GPU_HOUR,
    Posting,
    PostingKind,
    move,
    used,
)
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.periods import Term, Terms
from labwerk_hub.domain.requests import RequestState
from labwerk_hub.domain.texts import Localized
from labwerk_hub.errors import DatabaseError
from labwerk_hub.services import audit, budget_news, budget_requests, request_decisions
from labwerk_hub.services.budget_requests import (
    BudgetRequestError,
    NotTheirsToDecideError,
    UnknownRequestError,
)
from labwerk_hub.services.budgets import UnknownBudgetError, balance_in, budget_of, open_now
from labwerk_hub.services.mail import send_due
from labwerk_hub.services.workbench import MailPolicy
from support.mailing import MailServer, client_of, mail_server, somebody
from support.workbench import Bench, budget, budgets

HOUR = TICKS_PER_GPU_HOUR
ROTOR, THR = "project/rotor", "institution/thr"
ADMIN, OPERATOR = frozenset({Role.INSTITUTION_ADMIN}), frozenset({Role.OPERATOR})


@dataclass
class Site:
    """A university with a project, its people, and a mail server that takes what is sent."""

    bench: Bench
    server: MailServer
    anna: Person
    lea: Person
    mira: Person
    olga: Person

    def mails(self) -> dict[str, str]:
        """What has been sent since the last look, by address, without its line breaks."""
        send_due(self.bench.workbench, client_of(self.server))
        mails = self.server.by_address()
        found = {address: " ".join(mail.text.split()) for address, mail in mails.items()}
        self.server.delivered.clear()
        return found

    def balance(self, person: Person, name: str = ROTOR) -> Balance:
        """What a person has of a budget now."""
        workbench = self.bench.workbench
        budget = budget_of(workbench, name)
        open_now(workbench)
        with workbench.database.reading() as tx:
            return balance_in(tx, person, budget, budget.periods.at(self.bench.clock.ms))

    def state(self, request: str) -> RequestState:
        with self.bench.workbench.database.reading() as tx:
            found = tx.requests.get(request)
        assert found is not None
        return found.state

    def use(self, ticks: int, account: str = FREE) -> None:
        """Charge the project for Anna's use of it, from what is free or over and above."""
        open_now(self.bench.workbench)
        entries = move(ROTOR, "2026-11", account, used(self.anna.pseudonym), ticks)
        with self.bench.workbench.database.writing() as tx:
            key = f"test-{account}-{ticks}"
            tx.ledger.post(Posting(PostingKind.HOLD, key, self.bench.clock.ms, "labwerk", entries))


@pytest.fixture
def site(bench: Bench) -> Iterator[Site]:
    title = Localized("Rotor condition", "Rotorzustand", "Stato dei rotori", "État des rotors")
    project = budget("rotor", 100 * HOUR, 20 * HOUR, BudgetKind.PROJECT, "thr", leads="leads-rotor")
    rotor = replace(project, title=title)
    bench.with_catalogue(
        budgets=budgets(budget("thr"), budget("iwe"), rotor),
        projects=(Project("rotor", rotor.title, "project-rotor"),),
    )
    bench.with_policy(mail=MailPolicy(enabled=True, public_url="https://labwerk.example"))
    work = bench.workbench
    with mail_server() as server:
        yield Site(
            bench,
            server,
            anna=somebody(work, "Anna Müller", "project-rotor", locale="de"),
            lea=somebody(work, "Lea Rossi", "project-rotor", "leads-rotor", locale="it"),
            mira=somebody(work, "Mira Conti", locale="fr", roles=ADMIN),
            olga=somebody(work, "Olga Brandt", institution="iwe", roles=OPERATOR),
        )


def test_one_click_asks_the_lead_in_their_language_with_a_link(site: Site) -> None:
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


def test_who_asks_again_changes_what_they_asked_for(site: Site) -> None:
    work = site.bench.workbench
    first = budget_requests.ask(work, site.anna, ROTOR)
    second = budget_requests.ask(work, site.anna, ROTOR, 5 * HOUR, "A paper\x00\n\n\n\nplease")
    assert second.id == first.id
    (asked,) = budget_requests.open_for(work, site.lea)
    assert asked.request.wanted_ticks == 5 * HOUR
    assert asked.request.words == "A paper\n\nplease"
    assert budget_requests.ask(work, site.anna, ROTOR) == asked.request, "what is left out stays"
    assert len(site.mails()) == 1


def test_changing_and_withdrawing_a_request_stand_in_the_record(site: Site) -> None:
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


def test_asking_and_withdrawing_in_turn_writes_one_mail(site: Site) -> None:
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


def test_the_table_itself_refuses_a_second_open_request(site: Site) -> None:
    request = budget_requests.ask(site.bench.workbench, site.anna, ROTOR)
    with (
        pytest.raises(DatabaseError),
        site.bench.workbench.database.writing() as tx,
    ):
        tx.requests.add(replace(request, id="br-2"))


def test_a_grant_is_on_top_of_the_share_counts_at_once_and_tells_the_person(site: Site) -> None:
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


def test_a_grant_holds_for_its_period_alone(site: Site) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    request_decisions.grant(work, site.lea, request.id, 8 * HOUR)
    site.bench.clock.step(days=30)
    assert site.balance(site.anna).granted == 20 * HOUR


def test_two_grants_add_up(site: Site) -> None:
    work = site.bench.workbench
    for _ in range(2):
        request = budget_requests.ask(work, site.anna, ROTOR)
        request_decisions.grant(work, site.lea, request.id, 8 * HOUR)
    assert site.balance(site.anna).granted == 36 * HOUR


def test_a_declined_request_says_why_and_changes_nothing(site: Site) -> None:
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


def test_mails_call_a_period_by_its_days_and_lead_to_where_it_is_shown(site: Site) -> None:
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


def test_a_request_can_be_withdrawn_by_whoever_made_it_alone(site: Site) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    with pytest.raises(UnknownRequestError):
        budget_requests.withdraw(work, site.lea, request.id)
    budget_requests.withdraw(work, site.anna, request.id)
    assert budget_requests.open_for(work, site.lea) == ()
    assert budget_requests.ask(work, site.anna, ROTOR).id == request.id
    assert budget_requests.open_for(work, site.lea) != ()


def test_a_request_lapses_with_its_period(site: Site) -> None:
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


def test_what_was_asked_for_last_month_does_not_keep_from_asking_in_this_one(site: Site) -> None:
    work = site.bench.workbench
    old = budget_requests.ask(work, site.anna, ROTOR)
    site.bench.clock.step(days=30)
    new = budget_requests.ask(work, site.anna, ROTOR)
    assert site.state(old.id) is RequestState.LAPSED
    assert new.period == "2026-12"


def test_nobody_asks_for_what_pays_for_others(site: Site) -> None:
    work = site.bench.workbench
    with pytest.raises(BudgetRequestError, match="Nothing of yours is paid from"):
        budget_requests.ask(work, site.mira, ROTOR)
    with pytest.raises(UnknownBudgetError, match="project/nix"):
        budget_requests.ask(work, site.anna, "project/nix")
    for amount in (0, -HOUR, 1 << 60):
        with pytest.raises(BudgetRequestError, match="above zero"):
            budget_requests.ask(work, site.anna, ROTOR, amount)


def test_a_lead_asks_the_institution_for_the_whole_project(site: Site) -> None:
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


def test_only_whoever_answers_for_a_budget_asks_for_the_whole_of_it(site: Site) -> None:
    with pytest.raises(BudgetRequestError, match="by those who answer for it"):
        budget_requests.ask(site.bench.workbench, site.anna, ROTOR, whole=True)


def test_an_institution_cannot_give_more_than_it_has(site: Site) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.lea, ROTOR, whole=True)
    open_now(work)
    with pytest.raises(BudgetRequestError, match=r"only 300\.00 GPU-hours|only 300 GPU-hours"):
        request_decisions.grant(work, site.mira, request.id, 500 * HOUR)
    assert site.state(request.id) is RequestState.OPEN
    assert site.balance(site.anna).budget_left == 100 * HOUR


def test_a_share_cannot_be_more_than_the_budget_has(site: Site) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    with pytest.raises(BudgetRequestError, match="a share of it cannot be more"):
        request_decisions.grant(work, site.lea, request.id, 81 * HOUR)
    request_decisions.grant(work, site.lea, request.id, 80 * HOUR)
    assert site.balance(site.anna).granted == 100 * HOUR


def test_where_there_are_no_shares_a_lead_is_sent_to_the_institution(site: Site) -> None:
    found = site.bench.workbench.catalogue.budgets
    shared = replace(found[ROTOR], person_ticks=None)
    site.bench.with_catalogue(budgets={**found, ROTOR: shared})
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    with pytest.raises(BudgetRequestError, match="Ask your institution"):
        request_decisions.grant(work, site.lea, request.id, HOUR)
    request_decisions.grant(work, site.mira, request.id, HOUR)
    assert site.balance(site.anna).budget_left == 101 * HOUR


def test_for_more_of_an_institutions_own_budget_its_administrator_is_sent_to_an_operator(
    site: Site,
) -> None:
    found = site.bench.workbench.catalogue.budgets
    shared = replace(found[THR], person_ticks=None)
    site.bench.with_catalogue(budgets={**found, THR: shared})
    work = site.bench.workbench
    asked = budget_requests.ask(work, site.anna, THR)
    with pytest.raises(BudgetRequestError, match="an operator decides about that"):
        request_decisions.grant(work, site.mira, asked.id, HOUR)


def test_a_stranger_does_not_learn_that_a_request_exists(site: Site) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    stranger = somebody(work, "Luca Bianchi")
    with pytest.raises(UnknownRequestError):
        request_decisions.grant(work, stranger, request.id, HOUR)
    with pytest.raises(UnknownRequestError):
        request_decisions.decline(work, site.lea, "br-nothing")
    with pytest.raises(NotTheirsToDecideError):
        request_decisions.grant(work, site.anna, request.id, HOUR)


def test_a_lead_does_not_grant_to_themselves(site: Site) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.lea, ROTOR)
    assert set(site.mails()) == {"mira@thr.example"}, "nobody else leads: the administrators decide"
    assert budget_requests.open_for(work, site.lea) == ()
    with pytest.raises(NotTheirsToDecideError):
        request_decisions.grant(work, site.lea, request.id, HOUR)


def test_what_nobody_near_can_be_told_goes_to_those_further_off(site: Site) -> None:
    work = site.bench.workbench
    somebody(work, "Lea Rossi", "leads-rotor", address=None)
    budget_requests.ask(work, site.anna, ROTOR)
    assert set(site.mails()) == {"mira@thr.example"}
    somebody(work, "Mira Conti", roles=ADMIN, address=None)
    budget_requests.ask(work, site.anna, THR)
    assert set(site.mails()) == {"olga@iwe.example"}


def test_the_machines_root_decides_everything_and_stays_unnamed(site: Site) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR)
    assert len(budget_requests.open_for(work, None)) == 1
    site.mails()
    request_decisions.grant(work, None, request.id, HOUR)
    assert "Ihnen wurden" in site.mails()["anna@thr.example"]


def test_requests_and_decisions_stand_in_the_audit_chain_without_names(site: Site) -> None:
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


def test_erasing_somebody_empties_what_they_wrote(site: Site) -> None:
    work = site.bench.workbench
    request = budget_requests.ask(work, site.anna, ROTOR, words="I am Anna")
    with work.database.writing() as tx:
        tx.requests.forget(site.anna.name, site.bench.clock.ms)
        kept = tx.requests.get(request.id)
    assert kept is not None
    assert (kept.words, kept.state) == ("", RequestState.WITHDRAWN)


def test_leads_are_told_once_in_a_period_that_less_than_a_fifth_is_left(site: Site) -> None:
    work = site.bench.workbench
    site.use(80 * HOUR)
    site.use(30 * HOUR, OVER)  # which leaves as much as there was
    assert budget_news.tell(work) == 0
    site.use(1)
    assert budget_news.tell(work) == 1
    assert budget_news.tell(work) == 0
    mails = site.mails()
    assert set(mails) == {"lea@thr.example"}
    assert "restano 20 ore GPU su 100 ore GPU" in mails["lea@thr.example"]


def test_administrators_are_told_once_that_a_months_statement_is_ready(site: Site) -> None:
    bench = site.bench
    bench.start(site.mira.name)
    bench.clock.step(hours=1)
    assert budget_news.tell(bench.workbench) == 0, "the month is not over"
    bench.stop(site.mira.name)
    bench.clock.now = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    assert budget_news.tell(bench.workbench) == 1
    assert budget_news.tell(bench.workbench) == 0
    mails = site.mails()
    assert set(mails) == {"mira@thr.example"}
    assert "Le mois de novembre 2026 est terminé" in mails["mira@thr.example"]


def test_who_may_decide_see_and_ask(site: Site) -> None:
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
