"""What is wrong with the budgets and terms of a settings file, as read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

from labwerk_hub.domain.periods import OUTSIDE

#: Tables that have budgets; those after the first give on what the first have.
_WITH_BUDGETS = ("institutions", "projects", "courses")
#: Entries by their table, as the file has them: of any shape.
Entries = Mapping[str, Sequence[Mapping[str, Any]]]


class BudgetFault(NamedTuple):
    """A key of an entry (its table, its place), its value, and what would be right."""

    section: str
    entry: int
    key: str
    value: object
    remedy: str


def budget_faults(entries: Entries) -> Iterator[BudgetFault]:
    """Every problem, one after the other."""
    yield from _periods(entries)
    yield from _dates(entries)
    yield from _terms(entries["terms"])
    yield from _given_on(entries)
    yield from _shares(entries)


def _periods(entries: Entries) -> Iterator[BudgetFault]:
    for section in _WITH_BUDGETS:
        for index, entry in enumerate(entries[section]):
            period = entry.get("period", "dates" if section == "courses" else "month")
            if period == "dates" and not ("first_day" in entry and "last_day" in entry):
                yield BudgetFault(section, index, "period", period, "needs first_day and last_day")
            if period == "term" and not entries["terms"]:
                remedy = "needs at least one entry in [[terms]]"
                yield BudgetFault(section, index, "period", period, remedy)
            if section == "projects" and entry.get("gpu_hours") and "institution" not in entry:
                remedy = "needs institution, the one that the budget is given from"
                yield BudgetFault(section, index, "gpu_hours", entry["gpu_hours"], remedy)


def _dates(entries: Entries) -> Iterator[BudgetFault]:
    for section in ("terms", *_WITH_BUDGETS):
        for index, entry in enumerate(entries[section]):
            first, last = entry.get("first_day"), entry.get("last_day")
            if isinstance(first, date) and isinstance(last, date) and last < first:
                remedy = f"must not be before first_day ({first})"
                yield BudgetFault(section, index, "last_day", str(last), remedy)


def _terms(terms: Sequence[Mapping[str, Any]]) -> Iterator[BudgetFault]:
    for index, entry in enumerate(terms):
        if entry.get("name") == OUTSIDE:
            remedy = "means the time without a term; choose another name"
            yield BudgetFault("terms", index, "name", OUTSIDE, remedy)
    ordered = sorted(
        (entry["first_day"], entry["last_day"], str(entry.get("name")), index)
        for index, entry in enumerate(terms)
        if isinstance(entry.get("first_day"), date) and isinstance(entry.get("last_day"), date)
    )
    for before, after in pairwise(ordered):
        if after[0] <= before[1]:
            remedy = f"must be after the last day of “{before[2]}” ({before[1]})"
            yield BudgetFault("terms", after[3], "first_day", str(after[0]), remedy)


def _given_on(entries: Entries) -> Iterator[BudgetFault]:
    """What an institution gives to its projects and courses, against what it has."""
    has = {entry.get("name"): entry.get("gpu_hours") for entry in entries["institutions"]}
    given: dict[object, int] = {}
    for section in _WITH_BUDGETS[1:]:
        for index, entry in enumerate(entries[section]):
            hours, giver = entry.get("gpu_hours", 0), entry.get("institution")
            budget = has.get(giver)
            if not isinstance(hours, int) or not isinstance(budget, int):
                continue
            given[giver] = given.get(giver, 0) + hours
            if given[giver] > budget:
                remedy = (
                    f"makes {given[giver]} that “{giver}” gives on, which has gpu_hours = "
                    f"{budget}; give less, or let it have more"
                )
                yield BudgetFault(section, index, "gpu_hours", hours, remedy)


def _shares(entries: Entries) -> Iterator[BudgetFault]:
    for section in _WITH_BUDGETS:
        for index, entry in enumerate(entries[section]):
            share, hours = entry.get("person_gpu_hours"), entry.get("gpu_hours", 0)
            if isinstance(share, int) and isinstance(hours, int) and share > hours:
                remedy = f"must not be more than gpu_hours ({hours}); leave it out for all of it"
                yield BudgetFault(section, index, "person_gpu_hours", share, remedy)
