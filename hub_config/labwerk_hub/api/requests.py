"""Asking for more budget, and answering those who ask."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, status
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from labwerk_hub.api.auth import BudgetsReader, BudgetsWriter, SessionWriter
from labwerk_hub.api.bodies import Body, GpuHours, Words, ticks_of
from labwerk_hub.api.parameters import Lang
from labwerk_hub.api.problems import CHANGING, READING
from labwerk_hub.domain.people import Person
from labwerk_hub.services import budget_requests, request_decisions, request_pages
from labwerk_hub.services.use_views import AskedView, RequestView
from labwerk_hub.services.views import View
from labwerk_hub.services.workbench import Workbench

Identifier = Annotated[str, Path(description="The request's id.", examples=["br-0a1b2c3d4e5f"])]


class Whose(StrEnum):
    """Which requests are asked for."""

    TO_DECIDE = "to-decide"
    OWN = "own"


class Wish(Body):
    """A request for more of a budget; without ``gpu_hours`` whoever decides chooses how much.

    ``whole`` asks for the budget itself and not for one's share: for those who answer for it.
    """

    budget: Annotated[str, Field(max_length=80, examples=["project/rotor"])]
    gpu_hours: GpuHours | None = None
    words: Words = ""
    whole: bool = False


class Grant(Body):
    """How many GPU-hours more somebody gets, and what they are told."""

    gpu_hours: GpuHours
    words: Words = ""


class Answer(Body):
    """What somebody is told."""

    words: Words = ""


class Requests(View):
    """Requests for more budget."""

    requests: tuple[RequestView, ...]


def router(prefix: str) -> APIRouter:
    """The routes below ``prefix``."""
    routes = APIRouter(prefix=f"{prefix}/api/v1/budget-requests", tags=["requests"])

    @routes.get("", responses=READING)
    async def list_requests(
        request: Request,
        lang: Lang,
        reader: BudgetsReader,
        whose: Annotated[
            Whose, Query(description="Those that are yours to decide, or those of your own.")
        ] = Whose.TO_DECIDE,
    ) -> Requests:
        """Open requests that the token's owner may decide, or all that they ever made."""
        read = request_pages.own if whose is Whose.OWN else request_pages.to_decide
        found = await run_in_threadpool(read, request.app.state.workbench, reader, lang)
        return Requests(requests=found)

    @routes.post("", status_code=status.HTTP_201_CREATED, responses=CHANGING)
    async def ask_for_more(
        request: Request, lang: Lang, writer: SessionWriter, wish: Wish
    ) -> AskedView:
        """Ask for more of a budget; whoever decides is told by mail.

        Who has asked for the same already changes what they asked for.
        """
        return await run_in_threadpool(_ask, request.app.state.workbench, writer, wish, lang)

    @routes.post("/{identifier}/grant", responses=CHANGING)
    async def grant_request(
        request: Request,
        lang: Lang,
        writer: BudgetsWriter,
        identifier: Identifier,
        granted: Grant,
    ) -> RequestView:
        """Grant so much more, in the request's period; its person is told by mail."""
        workbench, ticks = request.app.state.workbench, ticks_of(granted.gpu_hours)
        await run_in_threadpool(
            request_decisions.grant, workbench, writer, identifier, ticks, granted.words
        )
        return await run_in_threadpool(request_pages.find, workbench, writer, identifier, lang)

    @routes.post("/{identifier}/decline", responses=CHANGING)
    async def decline_request(
        request: Request,
        lang: Lang,
        writer: BudgetsWriter,
        identifier: Identifier,
        answer: Answer,
    ) -> RequestView:
        """Decline it; its person is told by mail."""
        workbench = request.app.state.workbench
        await run_in_threadpool(
            request_decisions.decline, workbench, writer, identifier, answer.words
        )
        return await run_in_threadpool(request_pages.find, workbench, writer, identifier, lang)

    @routes.post("/{identifier}/withdraw", responses=CHANGING)
    async def withdraw_request(
        request: Request, lang: Lang, writer: SessionWriter, identifier: Identifier
    ) -> RequestView:
        """Ask no longer."""
        workbench = request.app.state.workbench
        await run_in_threadpool(budget_requests.withdraw, workbench, writer, identifier)
        return await run_in_threadpool(request_pages.find, workbench, writer, identifier, lang)

    return routes


def _ask(workbench: Workbench, writer: Person, wish: Wish, language: str | None) -> AskedView:
    return request_pages.ask(
        workbench,
        writer,
        wish.budget,
        ticks_of(wish.gpu_hours) if wish.gpu_hours is not None else None,
        wish.words,
        whole=wish.whole,
        language=language,
    )
