"""A budget's period is named as it is shown, and decisions about it are recorded with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from labwerk_hub import formats
from labwerk_hub.domain.people import Person
from labwerk_hub.services import audit
from support.budget_install import BudgetInstall, budget_install
from support.mailing import somebody
from support.small_install import POOL, SmallInstall, install

NETZ, COURSE = "project/netz", "course/ml4wind"
_COURSE = """
[[courses]]
name = "ml4wind"
title = "Machine learning for wind energy"
institution = "thr"
instructors = "ml4wind-instructors"
roster = "ml4wind"
first_day = {first}
last_day = {last}
gpu_hours = 60
person_gpu_hours = 5
"""


@dataclass(frozen=True)
class Taught:
    """A course between two dates that lasts for some weeks yet."""

    site: SmallInstall
    first: date
    last: date
    anna: Person

    @property
    def dates(self) -> str:
        return f"{self.first}..{self.last}"

    def run(self, *words: str) -> str:
        answer = self.site.run(*words)
        assert answer.code == 0, answer.text
        return answer.text


@pytest.fixture
def taught(tmp_path: Path) -> Taught:
    today = date.today()  # noqa: DTZ011 - some day near now
    first, last = today - timedelta(days=30), today + timedelta(days=30)
    made = install(tmp_path, POOL + _COURSE.format(first=first, last=last))
    return Taught(made, first, last, somebody(made.workbench, "Anna Müller", "ml4wind"))


@pytest.fixture
def site(tmp_path: Path) -> BudgetInstall:
    return budget_install(tmp_path)


def test_a_courses_period_is_named_as_it_is_shown_or_by_its_beginning(taught: Taught) -> None:
    shown = taught.run("budgets", "show", COURSE)
    assert f"{COURSE} (Machine learning for wind energy), {taught.dates}: granted 60" in shown
    for name in (taught.dates, f"{taught.first}.."):
        assert taught.run("budgets", "show", COURSE, "--period", name) == shown
    taught.run("budgets", "set", COURSE, "--gpu-hours", "70", "--period", taught.dates)
    decided = taught.run("budgets", "show", COURSE).splitlines()[-1]
    assert decided.endswith(f": the budget 70 GPU-hours, {taught.dates}")


def test_who_names_a_period_that_there_is_not_is_told_which_there_are(taught: Taught) -> None:
    looked = taught.site.run("budgets", "show", COURSE, "--period", "2026")
    assert looked.text == (
        f"“Machine learning for wind energy” has no period “2026”; it has these: {taught.dates}."
    )
    decided = taught.site.run("budgets", "set", COURSE, "--gpu-hours", "70", "--period", "2026")
    assert decided.text.endswith(f"the one that is on and the one after it: {taught.dates}.")


def test_the_record_says_for_which_period_alone_a_budget_was_set(site: BudgetInstall) -> None:
    month = f"{site.site.workbench.clock().astimezone(site.site.settings.machine.zone):%Y-%m}"
    for amount in ("50", "default"):
        site.site.run("budgets", "set", NETZ, "--gpu-hours", amount, "--period", month)
    site.site.run("budgets", "set", NETZ, "--gpu-hours", "60")
    lines = site.site.run("audit", "list", "--kind", "budget").text.splitlines()
    called = formats.month(month, "en")
    assert [line.partition(" was ")[2].partition(" [")[0] for line in lines] == [
        "set to 60 GPU-hours from then on.",
        f"set to 40 GPU-hours for {called}.",
        f"set to 50 GPU-hours for {called}.",
    ]


def test_a_person_sees_for_which_period_alone_their_share_was_set(taught: Taught) -> None:
    for words in (["3", "--period", taught.dates], ["4"]):
        taught.run("budgets", "share", COURSE, taught.anna.name, "--gpu-hours", *words)
    seen = audit.of_person(taught.site.workbench, taught.anna.name, "en").events
    days = formats.span(taught.first, taught.last, "en")
    course = "The share of the budget “Machine learning for wind energy” was set to"
    assert [event.what for event in seen] == [
        f"{course} 4 GPU-hours from then on.",
        f"{course} 3 GPU-hours for {days}.",
    ]
