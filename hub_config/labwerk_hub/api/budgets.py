"""Budgets with everybody's use of them, and decisions about them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from labwerk_hub.api.auth import BudgetsReader, BudgetsWriter
from labwerk_hub.api.bodies import CSV, Decision, csv_file
from labwerk_hub.api.parameters import Form, Lang, Period, PersonPath, WantedForm
from labwerk_hub.api.problems import CHANGING, READING
from labwerk_hub.domain.budgets import BudgetKind, budget_id
from labwerk_hub.domain.people import Person
from labwerk_hub.services import budget_decisions, budget_members, budget_pages, use_tables
from labwerk_hub.services.budget_decisions import BudgetDecisionError
from labwerk_hub.services.use_tables import Table
from labwerk_hub.services.use_views import BudgetPage, BudgetRow, MemberView
from labwerk_hub.services.views import View
from labwerk_hub.services.workbench import Workbench

Kind = Annotated[BudgetKind, Path(description="What the budget is of.")]
Name = Annotated[
    str,
    Path(
        description="The name that the settings give it, as rotor of project/rotor.",
        examples=["rotor"],
    ),
]


class Rows(StrEnum):
    """What the rows of a budget's CSV are."""

    MEMBERS = "members"
    DAYS = "days"
    BUDGETS = "budgets"


WantedRows = Annotated[Rows, Query(description="What the rows of the CSV are.")]


class Budgets(View):
    """Budgets, as they are now."""

    budgets: tuple[BudgetRow, ...]


def router(prefix: str) -> APIRouter:
    """The routes below ``prefix``."""
    routes = APIRouter(prefix=f"{prefix}/api/v1/budgets", tags=["budgets"])

    @routes.get("", response_model=Budgets, responses={**READING, **CSV})
    async def list_budgets(
        request: Request,
        lang: Lang,
        reader: BudgetsReader,
        form: WantedForm = Form.JSON,
    ) -> Budgets | Response:
        """The budgets that the token's owner may see with everybody's use: those they answer for.

        What a person may use themselves is at /use.
        """
        rows = await run_in_threadpool(
            budget_pages.seen_by, request.app.state.workbench, reader, lang
        )
        if form is Form.CSV:
            return csv_file(use_tables.of_budgets(rows), "budgets")
        return Budgets(budgets=rows)

    @routes.get("/{kind}/{name}", response_model=BudgetPage, responses={**READING, **CSV})
    async def read_budget(
        request: Request,
        lang: Lang,
        reader: BudgetsReader,
        kind: Kind,
        name: Name,
        period: Period = None,
        form: WantedForm = Form.JSON,
        rows: WantedRows = Rows.MEMBERS,
    ) -> BudgetPage | Response:
        """A budget in a period: figures, burn-down, people, requests and decisions.

        As CSV its people, its days, or (``rows=budgets``) those given from an institution's.
        """
        page = await run_in_threadpool(
            budget_pages.of_budget,
            request.app.state.workbench,
            reader,
            budget_id(kind, name),
            period,
            lang,
        )
        if form is Form.CSV:
            return csv_file(_table(page, rows), f"{page.head.id}-{page.period.name}-{rows}")
        return page

    @routes.patch("/{kind}/{name}", responses=CHANGING)
    async def set_budget(
        request: Request,
        lang: Lang,
        writer: BudgetsWriter,
        kind: Kind,
        name: Name,
        decision: Decision,
    ) -> BudgetPage:
        """Decide how large a budget is: for its institution's administrators, and operators."""
        workbench, which = request.app.state.workbench, budget_id(kind, name)
        await run_in_threadpool(
            budget_decisions.set_budget, workbench, writer, which, decision.ticks, decision.period
        )
        return await run_in_threadpool(
            budget_pages.of_budget, workbench, writer, which, decision.period, lang
        )

    @routes.get("/{kind}/{name}/shares/{person}", responses=READING)
    async def read_share(
        request: Request,
        lang: Lang,
        reader: BudgetsReader,
        kind: Kind,
        name: Name,
        person: PersonPath,
        period: Period = None,
    ) -> MemberView:
        """What a person may use of a budget, and what they used."""
        return await run_in_threadpool(
            _member,
            request.app.state.workbench,
            reader,
            budget_id(kind, name),
            person,
            period,
            lang,
        )

    @routes.put("/{kind}/{name}/shares/{person}", responses=CHANGING)
    async def set_share(
        request: Request,
        lang: Lang,
        writer: BudgetsWriter,
        kind: Kind,
        name: Name,
        person: PersonPath,
        decision: Decision,
    ) -> MemberView:
        """Decide what a person may use of a budget: for those who lead it, and the above."""
        which = budget_id(kind, name)
        return await run_in_threadpool(
            _set_share, request.app.state.workbench, writer, which, person, decision, lang
        )

    @routes.delete("/{kind}/{name}/shares/{person}", responses=CHANGING)
    async def reset_share(
        request: Request,
        lang: Lang,
        writer: BudgetsWriter,
        kind: Kind,
        name: Name,
        person: PersonPath,
        period: Period = None,
    ) -> MemberView:
        """Have the settings say again what a person may use of a budget."""
        which, decision = budget_id(kind, name), Decision(gpu_hours=None, period=period)
        return await run_in_threadpool(
            _set_share, request.app.state.workbench, writer, which, person, decision, lang
        )

    return routes


def _set_share(
    workbench: Workbench,
    writer: Person,
    budget: str,
    person: str,
    decision: Decision,
    language: str | None,
) -> MemberView:
    ticks, period = decision.ticks, decision.period
    try:
        budget_decisions.set_share(workbench, writer, budget, person, ticks, period)
    except BudgetDecisionError:
        # Whoever is not known when the share is read is not known here either.
        _member(workbench, writer, budget, person, None, language)
        raise
    return _member(workbench, writer, budget, person, decision.period, language)


def _member(
    workbench: Workbench,
    reader: Person,
    budget: str,
    person: str,
    period: str | None,
    language: str | None,
) -> MemberView:
    page = budget_pages.of_budget(workbench, reader, budget, period, language)
    return budget_members.member_in(page, person)


def _table(page: BudgetPage, rows: Rows) -> Table:
    if rows is Rows.MEMBERS:
        return use_tables.of_members(page)
    return use_tables.of_days(page) if rows is Rows.DAYS else use_tables.of_budgets(page.children)
