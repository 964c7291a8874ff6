"""Deciding about budgets on their pages: forms, what they do, and what is said afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.domain.texts import Message
from labwerk_hub.hub.amounts import AmountError
from labwerk_hub.hub.data_pages import Typed
from labwerk_hub.hub.reading import Pages
from labwerk_hub.services import budget_requests, request_pages
from labwerk_hub.services.budget_decisions import BudgetDecisionError
from labwerk_hub.services.budget_rights import NotAllowedError
from labwerk_hub.services.workbench import MailPolicy
from labwerk_hub.texts import SaidError, gpu_hours
from support.hub_pages import soup, words
from support.town import HOUR, IWE, MEMBER, ROTOR, Town, rows_below, town_in


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with town_in(tmp_path) as found:
        yield found


async def test_who_decides_nothing_about_themselves_is_told_so(town: Town) -> None:
    anna, lea = rows_below(soup(await town.html(town.lea, ROTOR)), "people")
    assert anna[-1].startswith("Change")
    assert lea[-1] == "others decide about yours"


async def test_a_lead_grants_with_an_amount_and_it_counts_at_once(town: Town) -> None:
    page = soup(await town.html(town.lea, ROTOR))
    (request,) = page.select(".lw-requests > li")
    assert "For a paper" in request.get_text()
    now = "Has now: 20 GPU-hours, of it 6 GPU-hours used and 14 GPU-hours left."
    assert now in words(str(request)), "what they have is there to decide by"
    amount, about = request.select_one("input[name=amount]"), request.select_one("[name=about]")
    assert amount is not None
    assert about is not None
    assert amount["value"] == "5"
    town.do(town.lea, ROTOR, Typed("grant", str(about["value"]), amount="7.5", words="Good luck"))
    page = soup(await town.html(town.lea, ROTOR))
    assert page.select(".lw-requests") == []
    assert rows_below(page, "people")[0][1].startswith("27.50")
    (decision,) = rows_below(page, "decisions-heading")
    assert decision[1:] == ["You", "Anna Müller", "27.50", "November 2026"]


async def test_a_request_is_declined_with_words(town: Town) -> None:
    (request,) = town.page(town.lea, ROTOR).requests
    town.do(town.lea, ROTOR, Typed("decline", request.id, words="Next month"))
    (mine,) = request_pages.own(town.site.workbench, town.anna, "en")
    assert (mine.state, mine.answer, mine.decided_by) == ("declined", "Next month", "Lea Rossi")


@pytest.mark.parametrize(
    ("lasts", "held"), [("period", "November 2026"), ("always", "from then on")]
)
async def test_a_share_is_changed_for_this_period_or_for_good(
    town: Town, lasts: str, held: str
) -> None:
    town.do(town.lea, ROTOR, Typed("share", town.anna.name, amount="30", lasts=lasts))
    page = soup(await town.html(town.lea, ROTOR))
    assert rows_below(page, "people")[0][1] == "30.00 decided"
    assert rows_below(page, "decisions-heading")[0][-1] == held
    town.do(town.lea, ROTOR, Typed("share", town.anna.name, lasts=lasts, from_settings=True))
    page = soup(await town.html(town.lea, ROTOR))
    assert rows_below(page, "people")[0][1] == "20.00"


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("lots", "Please give a number of GPU-hours, such as 20."),
        ("61", "“Rotor condition monitoring” has 60 GPU-hours in all; a share of it cannot"),
    ],
)
async def test_a_refused_amount_stays_in_its_field_with_a_sentence(
    town: Town, amount: str, said: str
) -> None:
    typed = Typed("share", town.anna.name, amount=amount, lasts="always", field="amount")
    with pytest.raises(SaidError) as refused:
        town.do(town.lea, ROTOR, typed)
    problem = refused.value.said  # type: ignore[attr-defined]
    page = soup(await town.html(town.lea, ROTOR, typed=replace(typed, said=problem)))
    (alert,) = page.select("main [role=alert]")
    assert alert.get_text().startswith(said)
    (field,) = page.select("[aria-invalid=true]")
    assert (field["value"], field["aria-describedby"]) == (amount, alert["id"])
    details = alert.find_parent("details")
    assert details is not None
    assert details.has_attr("open")
    chosen = details.select_one("option[selected]")
    assert chosen is not None
    assert chosen["value"] == "always"


def test_how_large_a_budget_is_an_administrator_decides_and_no_lead(town: Town) -> None:
    with pytest.raises(NotAllowedError):
        town.do(town.lea, ROTOR, Typed("size", ROTOR, amount="90"))
    town.do(town.mira, ROTOR, Typed("size", ROTOR, amount="90"))
    assert town.page(town.lea, ROTOR).figures.granted_ticks == 90 * HOUR
    with pytest.raises(BudgetDecisionError, match="has only"):
        town.do(town.mira, ROTOR, Typed("size", ROTOR, amount="5000"))
    with pytest.raises(AmountError):
        town.do(town.mira, ROTOR, Typed("size", ROTOR, amount=""))


async def test_a_budget_that_has_to_keep_more_for_now_says_how_much(town: Town) -> None:
    town.do(town.olga, IWE, Typed("size", IWE, amount="1", lasts="always"))
    granted = town.page(town.olga, IWE).figures.granted_ticks
    assert granted > HOUR
    kept = gpu_hours(granted, "en")
    read = words(await town.html(town.olga, IWE, done="resized"))
    assert f"Changed to 1 GPU-hour, but in this period the budget keeps {kept}" in read
    town.do(town.olga, IWE, Typed("size", IWE, amount="500", lasts="always"))
    read = words(await town.html(town.olga, IWE, done="resized"))
    assert "Changed. It counts at once." in read


async def test_after_a_change_of_a_share_it_is_said_beside_the_people(town: Town) -> None:
    page = soup(await town.html(town.lea, ROTOR, done="changed"))
    (said,) = page.select(".alert-success")
    assert said.find_parent("section", attrs={"aria-labelledby": "people"}) is not None


async def test_forms_are_there_for_those_alone_who_may_decide(town: Town) -> None:
    def buttons(html: str) -> set[str]:
        forms = soup(html).select("main form[method=post] input[name=action]")
        return {str(form["value"]) for form in forms}

    assert buttons(await town.html(town.lea, ROTOR)) == {"share", "ask-whole"}
    assert buttons(await town.html(town.mira, ROTOR)) == {"share", "size"}
    assert buttons(await town.html(town.mira, IWE)) == {"share", "ask-whole"}
    assert buttons(await town.html(town.olga, IWE)) == {"share", "size"}
    for html in (await town.html(town.lea, ROTOR), await town.html(town.olga, IWE)):
        assert all(form.select_one("[name=_xsrf]") for form in soup(html).select("[method=post]"))


async def test_a_lead_asks_the_institution_for_more_for_the_whole(town: Town) -> None:
    town.do(town.lea, ROTOR, Typed("ask-whole", ROTOR, amount="40", words="It grew"))
    page = soup(await town.html(town.lea, ROTOR))
    assert "These decide: Mira Conti." in page.get_text()
    (whole,) = (one for one in town.page(town.mira, IWE).requests if one.whole)
    town.do(town.mira, IWE, Typed("grant", whole.id, amount="40"))
    assert town.page(town.lea, ROTOR).figures.granted_ticks == 100 * HOUR


async def test_what_waits_for_ones_decision_is_counted_in_the_navigation(town: Town) -> None:
    def counted(html: str) -> list[str]:
        return [words(str(badge)) for badge in soup(html).select("header .lw-badge")]

    assert counted(await town.html(town.lea, ROTOR)) == ["Requests to be decided: 1"]
    assert counted(await town.html(town.mira, IWE)) == ["Requests to be decided: 1"]
    (request,) = town.page(town.lea, ROTOR).requests
    town.do(town.lea, ROTOR, Typed("decline", request.id))
    assert counted(await town.html(town.lea, ROTOR)) == []


async def test_of_many_requests_the_oldest_are_shown_and_the_others_can_be_opened(
    town: Town,
) -> None:
    for number in range(7):
        person = town.site.person(f"Member {number}", "en", institution="iwe", groups=MEMBER)
        budget_requests.ask(town.site.workbench, person, ROTOR, HOUR)

    def shown(html: str) -> tuple[int, int, bool]:
        page = soup(html)
        (rest,) = page.select("details.lw-more-requests")
        others = rest.select(".lw-requests > li")
        shown_at_once = len(page.select(".lw-requests > li")) - len(others)
        assert "3 more requests" in rest.get_text()
        ids = [str(one["id"]) for one in page.select(".lw-requests input[name=amount]")]
        assert ids == [f"request-{number}" for number in range(1, 9)]
        return shown_at_once, len(others), rest.has_attr("open")

    assert shown(await town.html(town.lea, ROTOR)) == (5, 3, False)
    last = town.page(town.lea, ROTOR).requests[-1]
    refused = Typed("grant", last.id, amount="lots", said=Message("No."), field="amount")
    assert shown(await town.html(town.lea, ROTOR, refused)) == (5, 3, True), "what is said is seen"


@pytest.mark.parametrize(("mails", "said"), [(True, "is told"), (False, "No mail is sent here")])
async def test_where_no_mail_is_sent_the_page_says_so(town: Town, mails: bool, said: str) -> None:
    policy = replace(town.site.workbench.policy, mail=MailPolicy(enabled=mails))
    town.site.workbench = replace(town.site.workbench, policy=policy)
    town.site.pages = Pages(town.site.settings, town.site.workbench)
    page = soup(await town.html(town.lea, ROTOR, done="granted"))
    status = page.select_one(".alert-success")
    assert status is not None
    assert said in status.get_text()
