"""The budgets of the settings, as the domain's own types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.periods import Months, PeriodRule, Term, Terms
from labwerk_hub.domain.texts import Localized

if TYPE_CHECKING:
    from labwerk_hub.settings import Settings
    from labwerk_hub.settings.budgets import BudgetRules


def budgets_of(settings: Settings) -> dict[str, Budget]:
    """All budgets by their ids; projects and courses without GPU-hours have none."""
    found = [
        _budget(settings, of, BudgetKind.INSTITUTION, of.name, of.title, of.name, "")
        for of in settings.institutions
    ]
    found += [
        _budget(settings, of, BudgetKind.PROJECT, of.name, of.title, of.institution, of.leads)
        for of in settings.projects
        if of.institution is not None
    ]
    found += [
        _budget(settings, of, BudgetKind.COURSE, of.name, of.title, of.institution, of.instructors)
        for of in settings.courses
        if of.gpu_hours
    ]
    return {budget.id: budget for budget in found}


def _budget(
    settings: Settings,
    rules: BudgetRules,
    kind: BudgetKind,
    name: str,
    title: Localized,
    institution: str,
    leads: str,
) -> Budget:
    share = rules.person_gpu_hours
    return Budget(
        kind=kind,
        name=name,
        title=title,
        institution=institution,
        ticks=rules.gpu_hours * TICKS_PER_GPU_HOUR,
        person_ticks=None if share is None else share * TICKS_PER_GPU_HOUR,
        periods=_periods(settings, rules),
        carry_over=rules.carry_over,
        over_use=rules.over_use,
        leads=leads,
    )


def _periods(settings: Settings, rules: BudgetRules) -> PeriodRule:
    zone = settings.machine.zone
    if rules.period == "month":
        return Months(zone)
    if rules.period == "term":
        return Terms(zone, tuple(Term(t.name, t.first_day, t.last_day) for t in settings.terms))
    assert rules.first_day is not None  # the settings' checks
    assert rules.last_day is not None
    # It is known by its beginning: when the end is moved, nothing is granted anew.
    name, title = f"{rules.first_day}..", f"{rules.first_day}..{rules.last_day}"
    return Terms(zone, (Term(name, rules.first_day, rules.last_day, title),))
