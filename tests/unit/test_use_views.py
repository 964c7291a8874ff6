"""What people see of their own use, from sessions that ran."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from labwerk_hub.errors import UnknownPersonError
from labwerk_hub.services import use_pages
from labwerk_hub.services.budget_rights import NotAllowedError
from labwerk_hub.services.use_pages import UnknownMonthError
from support.use_site import HOUR, IWE, ROTOR, SMALL, THR, UseSite, own, use_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[UseSite]:
    with use_site(tmp_path) as found:
        yield found


def test_a_person_sees_by_day_who_paid_for_what(site: UseSite) -> None:
    site.use(site.anna, 2)
    site.bench.clock.step(days=1)
    site.use(site.anna, 1, ROTOR)
    site.use(site.anna, 1, THR)
    shown = own(site, site.anna)
    assert shown.total.ticks == 4 * SMALL
    assert shown.total.sessions == 3
    assert [(day.day, day.ticks) for day in shown.days] == [
        (date(2026, 11, 16), 2 * SMALL),
        (date(2026, 11, 17), 2 * SMALL),
    ]
    assert {amount.id: amount.ticks for amount in shown.days[1].by} == {ROTOR: SMALL, THR: SMALL}
    assert [(payer.id, payer.used.ticks) for payer in shown.payers] == [
        (THR, 3 * SMALL),
        (ROTOR, SMALL),
    ]
    assert [(flavour.title, flavour.used.ticks) for flavour in shown.flavours] == [
        ("Small", 4 * SMALL)
    ]


def test_titles_are_in_the_persons_language(site: UseSite) -> None:
    site.use(site.anna, 1, ROTOR)
    assert own(site, site.anna).payers[0].title == "Rotorzustand"
    french = use_pages.of_person(
        site.bench.workbench, site.anna, site.anna.name, None, language="fr"
    )
    assert french.payers[0].title == "État des rotors"


def test_a_share_burns_down_by_what_the_person_used_alone(site: UseSite) -> None:
    site.use(site.anna, 2, ROTOR)
    site.use(site.lea, 2, ROTOR)
    (rotor,) = (one for one in own(site, site.anna).budgets if one.payer.id == ROTOR)
    assert not rotor.is_shared
    assert rotor.burn_down is not None
    assert rotor.burn_down.total_ticks == 10 * HOUR
    assert rotor.burn_down.points[-1].left_ticks == 10 * HOUR - 2 * SMALL == rotor.payer.left_ticks


def test_a_budget_without_shares_burns_down_by_what_everybody_used(site: UseSite) -> None:
    site.use(site.bo, 2)
    site.use(site.olga, 2)
    (iwe,) = (one for one in own(site, site.bo).budgets if one.payer.id == IWE)
    assert iwe.is_shared
    assert iwe.burn_down is not None
    assert iwe.burn_down.points[-1].left_ticks == 50 * HOUR - 4 * SMALL


def test_months_are_those_of_the_sites_zone_and_the_present_one_is_there_at_once(
    site: UseSite,
) -> None:
    site.bench.clock.now = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)  # 23:30 in Berlin
    site.use(site.anna, 1)
    site.bench.clock.step(days=40)
    shown = own(site, site.anna)
    assert shown.months == ("2027-01", "2026-12", "2026-11")
    assert shown.total.ticks == 0
    november, december = own(site, site.anna, "2026-11"), own(site, site.anna, "2026-12")
    assert (november.total.ticks, december.total.ticks) == (SMALL // 2, SMALL // 2)
    assert [day.day for day in december.days] == [date(2026, 12, 1)]


@pytest.mark.parametrize(
    "month", ["2026", "2026-13", "november", "2026-11-01", "", "9999-12", "0001-01"]
)
def test_what_is_no_month_is_refused_in_a_sentence(site: UseSite, month: str) -> None:
    with pytest.raises(UnknownMonthError, match="write it like 2026-11"):
        own(site, site.anna, month)


def test_nobody_sees_what_somebody_else_used_but_who_answers_for_them(site: UseSite) -> None:
    site.use(site.anna, 1)
    work = site.bench.workbench
    for viewer in (site.mira, site.olga, None):
        assert use_pages.of_person(work, viewer, site.anna.name).total.ticks == SMALL
    for viewer in (site.lea, site.bo):
        with pytest.raises(NotAllowedError):
            use_pages.of_person(work, viewer, site.anna.name)
    with pytest.raises(NotAllowedError):  # of another institution
        use_pages.of_person(work, site.mira, site.bo.name)


def test_whether_somebody_exists_is_told_to_operators_alone(site: UseSite) -> None:
    with pytest.raises(NotAllowedError):
        use_pages.of_person(site.bench.workbench, site.mira, "thr--nobody")
    with pytest.raises(UnknownPersonError):
        use_pages.of_person(site.bench.workbench, site.olga, "thr--nobody")


def test_who_used_nothing_sees_an_empty_month_and_what_there_is(site: UseSite) -> None:
    shown = own(site, site.anna)
    assert (shown.days, shown.lines, shown.payers) == ((), (), ())
    assert [one.payer.id for one in shown.budgets] == [THR, ROTOR]
    assert all(one.burn_down and one.burn_down.empty_on is None for one in shown.budgets)


def test_somebody_whose_institution_left_sees_what_they_used_and_no_budget(site: UseSite) -> None:
    site.use(site.anna, 1)
    others = tuple(x for x in site.bench.workbench.catalogue.institutions if x.name != "thr")
    site.bench.with_catalogue(institutions=others)
    shown = own(site, site.anna)
    assert shown.total.ticks == SMALL
    assert shown.budgets == ()
