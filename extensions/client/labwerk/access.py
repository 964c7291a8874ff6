"""This session and its budget, and what their person can do to them from a notebook."""

from __future__ import annotations

from labwerk.budgets import Asked, Budget
from labwerk.errors import NoSessionError
from labwerk.overview import Overview
from labwerk.service import ask_for_more, change_session, fetch_overview, pay_with
from labwerk.sessions import Session


class SessionAccess:
    """What ``labwerk.session`` is: called, it is the session as the workbench says now.

    Raises:
        NoSessionError: the workbench knows of no running session.
        RefusedError: the service refused, with its code and sentence.
    """

    def __call__(self) -> Session:
        """This session: its slice, its image, since when and until when."""
        return _session_of(fetch_overview())

    def extend(self) -> Session:
        """Move the end as far as it may go now; the session with its new end.

        Refused while somebody waits for such a slice, for one; the sentence says why.
        """
        return _session_of(change_session("extend"))

    def still_working(self) -> Session:
        """Say that this session is in use, though nothing runs: its idle time begins anew."""
        return _session_of(change_session("still-working"))

    def __repr__(self) -> str:
        return "<labwerk.session: call it, or .extend() or .still_working()>"


class BudgetAccess:
    """What ``labwerk.budget`` is: called, it is the budget that pays, as the workbench says now.

    Raises:
        RefusedError: the service refused, with its code and sentence.
    """

    def __call__(self) -> Budget:
        """The budget that this session is charged to, in GPU-hours, and those that may pay."""
        return fetch_overview().budget

    def pay_with(self, budget: str) -> Budget:
        """Let another budget such as ``"project/rotor"`` pay for this session from now on.

        What was used until now stays where it was charged. Refused if that budget has too
        little left, for one; the sentence says why.
        """
        return pay_with(budget).budget

    def ask_for_more(self, words: str = "") -> Asked:
        """Ask whoever decides for more of the budget that pays; ``words`` say what it is for."""
        return ask_for_more(fetch_overview().budget.id, words)

    def __repr__(self) -> str:
        return "<labwerk.budget: call it, or .pay_with(budget) or .ask_for_more(words)>"


def _session_of(overview: Overview) -> Session:
    if overview.session is None:
        raise NoSessionError
    return overview.session
