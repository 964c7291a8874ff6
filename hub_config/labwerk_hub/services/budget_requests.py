"""Requests for more budget: asked with one click, granted or declined by whoever answers for it.

A request for a share of a budget goes to those who lead it; one for the budget itself, to the
institution that it is given from.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from labwerk_hub.domain.budget_rights import may_ask_whole, may_decide, may_decide_whole
from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.events import ROOT, EventKind
from labwerk_hub.domain.ledger import MOST_TICKS
from labwerk_hub.domain.mails import is_address, plain_words
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.requests import BudgetRequest, RequestState
from labwerk_hub.domain.texts import Message
from labwerk_hub.services import audit, mail, mail_texts
from labwerk_hub.services.budgets import payers_of
from labwerk_hub.services.people import entitlement_of
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import SaidError


class BudgetRequestError(SaidError):
    """A request for more budget that cannot be made, or not be answered so."""

    code: ClassVar[str] = "budget-request"


class UnknownRequestError(BudgetRequestError):
    """There is no request of that id that the person may know of."""

    code = "unknown-request"


class NotTheirsToDecideError(BudgetRequestError):
    """Somebody else decides about that."""

    code = "not-theirs-to-decide"


@dataclass(frozen=True)
class Asked:
    """A request with what it is about, who asks, and who decided if somebody has."""

    request: BudgetRequest
    budget: Budget
    person: Person
    decided_by: Person | None


def ask(
    workbench: Workbench,
    person: Person,
    budget_name: str,
    wanted_ticks: int | None = None,
    words: str = "",
    *,
    whole: bool = False,
) -> BudgetRequest:
    """Ask for more of a budget in its period; whoever decides is told by mail.

    Without ``wanted_ticks`` they choose how much. ``whole`` asks for the budget itself, which
    is for those who answer for it. Who has asked for the same before changes what they asked
    for, and what they leave out stays as it was; what they withdrew is open again, and nobody
    is told a second time. Raises BudgetRequestError.
    """
    if wanted_ticks is not None:
        check_amount(wanted_ticks)
    budget = _asked_of(workbench, person, budget_name, whole)
    now_ms = to_ms(workbench.clock())
    period = budget.periods.at(now_ms)
    if not period.is_open:
        raise BudgetRequestError(
            Message("The budget “%(title)s” has no period now.", {"title": budget.title})
        )
    written = plain_words(words)
    with workbench.database.writing() as tx:
        known = tx.requests.open_of(person.name, budget.id, whole)
        if known is not None and known.period == period.name:
            wanted_ticks = wanted_ticks if wanted_ticks is not None else known.wanted_ticks
            written = written or known.words
            changed = replace(known, wanted_ticks=wanted_ticks, words=written)
            if changed != known:
                tx.requests.set_words(known.id, wanted_ticks, written)
                _record(workbench, tx, person, changed, change="changed")
            return changed
        if known is not None:
            tx.requests.set_ended(known.id, RequestState.LAPSED, now_ms)
        old = tx.requests.withdrawn_of(person.name, budget.id, period.name, whole)
        request = BudgetRequest(
            id=old.id if old is not None else f"br-{secrets.token_hex(6)}",
            budget=budget.id,
            period=period.name,
            person=person.name,
            whole=whole,
            wanted_ticks=wanted_ticks,
            words=written,
            state=RequestState.OPEN,
            made_ms=now_ms,
        )
        if old is not None:
            tx.requests.reopen(old.id, wanted_ticks, written, now_ms)
        else:
            tx.requests.add(request)
        letter = mail_texts.request_made(request, budget, person.display_name)
        for decider in deciders(tx, request, budget, by_mail=True):
            key = f"request/{request.id}/made"
            mail.write(workbench, tx, letter, decider, key=key, about=person.name)
        _record(workbench, tx, person, request)
    return request


def withdraw(workbench: Workbench, person: Person, request_id: str) -> None:
    """The person no longer asks. Raises UnknownRequestError, BudgetRequestError."""
    with workbench.database.writing() as tx:
        request = tx.requests.get(request_id)
        if request is None or request.person != person.name:
            raise unknown(request_id)
        check_open(request)
        tx.requests.set_ended(request.id, RequestState.WITHDRAWN, to_ms(workbench.clock()))
        withdrawn = replace(request, words="")  # they stand where it was asked
        _record(workbench, tx, person, withdrawn, change="withdrawn")


def open_for(workbench: Workbench, by: Person | None) -> tuple[Asked, ...]:
    """What this person may decide now, the oldest first; everything on the machine itself."""
    with workbench.database.reading() as tx:
        found = _asked(workbench, tx, tx.requests.open())
    now_ms = to_ms(workbench.clock())
    return tuple(
        asked
        for asked in found
        if asked.budget.periods.at(now_ms).name == asked.request.period
        and may_answer(by, asked.request, asked.budget)
    )


def of_person(workbench: Workbench, person: Person) -> tuple[Asked, ...]:
    """What the person asked for and what became of it, the newest first."""
    with workbench.database.reading() as tx:
        found = _asked(workbench, tx, tx.requests.of_person(person.name))
    return tuple(reversed(found))


def may_answer(by: Person | None, request: BudgetRequest, budget: Budget) -> bool:
    """Whether somebody may decide this one; nobody decides what they asked for themselves."""
    if by is None:
        return True
    if by.name == request.person and Role.OPERATOR not in by.roles:
        return False
    return may_decide_whole(by, budget) if request.whole else may_decide(by, budget)


def lapse(workbench: Workbench) -> int:
    """End the requests whose period is over or whose budget is gone; how many there were."""
    now_ms = to_ms(workbench.clock())
    budgets = workbench.catalogue.budgets

    def is_over(request: BudgetRequest) -> bool:
        budget = budgets.get(request.budget)
        return budget is None or budget.periods.at(now_ms).name != request.period

    with workbench.database.reading() as tx:
        over = [request for request in tx.requests.open() if is_over(request)]
    if over:
        with workbench.database.writing() as tx:
            for request in over:
                current = tx.requests.get(request.id)
                if current is not None and current.is_open:
                    tx.requests.set_ended(request.id, RequestState.LAPSED, now_ms)
    return len(over)


def deciders(
    tx: Transaction, request: BudgetRequest, budget: Budget, *, by_mail: bool = False
) -> list[Person]:
    """The nearest who may decide a request (``by_mail``: and can be written to).

    Those who lead it, else the institution's administrators, else the operators.
    """
    circles: list[Iterable[Person]] = []
    if not request.whole and budget.kind is not BudgetKind.INSTITUTION and budget.leads:
        circles.append(tx.people.with_group(budget.leads))
    circles.append(tx.people.of_institution(budget.institution))
    circles.append(tx.people.with_role(Role.OPERATOR))
    for circle in circles:
        found = [
            person
            for person in circle
            if person.name != request.person
            and (not by_mail or (person.email is not None and is_address(person.email)))
            and may_answer(person, request, budget)
        ]
        if found:
            return found
    return []


def _record(
    workbench: Workbench, tx: Transaction, person: Person, request: BudgetRequest, **change: str
) -> None:
    """What somebody asks for, and how they ``change`` it, in the audit chain."""
    audit.record(
        workbench,
        tx,
        EventKind.REQUEST,
        actor=person.pseudonym,
        about=request.budget,
        ticks=request.wanted_ticks or 0,
        **change,
        **why(request.words),
    )


def _asked(workbench: Workbench, tx: Transaction, requests: Iterable[BudgetRequest]) -> list[Asked]:
    found = []
    for request in requests:
        budget = workbench.catalogue.budgets.get(request.budget)
        person = tx.people.by_name(request.person)
        if budget is not None and person is not None:
            decider = tx.people.by_name(request.decided_by) if request.decided_by else None
            found.append(Asked(request, budget, person, decider))
    return found


def _asked_of(workbench: Workbench, person: Person, name: str, whole: bool) -> Budget:
    """The budget of an id, if the person may ask for more of it, or for more for the whole.

    Who is not paid from it and does not answer for it is not told whether there is such a one.
    Raises BudgetRequestError.
    """
    budget = workbench.catalogue.budgets.get(name)
    if budget is not None and whole and may_ask_whole(person, budget):
        return budget
    if budget is None or budget not in _payers(workbench, person):
        raise BudgetRequestError(
            Message("Nothing of yours is paid from “%(title)s”.", {"title": name[:80]})
        )
    if whole:
        raise BudgetRequestError(
            Message(
                "More for the whole budget “%(title)s” is asked for by those who answer for it.",
                {"title": budget.title},
            )
        )
    return budget


def _payers(workbench: Workbench, person: Person) -> tuple[Budget, ...]:
    try:
        return payers_of(workbench, entitlement_of(workbench, person))
    except KeyError:
        return ()  # their institution left the settings


def check_amount(ticks: int) -> None:
    """Refuse an amount that is none. Raises BudgetRequestError."""
    if not 0 < ticks <= MOST_TICKS:
        raise BudgetRequestError(Message("How much more must be a number above zero."))


def check_open(request: BudgetRequest) -> None:
    """Refuse what is decided already. Raises BudgetRequestError."""
    if not request.is_open:
        raise BudgetRequestError(Message("This request is closed already."))


def unknown(request_id: str) -> UnknownRequestError:
    """That there is no such request, or none that may be seen."""
    return UnknownRequestError(Message("There is no request %(id)s.", {"id": request_id}))


def why(words: str) -> dict[str, str]:
    """The words of a request or a decision, for the audit chain."""
    return {"why": words} if words else {}


def actor(by: Person | None) -> str:
    """Who decides, as the audit chain and the ledger know them."""
    return by.pseudonym if by is not None else ROOT
