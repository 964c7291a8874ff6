"""Requests for more budget, decided: granted, which changes a share or a budget, or declined."""

from __future__ import annotations

from dataclasses import replace

from labwerk_hub.domain.allotments import share_of
from labwerk_hub.domain.budget_rights import may_decide, may_decide_whole
from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.ledger import GRANTED
from labwerk_hub.domain.mails import plain_words
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.periods import Period
from labwerk_hub.domain.requests import BudgetRequest, RequestState
from labwerk_hub.domain.texts import GpuHours, Message
from labwerk_hub.services import audit, mail, mail_texts
from labwerk_hub.services.budget_requests import (
    BudgetRequestError,
    NotTheirsToDecideError,
    actor,
    check_amount,
    check_open,
    may_answer,
    unknown,
    why,
)
from labwerk_hub.services.budgets import budget_of
from labwerk_hub.services.openings import allot, open_now
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench


def grant(
    workbench: Workbench, by: Person | None, request_id: str, ticks: int, words: str = ""
) -> BudgetRequest:
    """Grant ``ticks`` more, for the request's period; the person is told by mail.

    ``by`` is None for a command on the machine, which may decide everything. Raises
    UnknownRequestError, NotTheirsToDecideError, and BudgetRequestError if the request is
    closed, its period is over, or the institution has not as much left.
    """
    check_amount(ticks)
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
            allot(workbench, tx, actor(by), budget, person, share + ticks, period)
        elif by is None or may_decide_whole(by, budget):
            _enlarge(workbench, tx, by, budget, period, ticks)
        elif budget.kind is BudgetKind.INSTITUTION:
            raise BudgetRequestError(
                Message(
                    "Everybody may use all that “%(title)s” has. "
                    "Ask for more for the whole budget; an operator decides about that.",
                    {"title": budget.title},
                )
            )
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


def _to_decide(
    workbench: Workbench, tx: Transaction, by: Person | None, request_id: str
) -> tuple[BudgetRequest, Budget, Period]:
    request = tx.requests.get(request_id)
    budget = workbench.catalogue.budgets.get(request.budget) if request is not None else None
    if request is None or budget is None:
        raise unknown(request_id)
    if not may_answer(by, request, budget):
        if by is not None and not may_decide(by, budget) and by.name != request.person:
            raise unknown(request_id)  # that it exists is nothing to them
        raise NotTheirsToDecideError(
            Message(
                "That is for others to decide: what “%(title)s” has is not yours to change.",
                {"title": budget.title},
            )
        )
    check_open(request)
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
        actor=actor(by),
        subject=person.pseudonym,
        about=request.budget,
        decision="approved" if state is RequestState.GRANTED else "refused",
        ticks=ticks or request.wanted_ticks or 0,
        **why(decided.answer),
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
    allot(workbench, tx, actor(by), budget, None, before + ticks, period)
    if granted() < before + ticks:
        raise BudgetRequestError(
            Message(
                "The institution has only %(left)s left to give to “%(title)s”.",
                {"left": GpuHours(max(0, granted() - before)), "title": budget.title},
            )
        )
