"""`labwerk budgets …` and `labwerk use`: what a page can do, on the machine."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.services import budget_requests
from support.budget_install import HOUR, BudgetInstall, budget_install

NETZ = "project/netz"


@pytest.fixture
def site(tmp_path: Path) -> BudgetInstall:
    return budget_install(tmp_path)


def run(site: BudgetInstall, *words: str) -> str:
    answer = site.site.run(*words)
    assert answer.code == 0, answer.text
    return answer.text


def refused(site: BudgetInstall, *words: str) -> str:
    answer = site.site.run(*words)
    assert answer.code != 0, answer.text
    return answer.text


def this_month(site: BudgetInstall) -> str:
    now = site.site.workbench.clock().astimezone(site.site.settings.machine.zone)
    return f"{now:%Y-%m}"


def test_the_list_shows_what_is_left_of_each_budget(site: BudgetInstall) -> None:
    site.charge(site.anna, 2)
    thr, netz = run(site, "budgets", "list").splitlines()
    had = "360 GPU-hours left of 400 GPU-hours; 40 GPU-hours given on"
    assert thr.startswith(f"institution/thr, {this_month(site)}: {had}")
    assert netz.startswith(f"  project/netz, {this_month(site)}: 38 GPU-hours left of 40")
    found = json.loads(run(site, "budgets", "list", "--json"))["budgets"]
    assert [one["head"]["id"] for one in found] == ["institution/thr", NETZ]
    assert found[1]["figures"]["used_ticks"] == 2 * HOUR


def test_a_budget_is_shown_with_its_people_and_what_was_decided(site: BudgetInstall) -> None:
    site.charge(site.anna, 2)
    run(site, "budgets", "share", NETZ, site.anna.name, "--gpu-hours", "7.5")
    text = run(site, "budgets", "show", NETZ)
    assert "used 2 GPU-hours of 7.5 GPU-hours (decided), left 5.5 GPU-hours" in text
    assert "An administrator of the machine: Anna Müller 7.5 GPU-hours, from then on" in text
    assert json.loads(run(site, "budgets", "show", NETZ, "--json"))["head"]["id"] == NETZ
    rows = list(csv.DictReader(io.StringIO(run(site, "budgets", "show", NETZ, "--csv"))))
    assert {row["person"] for row in rows} == {site.anna.name, site.lea.name}


def test_a_budget_is_set_for_a_period_and_back_to_the_settings(site: BudgetInstall) -> None:
    text = run(site, "budgets", "set", NETZ, "--gpu-hours", "55", "--period", this_month(site))
    assert "granted 55 GPU-hours" in text
    assert "granted 40 GPU-hours" in run(
        site, "budgets", "set", NETZ, "--gpu-hours", "default", "--period", this_month(site)
    )


def test_a_budget_that_cannot_be_made_so_small_says_what_it_keeps(site: BudgetInstall) -> None:
    text = run(site, "budgets", "set", "institution/thr", "--gpu-hours", "30")
    assert "granted 40 GPU-hours, given on 40 GPU-hours" in text
    assert text.splitlines()[1] == (
        "It has 40 GPU-hours until this period ends: so much is used, held for sessions or given "
        "on. 30 GPU-hours hold from the next period on."
    )
    again = run(site, "budgets", "set", "institution/thr", "--gpu-hours", "50")
    assert len(again.splitlines()) == 1


def test_what_cannot_be_is_refused_in_a_sentence(site: BudgetInstall) -> None:
    assert "has only 360 GPU-hours left to give" in refused(
        site, "budgets", "set", NETZ, "--gpu-hours", "401"
    )
    assert "there are institution/thr, project/netz" in refused(
        site, "budgets", "show", "project/nothing"
    )
    assert "write it like 12.5, or 'default'" in refused(
        site, "budgets", "set", NETZ, "--gpu-hours", "much"
    )
    assert "below zero" in refused(site, "budgets", "set", NETZ, "--gpu-hours", "-1")
    assert "Nobody called thr--nobody" in refused(
        site, "budgets", "share", NETZ, "thr--nobody", "--gpu-hours", "1"
    )
    assert "no period “1999-01”" in refused(site, "budgets", "show", NETZ, "--period", "1999-01")


def test_requests_are_shown_granted_and_declined(site: BudgetInstall) -> None:
    assert run(site, "budgets", "requests") == "Nobody asks for more.\n"
    work = site.site.workbench
    first = budget_requests.ask(work, site.anna, NETZ, 5 * HOUR, "A deadline")
    second = budget_requests.ask(work, site.lea, NETZ)
    lines = run(site, "budgets", "requests").splitlines()
    assert f"{site.anna.name} asks for 5 GPU-hours more of project/netz" in lines[0]
    assert "“A deadline”" in lines[0]
    assert f"{site.lea.name} asks for more of project/netz" in lines[1]
    granted = run(site, "budgets", "grant", first.id, "--gpu-hours", "4")
    assert granted.endswith(": granted 4 GPU-hours\n")
    declined = run(site, "budgets", "decline", second.id, "--because", "Not now")
    assert declined.endswith(": declined\n")
    assert json.loads(run(site, "budgets", "requests", "--json")) == {"requests": []}
    assert "closed already" in refused(site, "budgets", "decline", first.id)
    assert "There is no request br-0; `budgets requests` lists them." in refused(
        site, "budgets", "grant", "br-0", "--gpu-hours", "1"
    )


def test_what_a_person_used_is_told_by_budget_and_flavour(site: BudgetInstall) -> None:
    site.charge(site.anna, 2)
    text = run(site, "use", site.anna.name)
    assert f"{site.anna.name} (Anna Müller), {this_month(site)}: 2 GPU-hours in 1 session" in text
    assert "Grid load (project/netz): 2 GPU-hours" in text
    assert "Half a GPU (large): 2 GPU-hours" in text
    (row,) = csv.DictReader(io.StringIO(run(site, "use", site.anna.name, "--csv")))
    assert row["gpu_hours"] == "2.000000"
    assert json.loads(run(site, "use", site.anna.name, "--json"))["total"]["ticks"] == 2 * HOUR
    assert "has signed in here; `people list` shows who has." in refused(site, "use", "thr--nobody")
    assert "no month" in refused(site, "use", site.anna.name, "--month", "11/2026")
    assert refused(site, "use", "--month", "2999-01").startswith("2999-01 has not begun")


def test_a_table_is_told_in_one_form(site: BudgetInstall) -> None:
    for words in (["use"], ["budgets", "show", NETZ]):
        assert "exclude each other" in refused(site, *words, "--csv", "--json")


def test_without_a_name_all_institutions_are_told(site: BudgetInstall) -> None:
    site.charge(site.anna, 2)
    text = run(site, "use")
    assert text.startswith(f"{this_month(site)}: 2 GPU-hours in 1 session\n")
    assert "institution/thr" in text
    assert text.endswith("; 4 people, 0 sessions now\n")
    site.site.hold(Slice("fixed", "1g.10gb", 0, 1))
    assert run(site, "use").endswith("; 5 people, 1 session now\n")
    (row,) = csv.DictReader(io.StringIO(run(site, "use", "--csv")))
    assert (row["institution"], row["month_gpu_hours"], row["people"]) == ("thr", "2.000000", "5")
