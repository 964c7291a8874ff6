"""The notebook client: budget, who pays, asking for more, and what was used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import labwerk
import pytest
from support.overview_service import OverviewService, notebooks_service, payer


@pytest.fixture(autouse=True)
def service(tmp_path: Path) -> Iterator[OverviewService]:
    with notebooks_service(tmp_path) as found:
        yield found


def test_the_budget_is_in_gpu_hours() -> None:
    budget = labwerk.budget()
    assert (budget.granted, budget.held, budget.per_hour) == (60, 1, 0.125)
    assert budget.lasts == timedelta(days=14, hours=11, minutes=21, seconds=36)
    assert "16.58" in repr(budget)
    assert "14 days, 11 hours" in repr(budget)
    assert re.search(r"Left +42\.42\n +Kept for running sessions +1\n", repr(budget))


def test_a_little_of_a_budget_is_not_nothing(service: OverviewService) -> None:
    service.body["budget"].update(held_ticks=0, left_ticks=3)
    shown = repr(labwerk.budget())
    assert re.search(r"Left +< 0\.01\n +Kept for running sessions +0\n", shown)


def test_the_budget_speaks_the_sessions_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWERK_LANGUAGE", "de")
    shown = repr(labwerk.budget())
    assert shown.startswith("GPU-Stunden: Rhine Technical University, November 2026")
    assert "16,58" in shown
    assert "14 Tage, 11 Stunden" in shown


def test_the_budget_names_those_that_may_pay(service: OverviewService) -> None:
    assert "may pay" not in labwerk.budget()._repr_html_()
    rotor = payer("project/rotor", "Rotor <blades>", over_use=True)
    service.body["payers"].append(rotor | {"period": "Winter 2026/27", "left_ticks": 86400})
    budget = labwerk.budget()
    assert [one.id for one in budget.payers] == ["institution/thr", "project/rotor"]
    assert (budget.payers[1].left, budget.payers[1].over_use) == (1, True)
    shown = repr(budget)
    for said in ("project/rotor", "Winter 2026/27", "Pays now"):
        assert said in shown
    assert "Rotor &lt;blades&gt;" in budget._repr_html_()
    assert "Budgets that may pay, in GPU-hours" in budget._repr_html_()


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ({"warning": "fifth"}, "Less than a fifth of your budget is left."),
        ({"warning": "tenth"}, "Less than a tenth of your budget is left."),
        ({"warning": "minutes"}, "used up in a few minutes"),
        ({"warning": "minutes", "lasts_seconds": 40}, "used up within a minute"),
        ({"warning": "minutes", "lasts_seconds": 0}, "Your budget is used up."),
        ({"warning": "used-up"}, "Your budget is used up."),
        (
            {"warning": "used-up", "grace_ends_at": "2026-11-21T22:20:00Z"},
            "used up: your session stops at Nov 21, 2026",
        ),
        ({"over_use": True, "lasts_seconds": None}, "Your session runs without budget."),
        ({"period": "outside", "granted_ticks": 0}, "no budget at this time"),
        ({"kind": "course"}, "course"),
    ],
)
def test_a_budget_near_its_end_or_without_a_period_says_so(
    service: OverviewService, differences: dict[str, object], said: str
) -> None:
    assert said not in repr(labwerk.budget())
    service.body["budget"].update(differences)
    assert said in repr(labwerk.budget())
    assert "0 minutes" not in repr(labwerk.budget())


def test_fixed_dates_are_written_as_days_are(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABWERK_LANGUAGE", "it")
    service.body["budget"].update(period="2026-11-01..2027-02-05")
    assert "1 nov 2026 – 5 feb 2027" in re.sub(r"\s", " ", repr(labwerk.budget()))


def test_another_budget_pays_from_a_notebook(service: OverviewService) -> None:
    service.body["budget"].update(id="project/rotor", kind="project", title="Rotor blades")
    assert labwerk.budget.pay_with("project/rotor").title == "Rotor blades"
    assert service.changed == ["/services/labwerk/api/v1/session/payer?lang=en"]
    assert service.said == [{"budget": "project/rotor"}]

    service.status, service.body = 409, {"code": "budget-used-up", "message": "Too little."}
    with pytest.raises(labwerk.RefusedError, match="Too little") as refused:
        labwerk.budget.pay_with("course/ml4wind")
    assert refused.value.code == "budget-used-up"


def test_more_is_asked_for_from_a_notebook_and_who_decides_is_said(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"id": "br-1", "deciders": ["Mira Conti", "Jo Ek"], "repeated": False, "request": {}}
    service.answers["budget-requests"] = asked
    shown = repr(labwerk.budget.ask_for_more("Drei Läufe"))
    assert shown == "Your request for more is made. These decide: Mira Conti, Jo Ek."
    assert service.said == [{"budget": "institution/thr", "words": "Drei Läufe"}]

    service.answers["budget-requests"] = asked | {"repeated": True}
    assert repr(labwerk.budget.ask_for_more()).startswith("You have asked already. These decide")
    monkeypatch.setenv("LABWERK_LANGUAGE", "fr")
    service.answers["budget-requests"] = asked | {"repeated": True, "deciders": []}
    assert repr(labwerk.budget.ask_for_more()).startswith("Vous l'avez déjà demandé")


def test_what_was_used_is_a_table_by_day(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid = [{"id": "institution/thr", "ticks": 86400}, {"id": "project/rotor", "ticks": 43200}]
    first = {"day": "2026-11-02", "ticks": 129600, "over_ticks": 0, "idle_ticks": 43200}
    second = {"day": "2026-11-21", "ticks": 86400, "over_ticks": 21600, "idle_ticks": 0}
    days = [first | {"by": paid}, second | {"by": paid[:1]}]
    service.answers["use"] = {"month": "2026-11", "days": days, "name": "thr--anna-mueller"}
    use = labwerk.use("2026-11")
    assert service.asked[-1][0] == "/services/labwerk/api/v1/use?month=2026-11&lang=en"
    assert (len(use), use.gpu_hours, use.idle, use.over) == (2, 2.5, 0.5, 0.25)
    assert use[0].by == {"institution/thr": 86400, "project/rotor": 43200}
    assert len(use[1:]) == 1
    title, head, row, *_, total = repr(use).splitlines()
    assert title == "GPU-hours used in November 2026"
    assert head.split("  ")[0] == "Day"
    assert row.split() == [
        "Nov",
        "2,",
        "2026",
        "1.5",
        "0.5",
        "0",
        "institution/thr,",
        "project/rotor",
    ]
    assert total.split() == ["Together", "2.5", "0.5", "0.25"]
    assert "<caption>" in use._repr_html_()

    service.answers["use"] = {"month": "2026-10", "days": []}
    monkeypatch.setenv("LABWERK_LANGUAGE", "de")
    assert repr(labwerk.use()) == "Im Oktober 2026 wurde nichts verbraucht."
    assert service.asked[-1][0].endswith("/use?lang=de")
