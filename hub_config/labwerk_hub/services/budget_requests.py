"""Requests for more budget: asked with one click, granted or declined by whoever answers for it.

A request for a share of a budget goes to those who lead it; one for the budget itself, to the
institution that it is given from.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from labwerk_hub.domain.allotments import granted_to, share_of
from labwerk_hub.domain.budget_rights import may_ask_whole, may_decide, may_decide_whole
from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.events import ROOT, EventKind
from labwerk_hub.domain.ledger import GRANTED
from labwerk_hub.domain.mails import is_address, plain_words
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.periods import Period
from labwerk_hub.domain.requests import BudgetRequest, RequestState
from labwerk_hub.domain.texts import GpuHours, Message
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import audit, mail, mail_texts
from labwerk_hub.services.budgets import allot, budget_of, open_now, payers_of
from labwerk_hub.services.people import entitlement_of
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import render

#: More than any budget has, and exact wherever numbers go.
_MOST_TICKS = 1 << 52


class BudgetRequestError(LabwerkError):
    """A request for more budget that cannot be made, or not be answered so.

    ``said`` is for the person to read, in their language.
    """

    code: ClassVar[str] = "budget-request"

    def __init__(self, said: Message) -> None:
        super().__init__(render(said, "en"))
        self.said = said


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
    for. Raises UnknownBudgetError, BudgetRequestError.
    """
    budget = budget_of(workbench, budget_name)
    if wanted_ticks is not None:
        _check_amount(wanted_ticks)
    if whole and not may_ask_whole(person, budget):
        raise BudgetRequestError(
            Message(
                "More for the whole budget “%(title)s” is asked for by those who answer for it.",
                {"title": budget.title},
            )
        )
    if not whole and budget not in _payers(workbench, person):
        raise BudgetRequestError(
            Message("Nothing of yours is paid from “%(title)s”.", {"title": budget.title})
        )
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
            tx.requests.set_words(known.id, wanted_ticks, written)
            return replace(known, wanted_ticks=wanted_ticks, words=written)
        if known is not None:
            tx.requests.set_ended(known.id, RequestState.LAPSED, now_ms)
        request = BudgetRequest(
            id=f"br-{secrets.token_hex(6)}",
            budget=budget.id,
            period=period.name,
            person=person.name,
            whole=whole,
            wanted_ticks=wanted_ticks,
            words=written,
            state=RequestState.OPEN,
            made_ms=now_ms,
        )
        tx.requests.add(request)
        letter = mail_texts.request_made(request, budget, person.display_name)
        for decider in deciders(tx, request, budget, by_mail=True):
            key = f"request/{request.id}/made"
            mail.write(workbench, tx, letter, decider, key=key, about=person.name)
        audit.record(
            workbench,
            tx,
            EventKind.REQUEST,
            actor=person.pseudonym,
            about=budget.id,
            ticks=wanted_ticks or 0,
            **_why(written),
        )
    return request


def withdraw(workbench: Workbench, person: Person, request_id: str) -> None:
    """The person no longer asks. Raises UnknownRequestError, BudgetRequestError."""
    with workbench.database.writing() as tx:
        request = tx.requests.get(request_id)
        if request is None or request.person != person.name:
            raise _unknown(request_id)
        _check_open(request)
        tx.requests.set_ended(request.id, RequestState.WITHDRAWN, to_ms(workbench.clock()))


def grant(
    workbench: Workbench, by: Person | None, request_id: str, ticks: int, words: str = ""
) -> BudgetRequest:
    """Grant ``ticks`` more, for the request's period; the person is told by mail.

    ``by`` is None for a command on the machine, which may decide everything. Raises
    UnknownRequestError, NotTheirsToDecideError, and BudgetRequestError if the request is
    closed, its period is over, or the institution has not as much left.
    """
    _check_amount(ticks)
    open_now(workbench)
    with workbench.database.writing() as tx:
        request, budget, period = _to_decide(workbench, tx, by, request_id)
        person = tx.people.by_name(request.person)
        assert person is not None  # the table refers to it
        share = share_of(
            budget, person.pseudonym, period, tx.allotments.about(budget.id, person.pseudonym)
        )
        if request.whole:
            _enlarge(workbench, tx, by, budget, period, ticks)
        elif share is not None:
            total = tx.ledger.figures(budget.id, period.name).total
            if share + ticks > total:
                raise BudgetRequestError(
                    Message(
                        "“%(title)s” has %(total)s in all; a share of it cannot be more.",
                        {"title": budget.title, "total": GpuHours(total)},
                    )
                )
            allot(workbench, tx, _actor(by), budget, person, share + ticks, period)
        elif by is None or may_decide_whole(by, budget):
            _enlarge(workbench, tx, by, budget, period, ticks)
        else:
            raise BudgetRequestError(
                Message(
                    "Everybody may use all that “%(title)s” has. "
                    "Ask your institution for more for the whole budget.",
                    {"title": budget.title},
                )
            )
        return _decide(workbench, tx, by, request, RequestState.GRANTED, ticks, words)


def decline(
    workbench: Workbench, by: Person | None, request_id: str, words: str = ""
) -> BudgetRequest:
    """Decline it; the person is told by mail. Raises as :func:`grant` does."""
    with workbench.database.writing() as tx:
        request, _, _ = _to_decide(workbench, tx, by, request_id)
        return _decide(workbench, tx, by, request, RequestState.DECLINED, None, words)


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


def _to_decide(
    workbench: Workbench, tx: Transaction, by: Person | None, request_id: str
) -> tuple[BudgetRequest, Budget, Period]:
    request = tx.requests.get(request_id)
    budget = workbench.catalogue.budgets.get(request.budget) if request is not None else None
    if request is None or budget is None:
        raise _unknown(request_id)
    if not may_answer(by, request, budget):
        if by is not None and not may_decide(by, budget) and by.name != request.person:
            raise _unknown(request_id)  # that it exists is nothing to them
        raise NotTheirsToDecideError(
            Message(
                "That is for others to decide: what “%(title)s” has is not yours to change.",
                {"title": budget.title},
            )
        )
    _check_open(request)
    period = budget.periods.at(to_ms(workbench.clock()))
    if period.name != request.period:
        raise BudgetRequestError(
            Message("The period that this was asked for is over: nothing can be granted in it.")
        )
    return request, budget, period


def _decide(
    workbench: Workbench,
    tx: Transaction,
    by: Person | None,
    request: BudgetRequest,
    state: RequestState,
    ticks: int | None,
    words: str,
) -> BudgetRequest:
    decided = replace(
        request,
        state=state,
        ended_ms=to_ms(workbench.clock()),
        decided_by=by.name if by is not None else None,
        granted_ticks=ticks,
        answer=plain_words(words),
    )
    tx.requests.set_ended(
        decided.id,
        state,
        decided.ended_ms or 0,
        decided_by=decided.decided_by,
        granted_ticks=ticks,
        answer=decided.answer,
    )
    person = tx.people.by_name(request.person)
    assert person is not None  # the table refers to it
    letter = mail_texts.request_decided(
        decided,
        budget_of(workbench, request.budget),
        by.display_name if by is not None else None,
    )
    key = f"request/{request.id}/decided"
    mail.write(workbench, tx, letter, person, key=key, about=decided.decided_by)
    audit.record(
        workbench,
        tx,
        EventKind.DECISION,
        actor=_actor(by),
        subject=person.pseudonym,
        about=request.budget,
        decision="approved" if state is RequestState.GRANTED else "refused",
        ticks=ticks or request.wanted_ticks or 0,
        **_why(decided.answer),
    )
    return decided


def _enlarge(
    workbench: Workbench,
    tx: Transaction,
    by: Person | None,
    budget: Budget,
    period: Period,
    ticks: int,
) -> None:
    """Give the budget itself more in a period: all of it, or nothing."""

    def granted() -> int:
        return -tx.ledger.accounts(budget.id, period.name, [GRANTED]).get(GRANTED, 0)

    before = granted()
    wanted = granted_to(budget, period, tx.allotments.about(budget.id, None)) + ticks
    allot(workbench, tx, _actor(by), budget, None, wanted, period)
    if granted() < before + ticks:
        raise BudgetRequestError(
            Message(
                "The institution has only %(left)s left to give to “%(title)s”.",
                {"left": GpuHours(max(0, granted() - before)), "title": budget.title},
            )
        )


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


def _asked(workbench: Workbench, tx: Transaction, requests: Iterable[BudgetRequest]) -> list[Asked]:
    found = []
    for request in requests:
        budget = workbench.catalogue.budgets.get(request.budget)
        person = tx.people.by_name(request.person)
        if budget is not None and person is not None:
            decider = tx.people.by_name(request.decided_by) if request.decided_by else None
            found.append(Asked(request, budget, person, decider))
    return found


def _payers(workbench: Workbench, person: Person) -> tuple[Budget, ...]:
    try:
        return payers_of(workbench, entitlement_of(workbench, person))
    except KeyError:
        return ()  # their institution left the settings


def _check_amount(ticks: int) -> None:
    if not 0 < ticks <= _MOST_TICKS:
        raise BudgetRequestError(Message("How much more must be a number above zero."))


def _check_open(request: BudgetRequest) -> None:
    if not request.is_open:
        raise BudgetRequestError(Message("This request is closed already."))


def _unknown(request_id: str) -> UnknownRequestError:
    return UnknownRequestError(Message("There is no request %(id)s.", {"id": request_id}))


def _why(words: str) -> dict[str, str]:
    return {"why": words} if words else {}


def _actor(by: Person | None) -> str:
    return by.pseudonym if by is not None else ROOT
