"""What was used: one's own, that of people one answers for, everybody's; and one's record."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from labwerk_hub.api.auth import EventsReader, UseReader
from labwerk_hub.api.bodies import CSV, csv_file
from labwerk_hub.api.parameters import Form, Lang, Month, PersonPath, WantedForm
from labwerk_hub.api.problems import READING
from labwerk_hub.services import audit, operator_page, use_pages, use_tables
from labwerk_hub.services.audit_views import EventPage
from labwerk_hub.services.use_views import MyUse, OperatorPage

_MOST_EVENTS = 200
#: The largest number that a column of the database holds.
_LAST_ID = 2**63 - 1


def router(prefix: str) -> APIRouter:
    """The routes below ``prefix``."""
    routes = APIRouter(prefix=f"{prefix}/api/v1", tags=["use"])

    @routes.get("/use", response_model=MyUse, responses={**READING, **CSV})
    async def own_use(
        request: Request,
        lang: Lang,
        reader: UseReader,
        month: Month = None,
        form: WantedForm = Form.JSON,
    ) -> MyUse | Response:
        """What the token's owner used in a month, and what budgets have for them.

        As CSV a row for each day, budget and flavour.
        """
        page = await run_in_threadpool(
            use_pages.of_person, request.app.state.workbench, reader, reader.name, month, lang
        )
        return _use(page, form)

    @routes.get("/use/people/{name}", response_model=MyUse, responses={**READING, **CSV})
    async def use_of_person(
        request: Request,
        lang: Lang,
        reader: UseReader,
        name: PersonPath,
        month: Month = None,
        form: WantedForm = Form.JSON,
    ) -> MyUse | Response:
        """The same of somebody else: for administrators of their institution, and operators."""
        page = await run_in_threadpool(
            use_pages.of_person, request.app.state.workbench, reader, name, month, lang
        )
        return _use(page, form)

    @routes.get("/use/everybody", response_model=OperatorPage, responses={**READING, **CSV})
    async def use_of_everybody(
        request: Request,
        lang: Lang,
        reader: UseReader,
        month: Month = None,
        form: WantedForm = Form.JSON,
    ) -> OperatorPage | Response:
        """All institutions in a month, and what runs now: for operators.

        As CSV a row for each institution.
        """
        page = await run_in_threadpool(
            operator_page.of_operator, request.app.state.workbench, reader, month, lang
        )
        if form is Form.CSV:
            return csv_file(use_tables.of_operator(page), f"institutions-{page.month}")
        return page

    @routes.get("/events", responses=READING)
    async def own_events(
        request: Request,
        lang: Lang,
        reader: EventsReader,
        before: Annotated[
            int | None, Query(ge=1, le=_LAST_ID, description="The next_before of the page before.")
        ] = None,
        limit: Annotated[
            int, Query(ge=1, le=_MOST_EVENTS, description="How many at most.")
        ] = audit.PAGE,
    ) -> EventPage:
        """What the token's owner did and what was done to them, the newest first."""
        workbench = request.app.state.workbench
        spoken = lang or reader.locale or workbench.policy.language

        def read() -> EventPage:
            return audit.of_person(workbench, reader.name, spoken, before=before, limit=limit)

        return await run_in_threadpool(read)

    return routes


def _use(page: MyUse, form: Form) -> MyUse | Response:
    if form is Form.CSV:
        return csv_file(use_tables.of_person(page), f"use-{page.name}-{page.month}")
    return page
