"""Statements of months whose terms were moved, renamed or removed in the settings since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub.adapters.sql import SqlDatabase, migrate
from labwerk_hub.adapters.statements import Format, render
from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.ledger import FREE, GIVEN, GRANTED, Posting, PostingKind, move
from labwerk_hub.domain.openings import Opening, as_opened
from labwerk_hub.domain.periods import Months, Period, PeriodRule, Term, Terms, midnight_ms
from labwerk_hub.domain.statement import Position
from labwerk_hub.services import openings, verification
from support.spent import spend
from support.statements import BERLIN, HOUR, NETZ, ROTOR, SMALL_HOUR, Site, site_in
from support.workbench import budget
from support.workbench import budgets as by_id

DAY = timedelta(days=1)
MONTHS = ("2026-10", "2026-11")
WINTER = Term("winter", date(2026, 10, 12), date(2027, 2, 5))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """In December; Netz, by terms, paid for use in each of the months before."""
    with site_in(tmp_path) as found:
        _work(found)
        yield found


def _work(site: Site) -> None:
    anna = site.person("Anna Müller", "thr", "p-rotor", "p-netz")
    site.at(2026, 10, 13, 8)
    site.used(anna, 8, "project/netz")
    site.at(2026, 11, 3, 8)
    site.used(anna, 4, "project/netz")
    site.used(anna, 2, "institution/thr")
    site.at(2026, 12, 1, 8)


def _netz(*terms: Term, otherwise: PeriodRule | None = None) -> Budget:
    return replace(NETZ, periods=otherwise or Terms(BERLIN, terms))


def _settings(site: Site, *netz: Budget) -> None:
    """The settings as from now on, in a hub that starts anew."""
    site.with_catalogue(budgets=by_id(budget("thr"), budget("iwe"), ROTOR, *netz))
    openings.open_now(site.workbench)


def _written(site: Site) -> list[bytes]:
    """The months in every form."""
    made = [site.statement(month) for month in MONTHS]
    return [render(one, form, site.names(one)) for one in made for form in Format]


def _of_netz(site: Site, month: str) -> list[Position]:
    found = site.statement(month)
    assert list(found.faults()) == []
    return [one for one in found.positions if one.budget == "project/netz"]


CHANGES = {
    "ends later": _netz(replace(WINTER, last_day=date(2027, 3, 31))),
    "ended already": _netz(replace(WINTER, last_day=date(2026, 11, 2))),
    "began later": _netz(replace(WINTER, first_day=date(2026, 11, 1))),
    "began earlier": _netz(replace(WINTER, first_day=date(2026, 9, 1))),
    "is called otherwise": _netz(replace(WINTER, name="ws2026")),
    "was removed": _netz(),
    "has others before it": _netz(
        Term("herbst", date(2026, 10, 1), date(2026, 11, 20)),
        replace(WINTER, first_day=date(2026, 11, 21)),
    ),
    "gave way to months": _netz(otherwise=Months(BERLIN)),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_a_term_that_is_changed_later_changes_no_byte(site: Site, changed: Budget) -> None:
    before = _written(site)
    _settings(site, changed)
    assert _written(site) == before
    site.used("thr--anna-mueller", 1, "institution/thr")
    site.at(2027, 4, 1, 8)
    openings.open_now(site.workbench)
    assert _written(site) == before
    assert verification.verify(site.workbench).findings == ()


def test_a_budget_that_left_the_settings_keeps_its_terms_and_its_signature(site: Site) -> None:
    before = [site.statement(month) for month in MONTHS]
    _settings(site)
    assert [site.statement(month) for month in MONTHS] == before
    assert site.names(before[0]).budgets["project/netz"] == "netz"  # its title left with it


def test_a_term_with_another_title_changes_nothing_that_is_signed(site: Site) -> None:
    before = [site.statement(month) for month in MONTHS]
    _settings(site, _netz(replace(WINTER, title="Wintersemester")))
    assert [site.statement(month) for month in MONTHS] == before


def test_an_end_that_was_moved_stands_in_the_months_from_then_on(site: Site) -> None:
    _settings(site, _netz(replace(WINTER, last_day=date(2027, 3, 31))))
    (november,), (december,) = _of_netz(site, "2026-11"), _of_netz(site, "2026-12")
    assert (november.last_day, december.last_day) == ("2027-02-05", "2027-03-31")
    assert december.granted == 50 * HOUR
    site.at(2027, 4, 10, 8)
    (march,), april = _of_netz(site, "2027-03"), _of_netz(site, "2027-04")
    assert (march.used_before, march.last_day) == (12 * SMALL_HOUR, "2027-03-31")
    assert april == []


def test_a_term_that_was_ended_ends_on_the_day_on_which_that_was_seen(site: Site) -> None:
    _settings(site, _netz(replace(WINTER, last_day=date(2026, 11, 20))))
    site.at(2027, 1, 10, 8)
    (december,) = _of_netz(site, "2026-12")
    assert (december.first_day, december.last_day) == ("2026-10-12", "2026-12-01")
    assert _of_netz(site, "2027-01") == []


def test_one_term_in_place_of_another_has_the_use_from_then_on(site: Site) -> None:
    site.at(2026, 12, 10, 8)
    site.used("thr--anna-mueller", 2, "project/netz")
    site.at(2026, 12, 15, 8)
    _settings(site, _netz(replace(WINTER, name="ws2026")))
    site.used("thr--anna-mueller", 4, "project/netz")
    winter, ws2026 = sorted(_of_netz(site, "2026-12"), key=lambda one: one.first_day)
    assert (winter.period, winter.last_day, winter.used) == ("winter", "2026-12-14", SMALL_HOUR * 2)
    assert (ws2026.period, ws2026.first_day) == ("ws2026", "2026-12-15")
    assert (ws2026.used, ws2026.last_day) == (SMALL_HOUR * 4, "2027-02-05")


def test_a_term_that_is_to_have_begun_later_keeps_what_was_used_in_it(site: Site) -> None:
    _settings(site, _netz(replace(WINTER, first_day=date(2026, 12, 1))))
    (december,) = _of_netz(site, "2026-12")
    assert (december.first_day, december.used_before) == ("2026-10-12", 12 * SMALL_HOUR)
    assert december.left == 50 * HOUR - 12 * SMALL_HOUR


@pytest.mark.parametrize("days", [0, 3])
def test_settings_that_are_taken_back_leave_the_term_as_it_was(site: Site, days: int) -> None:
    _settings(site, _netz(otherwise=Months(BERLIN)))
    site.clock.step(days=days)
    _settings(site, NETZ)
    (december,) = _of_netz(site, "2026-12")
    assert (december.period, december.first_day, december.last_day) == (
        "winter", "2026-10-12", "2027-02-05",
    )  # fmt: skip
    assert december.left == 50 * HOUR - 12 * SMALL_HOUR


def test_a_term_that_is_opened_ahead_of_its_time_can_still_be_moved(site: Site) -> None:
    summer = Term("summer", date(2027, 2, 6), date(2027, 9, 30))
    site.at(2027, 2, 5, 23)
    _settings(site, _netz(WINTER, summer))
    longer = replace(WINTER, last_day=date(2027, 2, 10))
    _settings(site, _netz(longer, replace(summer, first_day=date(2027, 2, 11))))
    site.at(2027, 2, 11, 8)
    openings.open_now(site.workbench)
    winter, then = sorted(_of_netz(site, "2027-02"), key=lambda one: one.first_day)
    assert (winter.period, winter.last_day) == ("winter", "2027-02-10")
    assert (then.period, then.first_day, then.granted) == ("summer", "2027-02-11", 50 * HOUR)


def test_a_term_in_which_nothing_was_granted_is_kept_as_well(site: Site) -> None:
    nothing = replace(budget("iwe", 0, over_use=True), periods=NETZ.periods)
    site.with_catalogue(budgets=by_id(budget("thr"), nothing, ROTOR, NETZ))
    site.used(site.person("Mira Conti", "iwe"), 2)
    site.at(2027, 1, 1, 8)
    before = site.statement("2026-12", "iwe")
    (position,) = before.positions
    assert (position.period, position.last_day) == ("winter", "2027-02-05")
    assert (position.granted, position.over) == (0, 2 * SMALL_HOUR)
    site.with_catalogue(budgets=by_id(budget("thr"), budget("iwe"), ROTOR, NETZ))
    assert site.statement("2026-12", "iwe") == before


def test_of_a_ledger_that_was_written_before_the_settings_say_when_its_terms_were(
    tmp_path: Path,
) -> None:
    with site_in(tmp_path) as site:
        site.person("Anna Müller", "thr", "p-netz")
        _settings(site)  # so that nothing of it is opened
        site.at(2026, 11, 3, 8)
        with site.workbench.database.writing() as tx:
            entries = move("institution/thr", "2026-11", FREE, GIVEN, 50 * HOUR)
            entries += move("project/netz", "winter", GRANTED, FREE, 50 * HOUR)
            tx.ledger.post(Posting(PostingKind.GRANT, "old", site.clock.ms, "labwerk", entries))
            anna = tx.people.by_name("thr--anna-mueller")
            assert anna is not None
            site.with_catalogue(budgets=by_id(budget("thr"), NETZ))
            spend(site.workbench, tx, anna, date(2026, 11, 3), 4, payer="project/netz")
        site.at(2026, 12, 1, 8)
        before = _of_netz(site, "2026-11")
        (winter,) = before
        assert (winter.first_day, winter.granted, winter.used) == (
            "2026-10-12",
            50 * HOUR,
            4 * HOUR,
        )
        _settings(site, NETZ)
        assert _of_netz(site, "2026-11") == before
        site.with_catalogue(budgets=by_id(budget("thr")))
        (december,) = _of_netz(site, "2026-12")
        assert (december.period, december.used_before) == ("winter", 4 * HOUR)
        assert verification.verify(site.workbench).findings == ()


def test_a_budget_that_left_the_settings_stays_in_statements_until_its_term_ends(
    site: Site,
) -> None:
    _settings(site)
    site.at(2027, 4, 1, 8)
    openings.open_now(site.workbench)
    shown = [len(_of_netz(site, month)) for month in ("2026-12", "2027-02", "2027-03")]
    assert shown == [1, 1, 0]


def test_starting_anew_notes_no_period_again(site: Site) -> None:
    def head() -> int:
        with site.workbench.database.reading() as tx:
            return tx.ledger.head().number

    for changed in (NETZ, CHANGES["ends later"], CHANGES["is called otherwise"], _netz()):
        _settings(site, changed)
        once = head()
        _settings(site, changed)
        assert head() == once


_days = st.integers(0, 400).map(lambda day: midnight_ms(date(2026, 9, 1) + day * DAY, BERLIN))
_openings = st.builds(
    lambda name, ends, made: Opening(Period(name, *sorted(ends)), made + 7 * 3_600_000),
    st.sampled_from("abc"),
    st.tuples(_days, _days),
    _days,
)


@given(st.lists(_openings, max_size=6).map(lambda of: sorted(of, key=lambda one: one.made_ms)))
def test_whatever_the_settings_said_each_moment_is_in_one_period(openings: list[Opening]) -> None:
    found = as_opened(openings, BERLIN)
    assert all(one.start_ms < one.end_ms for one in found.periods)
    assert all(one.end_ms <= then.start_ms for one, then in pairwise(found.periods))
    moment, seen = midnight_ms(date(2026, 8, 1), BERLIN), []
    while moment < midnight_ms(date(2027, 12, 1), BERLIN):
        period = found.at(moment)
        assert period.start_ms <= moment < period.end_ms
        seen += [period.name] if period.is_open else []
        moment = period.end_ms
    assert seen == [one.name for one in found.periods]
    assert len(seen) == len(set(seen))


def test_it_is_the_same_on_each_kind_of_database(tmp_path: Path, empty: str) -> None:
    migrate(empty)
    database = SqlDatabase(empty, first_uid=200_000)
    with site_in(tmp_path) as site:
        site.workbench = replace(site.workbench, database=database)
        try:
            _work(site)
            before = [site.statement(month) for month in MONTHS]
            _settings(site, _netz(replace(WINTER, last_day=date(2027, 3, 31))))
            _settings(site, _netz())
            assert [site.statement(month) for month in MONTHS] == before
            (december,) = _of_netz(site, "2026-12")
            assert (december.last_day, december.granted) == ("2026-12-01", 50 * HOUR)
            assert verification.verify(site.workbench).findings == ()
        finally:
            database.close()
