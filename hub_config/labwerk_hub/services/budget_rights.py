"""Who may see and change what, refused in sentences; the rules are in ``domain.budget_rights``.

A viewer of None is a command on the machine, which may do everything.
"""

from __future__ import annotations

from typing import ClassVar

from labwerk_hub.domain import budget_rights
from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.texts import Message
from labwerk_hub.services.budgets import budget_of
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import SaidError


class NotAllowedError(SaidError):
    """Somebody may not see this, or not decide it."""

    code: ClassVar[str] = "not-allowed"


def is_operator(viewer: Person | None) -> bool:
    """Whether nothing is hidden from the viewer."""
    return viewer is None or Role.OPERATOR in viewer.roles


def may_see(viewer: Person | None, budget: Budget) -> bool:
    """Whether the viewer may see a budget with everybody's use of it."""
    return viewer is None or budget_rights.may_see(viewer, budget)


def may_decide(viewer: Person | None, budget: Budget) -> bool:
    """Whether the viewer may decide about shares of a budget."""
    return viewer is None or budget_rights.may_decide(viewer, budget)


def may_decide_whole(viewer: Person | None, budget: Budget) -> bool:
    """Whether the viewer may decide how large a budget is."""
    return viewer is None or budget_rights.may_decide_whole(viewer, budget)


def visible(workbench: Workbench, viewer: Person | None, name: str) -> Budget:
    """The budget of an id such as ``project/rotor``, if the viewer may see it.

    Raises NotAllowedError, which does not tell whether there is such a budget, and, for whom
    nothing is hidden from, UnknownBudgetError.
    """
    budget = workbench.catalogue.budgets.get(name)
    if budget is not None and may_see(viewer, budget):
        return budget
    if is_operator(viewer):
        return budget_of(workbench, name)
    raise NotAllowedError(
        Message("There is no budget “%(budget)s” that you may see.", {"budget": name[:80]})
    )


def require_operator(viewer: Person | None) -> None:
    """Raise NotAllowedError unless nothing is hidden from the viewer."""
    if not is_operator(viewer):
        raise NotAllowedError(Message("This is for operators alone."))


def may_see_statements(viewer: Person | None, institution: str) -> bool:
    """Whether the viewer may see an institution's statements: its administrators, operators."""
    if is_operator(viewer):
        return True
    assert viewer is not None  # nothing is hidden from a command
    return budget_rights.administers(viewer, institution)


def require_statements(viewer: Person | None, institution: str) -> None:
    """Raise NotAllowedError unless the viewer may see an institution's statements."""
    if not may_see_statements(viewer, institution):
        raise NotAllowedError(
            Message("An institution's statements are for its administrators and operators.")
        )


def require_decide(viewer: Person | None, budget: Budget) -> None:
    """Raise NotAllowedError unless the viewer may decide about shares."""
    if not may_decide(viewer, budget):
        raise NotAllowedError(
            Message(
                "What people may use of “%(title)s” is not yours to decide.",
                {"title": budget.title},
            )
        )


def require_decide_whole(viewer: Person | None, budget: Budget) -> None:
    """Raise NotAllowedError unless the viewer may decide how large the budget is."""
    if not may_decide_whole(viewer, budget):
        raise NotAllowedError(
            Message(
                "How much “%(title)s” has is not yours to decide; you can ask for more.",
                {"title": budget.title},
            )
        )
