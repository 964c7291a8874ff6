"""Who may see a budget with its people, and who may decide about it.

Pages, commands and the REST API all ask here.
"""

from __future__ import annotations

from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.people import Person, Role


def leads(person: Person, budget: Budget) -> bool:
    """Whether the person leads the project or course: the provider's group says so."""
    is_led = budget.kind is not BudgetKind.INSTITUTION and bool(budget.leads)
    return is_led and budget.leads in person.groups


def administers(person: Person, institution: str) -> bool:
    """Whether the person is an administrator of the institution."""
    return Role.INSTITUTION_ADMIN in person.roles and person.institution == institution


def may_decide(person: Person, budget: Budget) -> bool:
    """Whether the person may decide what others may use of the budget.

    Of a project or course, those who lead it; of any budget, the administrators of the
    institution that pays, and operators.
    """
    is_theirs = leads(person, budget) or administers(person, budget.institution)
    return is_theirs or Role.OPERATOR in person.roles


def may_decide_whole(person: Person, budget: Budget) -> bool:
    """Whether the person may decide how large the budget itself is.

    Not those who lead it: it is given from their institution's. The size of an institution's
    own budget is an operator's matter.
    """
    if Role.OPERATOR in person.roles:
        return True
    if budget.kind is BudgetKind.INSTITUTION:
        return False
    return administers(person, budget.institution)


def may_see(person: Person, budget: Budget) -> bool:
    """Whether the person may see the budget with everybody's use of it."""
    return may_decide(person, budget)


def may_ask_whole(person: Person, budget: Budget) -> bool:
    """Whether the person may ask for more for the budget itself: whoever answers for it."""
    if budget.kind is BudgetKind.INSTITUTION:
        return administers(person, budget.institution)
    return leads(person, budget)
