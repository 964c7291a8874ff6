"""What a statement says of a month, and that it says the same for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.adapters.sql import SqlDatabase, migrate
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.people import Institution
from labwerk_hub.domain.periods import Months
from labwerk_hub.domain.statement import AsOf, Month, Position, Statement, sums_of
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services import openings, statement
from labwerk_hub.services.statement import StatementError
from support.postgres import Postgres
from support.statements import BERLIN, HOUR, NETZ, ROTOR, SMALL_HOUR, Site, site_in
from support.workbench import budget
from support.workbench import budgets as by_id


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as found:
        yield found


@pytest.fixture
def anna(site: Site) -> str:
    return site.person("Anna Müller", "thr", "p-rotor", "p-netz")


def _position(of: Statement, name: str, period: str = "2026-11") -> Position:
    (found,) = [p for p in of.positions if (p.budget, p.period) == (name, period)]
    return found


# Months


def test_a_month_ends_where_the_next_one_begins() -> None:
    december = Month(2026, 12)
    assert december.following == Month(2027, 1)
    assert december.preceding == Month(2026, 11)
    assert Month(2028, 2).last_day.day == 29
    assert december.end_ms(BERLIN) == Month(2027, 1).start_ms(BERLIN)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026", "November", "2026-1", "2026-11-01", "9999-12", "0001-01"]
)
def test_what_is_no_month_is_said(site: Site, text: str) -> None:
    with pytest.raises(StatementError, match=r"is no month; write it like 2026-11"):
        site.statement(text)


def test_an_institution_that_there_is_not_is_said_with_those_there_are(site: Site) -> None:
    with pytest.raises(StatementError, match=r"no institution 'tfr'; there are iwe, thr"):
        site.statement("2026-11", "tfr")


def test_a_month_that_has_not_begun_has_no_statement(site: Site) -> None:
    with pytest.raises(StatementError, match="has not begun"):
        site.statement("2026-12")


def test_without_a_month_it_is_the_last_one_that_is_over(site: Site, anna: str) -> None:
    site.used(anna, 1)
    site.at(2026, 12, 1, 0)
    assert site.statement().month == "2026-11"


def test_a_month_before_there_was_anything_has_no_statement(site: Site, anna: str) -> None:
    said = "2026-10 was over before Labwerk began here; there are statements from 2026-11 on"
    for month in (None, "2026-10"):  # nor has it where nothing happened yet
        with pytest.raises(StatementError, match=said):
            site.statement(month)
    site.used(anna, 1)
    site.at(2027, 2, 1, 8)
    with pytest.raises(StatementError, match=said):
        site.statement("2026-10")
    # Nothing was used in this one, nor by that institution ever: there is nothing to pay.
    assert site.statement("2027-01").sums.ticks == 0
    assert site.statement("2026-11", "iwe").sums.ticks == 0


# What was used


def test_lines_are_by_budget_person_and_flavour_and_add_up(site: Site, anna: str) -> None:
    lukasz = site.person("Łukasz Żółć", "thr")
    site.used(anna, 2)
    site.used(anna, 1)
    site.used(anna, 3, "project/rotor")
    site.used(anna, 4, "institution/thr", "cpu")
    site.used(lukasz, 0.5)
    found = site.statement("2026-11")
    own, rotor = "institution/thr", "project/rotor"
    used = {(x.budget, x.person, x.flavour): (x.ticks, x.ms, x.sessions) for x in found.lines}
    ms = 3_600_000
    assert used == {
        (own, site.pseudonym(anna), "small"): (3 * SMALL_HOUR, 3 * ms, 2),
        (own, site.pseudonym(anna), "cpu"): (0, 4 * ms, 1),
        (own, site.pseudonym(lukasz), "small"): (SMALL_HOUR // 2, ms // 2, 1),
        (rotor, site.pseudonym(anna), "small"): (3 * SMALL_HOUR, 3 * ms, 1),
    }
    assert found.sums == sums_of(found.lines)
    assert found.sums.ticks == 13 * SMALL_HOUR // 2
    assert list(found.faults()) == []


def test_it_is_the_same_on_each_kind_of_database(site: Site, empty: str) -> None:
    migrate(empty)
    database = SqlDatabase(empty, first_uid=200_000)
    site.workbench = replace(site.workbench, database=database)
    try:
        anna = site.person("Anna Müller", "thr", "p-rotor")
        openings.open_now(site.workbench)
        site.used(anna, 3, "project/rotor")
        site.at(2026, 12, 1, 8)
        site.used(anna, 1, "project/rotor")
        found = site.statement("2026-11")
        listed = [(x.month, x.institution) for x in statement.available(site.workbench)]
    finally:
        database.close()
    rotor, own = _position(found, "project/rotor"), _position(found, "institution/thr")
    assert (rotor.granted, rotor.used, own.given) == (60 * HOUR, 3 * SMALL_HOUR, 110 * HOUR)
    assert (found.sums.ticks, found.final) == (3 * SMALL_HOUR, True)
    assert found.heads.posting > 0
    assert listed == [("2026-12", "thr"), ("2026-11", "thr")]


def test_its_order_is_not_that_of_the_databases_letters(site: Site, postgres: Postgres) -> None:
    name = postgres.new_database(sorted_as_in="cs")  # in Czech, ch comes after h
    migrate(postgres.address(name))
    database = SqlDatabase(postgres.address(name), first_uid=200_000)
    site.workbench = replace(site.workbench, database=database)
    both = [budget(of, HOUR, None, BudgetKind.PROJECT, "thr") for of in ("chemie", "cizi")]
    site.with_catalogue(
        budgets=by_id(budget("thr"), *both),
        projects=tuple(Project(b.name, Localized.same(b.name), "p-both") for b in both),
    )
    site.storage.projects |= {b.name for b in both}
    try:
        anna = site.person("Anna Müller", "thr", "p-both")
        for b in both:
            site.used(anna, 0.5, b.id)
        found = site.statement("2026-11")
        early = site.statement("2026-11", as_of=AsOf(found.heads.posting, found.heads.event))
    finally:
        database.close()
        postgres.drop(name)
    for made in (found, early):
        assert [line.budget for line in made.lines] == ["project/chemie", "project/cizi"]


def test_it_is_about_one_institution_alone(site: Site, anna: str) -> None:
    mira = site.person("Mira Conti", "iwe")
    site.used(anna, 2)
    site.used(mira, 5)
    assert site.statement("2026-11").sums.ticks == 2 * SMALL_HOUR
    assert site.statement("2026-11", "iwe").sums.ticks == 5 * SMALL_HOUR


def test_the_end_of_summer_time_is_a_day_of_25_hours(site: Site, anna: str) -> None:
    site.at(2026, 10, 24, 12)
    session = site.begin(anna)
    site.at(2026, 10, 26, 12)
    site.meter(session)
    assert site.statement("2026-10").sums.ticks == 49 * SMALL_HOUR


def test_the_beginning_of_summer_time_at_a_months_end_is_in_that_month(
    site: Site, anna: str
) -> None:
    # 28 March 2027 has 23 hours; the month ends at 22:00 UTC on the 31st.
    site.at(2027, 3, 27, 0)
    session = site.begin(anna)
    site.at(2027, 4, 1, 1)
    site.meter(session)
    assert site.statement("2027-03").sums.ticks == (5 * 24 - 1) * SMALL_HOUR
    assert site.statement("2027-04").sums.ticks == SMALL_HOUR


def test_a_leap_day_is_in_february(site: Site, anna: str) -> None:
    site.at(2028, 2, 28, 23)
    session = site.begin(anna)
    site.at(2028, 3, 1, 1)
    site.meter(session)
    assert site.statement("2028-02").sums.ticks == 25 * SMALL_HOUR
    assert site.statement("2028-03").sums.ticks == SMALL_HOUR


def test_a_session_over_the_months_end_counts_in_both(site: Site, anna: str) -> None:
    site.at(2026, 11, 30, 22)
    site.used(anna, 3)
    november, december = site.statement("2026-11"), site.statement("2026-12")
    assert (november.sums.ticks, december.sums.ticks) == (2 * SMALL_HOUR, SMALL_HOUR)
    assert (november.sums.sessions, december.sums.sessions) == (1, 1)


# Budgets


def test_a_budget_is_shown_with_what_it_gave_on(site: Site, anna: str) -> None:
    openings.open_now(site.workbench)
    site.used(anna, 2)
    own = _position(site.statement("2026-11"), "institution/thr")
    assert (own.granted, own.given, own.used) == (400 * HOUR, 110 * HOUR, 2 * SMALL_HOUR)
    assert own.left == 290 * HOUR - 2 * SMALL_HOUR
    assert (own.first_day, own.last_day) == ("2026-11-01", "2026-11-30")


def test_what_is_carried_over_comes_in_later_and_is_still_there_before(
    site: Site, anna: str
) -> None:
    site.used(anna, 8, "project/rotor")
    before = _position(site.statement("2026-11"), "project/rotor")
    site.at(2026, 12, 2, 8)
    openings.carry_now(site.workbench)
    site.used(anna, 1, "project/rotor")
    after = _position(site.statement("2026-11"), "project/rotor")
    december = _position(site.statement("2026-12"), "project/rotor", "2026-12")
    assert before == after
    assert after.left == 59 * HOUR
    assert december.carried == 59 * HOUR // 2


def test_a_term_is_shown_as_of_each_months_end(site: Site, anna: str) -> None:
    site.at(2026, 10, 13, 8)
    site.used(anna, 8, "project/netz")
    site.at(2026, 11, 3, 8)
    site.used(anna, 4, "project/netz")
    site.at(2026, 12, 3, 8)
    site.used(anna, 2, "project/netz")
    october, november, december = (
        _position(site.statement(month), "project/netz", "winter")
        for month in ("2026-10", "2026-11", "2026-12")
    )
    shown = [(p.used_before, p.used) for p in (october, november, december)]
    assert shown == [(0, HOUR), (HOUR, HOUR // 2), (HOUR * 3 // 2, HOUR // 4)]
    assert [p.left for p in (october, november)] == [49 * HOUR, 97 * HOUR // 2]
    assert (october.first_day, october.last_day) == ("2026-10-12", "2027-02-05")


def test_a_period_that_ends_within_the_month_has_what_was_used_until_then(
    site: Site, anna: str
) -> None:
    site.at(2027, 2, 5, 23)
    session = site.begin(anna, "project/netz")
    site.at(2027, 2, 6, 2)
    site.meter(session)
    found = site.statement("2027-02")
    ended = _position(found, "project/netz", "winter")
    outside = _position(found, "project/netz", "outside")
    assert (ended.used, ended.over) == (SMALL_HOUR, 0)
    # Nothing is granted outside of a budget's periods.
    assert (outside.used, outside.over) == (2 * SMALL_HOUR, 2 * SMALL_HOUR)
    assert (outside.first_day, outside.left) == ("2027-02-06", 0)
    assert list(found.faults()) == []


def test_what_is_granted_later_is_not_in_an_earlier_statement(site: Site, anna: str) -> None:
    site.used(anna, 2, "project/netz")
    site.at(2026, 12, 1, 8)
    november = site.statement("2026-11")
    with site.workbench.database.writing() as tx:
        openings.allot(site.workbench, tx, "root", NETZ, None, 80 * HOUR)
    assert site.statement("2026-11") == november
    assert _position(site.statement("2026-12"), "project/netz", "winter").granted == 80 * HOUR


# For ever


def test_a_month_is_final_once_it_is_over_and_charged_to_its_end(site: Site, anna: str) -> None:
    site.at(2026, 11, 30, 22)
    session = site.begin(anna)
    site.at(2026, 11, 30, 23)
    site.meter(session)
    assert not site.statement("2026-11").final
    site.at(2026, 12, 1, 0, 30)
    assert not site.statement("2026-11").final  # half an hour of it is not charged yet
    site.meter(session)
    assert site.statement("2026-11").final
    assert not site.statement("2026-12").final


def test_what_happens_later_changes_nothing_of_it(site: Site, anna: str) -> None:
    site.used(anna, 2)
    site.at(2026, 12, 1, 0)
    november = site.statement("2026-11")
    site.used(anna, 5)
    site.at(2027, 3, 1, 0)
    site.used(anna, 5, "project/rotor")
    assert site.statement("2026-11") == november
    assert site.statement("2026-11").signature == november.signature


def test_it_stands_on_the_last_charge_of_its_month_even_if_that_came_late(
    site: Site, anna: str
) -> None:
    lukasz = site.person("Łukasz Żółć", "thr")
    site.at(2026, 11, 30, 22)
    late = site.begin(anna)
    site.at(2026, 12, 1, 1)
    site.used(lukasz, 1)
    with site.workbench.database.reading() as tx:
        before = tx.ledger.head()
    site.meter(late)
    heads = site.statement("2026-11").heads
    assert heads.posting > before.number
    site.used(lukasz, 1)
    assert site.statement("2026-11").heads == heads


def test_a_project_that_begins_or_leaves_later_changes_nothing_of_it(site: Site, anna: str) -> None:
    site.used(anna, 2, "project/rotor")
    site.at(2026, 12, 1, 8)
    november = site.statement("2026-11")
    new = budget("neu", 10 * HOUR, None, ROTOR.kind, "thr")
    site.with_catalogue(budgets=by_id(budget("thr"), NETZ, new))
    site.used(anna, 1)
    assert site.statement("2026-11") == november


def test_a_budget_that_goes_by_other_periods_later_changes_nothing_of_it(
    site: Site, anna: str
) -> None:
    site.used(anna, 2, "project/rotor")
    site.at(2026, 12, 1, 8)
    november = site.statement("2026-11")
    other = replace(ROTOR, periods=NETZ.periods)
    site.with_catalogue(budgets=by_id(budget("thr"), NETZ, other))
    assert isinstance(ROTOR.periods, Months)
    assert site.statement("2026-11") == november


def test_a_renamed_institution_and_an_erased_person_change_no_signature(
    site: Site, anna: str
) -> None:
    site.used(anna, 2)
    site.at(2026, 12, 1, 8)
    november = site.statement("2026-11")
    renamed = Institution("thr", Localized.same("Universität am Rhein"), ("th-rhein.example",))
    site.with_catalogue(institutions=(renamed,))
    site.erase(anna)
    again = site.statement("2026-11")
    assert again.signature == november.signature
    names = site.names(again)
    assert names.institution == "Universität am Rhein"
    assert names.people == {}


def test_every_figure_is_signed(site: Site, anna: str) -> None:
    site.used(anna, 2)
    found = site.statement("2026-11")
    line, position, sums, heads = found.lines[0], found.positions[0], found.sums, found.heads
    changed = [
        replace(found, lines=(replace(line, idle_ms=line.idle_ms + 1),)),
        replace(found, positions=(replace(position, granted=1), *found.positions[1:])),
        replace(found, sums=replace(sums, sessions=2)),
        replace(found, heads=replace(heads, event_hash="1" * 64)),
        replace(found, final=True),
    ]
    assert len({one.signature for one in (found, *changed)}) == len(changed) + 1


def test_what_does_not_add_up_is_said(site: Site, anna: str) -> None:
    site.used(anna, 2)
    found = site.statement("2026-11")
    wrong = replace(found, sums=replace(found.sums, ticks=7))
    assert [*wrong.faults()] == [
        f"The lines' ticks add up to {2 * SMALL_HOUR}, and the sum says 7."
    ]
    more = replace(found, lines=(replace(found.lines[0], over_ticks=10**9),))
    assert any("larger than the whole" in fault for fault in more.faults())


def test_the_list_has_every_month_of_every_institution_that_used_anything(
    site: Site, anna: str
) -> None:
    mira = site.person("Mira Conti", "iwe")
    site.used(anna, 2)
    site.at(2026, 12, 1, 8)
    site.used(mira, 1)
    site.used(anna, 1)
    found = [(x.month, x.institution, x.final) for x in statement.available(site.workbench)]
    assert found == [
        ("2026-12", "iwe", False),
        ("2026-12", "thr", False),
        ("2026-11", "thr", True),
    ]
