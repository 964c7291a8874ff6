"""The hub service: `uvicorn --factory labwerk_hub.api.app:create_app`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI, Request, status
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from labwerk_hub import bootstrap
from labwerk_hub.api import budgets, metrics, requests, session, statements, use
from labwerk_hub.api.auth import HubAuth, MissingScopeError, PersonName, UnauthorizedError
from labwerk_hub.api.hub import Hub
from labwerk_hub.api.loops.daily import TASKS, DailyLoop
from labwerk_hub.api.loops.line import LineLoop
from labwerk_hub.api.loops.mail import MailLoop
from labwerk_hub.api.loops.metering import MeteringLoop
from labwerk_hub.api.loops.storage import StorageLoop
from labwerk_hub.api.problems import PROBLEMS, Problem
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import LabwerkError, UnknownPersonError
from labwerk_hub.services import audit, overview
from labwerk_hub.services.budget_decisions import BudgetDecisionError
from labwerk_hub.services.budget_requests import (
    BudgetRequestError,
    NotTheirsToDecideError,
    UnknownRequestError,
)
from labwerk_hub.services.budget_rights import NotAllowedError
from labwerk_hub.services.budgets import UnknownBudgetError
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.statement import StatementError
from labwerk_hub.services.use_pages import UnknownMonthError
from labwerk_hub.settings import Language, Settings
from labwerk_hub.texts import render

PREFIX = "/services/labwerk"
#: Bytes; a thousand characters of words are at most twelve thousand as JSON writes them.
_LARGEST_BODY = 16_384
_STATUS = {
    UnauthorizedError.code: status.HTTP_401_UNAUTHORIZED,
    MissingScopeError.code: status.HTTP_403_FORBIDDEN,
    UnknownPersonError.code: status.HTTP_404_NOT_FOUND,
    RefusedError.code: status.HTTP_409_CONFLICT,
    NotAllowedError.code: status.HTTP_403_FORBIDDEN,
    NotTheirsToDecideError.code: status.HTTP_403_FORBIDDEN,
    UnknownBudgetError.code: status.HTTP_404_NOT_FOUND,
    UnknownMonthError.code: status.HTTP_404_NOT_FOUND,
    UnknownRequestError.code: status.HTTP_404_NOT_FOUND,
    StatementError.code: status.HTTP_404_NOT_FOUND,
    BudgetRequestError.code: status.HTTP_409_CONFLICT,
    BudgetDecisionError.code: status.HTTP_409_CONFLICT,
}


class MeteringStoppedError(LabwerkError):
    """The loop that meters and reconciles is stuck or gone."""

    code = "metering-stopped"


class Health(BaseModel):
    """That the service runs."""

    status: str = "ok"


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service of one installation; settings default to the environment's."""
    settings = settings or bootstrap.settings_from_environment()
    workbench = bootstrap.workbench(settings)
    token = os.environ["JUPYTERHUB_API_TOKEN"]
    hub_api = f"http://{settings.network.gateway}:{settings.network.hub_port}/hub/api/"
    hub = Hub(hub_api, token)
    metering = MeteringLoop(workbench, hub, settings.sessions.metering_period)
    line = LineLoop(workbench, hub)
    # The file is read now: what it is later is not what the service runs with.
    settings_taken = partial(audit.settings_taken, digest=digest_of(settings))
    loops = (
        metering,
        line,
        DailyLoop(workbench, (settings_taken, *TASKS)),
        StorageLoop(workbench),
        MailLoop(workbench, bootstrap.mail_server(settings)),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for loop in loops:
            loop.start()
        yield
        for loop in reversed(loops):
            await run_in_threadpool(loop.stop)

    app = FastAPI(
        title="Labwerk hub service",
        version="1",
        lifespan=lifespan,
        docs_url=None,  # the interactive page would fetch its scripts from elsewhere
        redoc_url=None,
        openapi_url=f"{PREFIX}/api/openapi.json",
        # Read before anybody is asked who they are.
        max_body_size=_LARGEST_BODY,
    )
    app.state.workbench = workbench
    app.state.metering = metering
    app.state.line = line
    app.state.hub_auth = HubAuth(
        api_url=hub_api.rstrip("/"),
        api_token=token,
        cache_max_age=60,
        access_scopes={"access:services", "access:services!service=labwerk"},
    )
    app.add_exception_handler(LabwerkError, _problem)
    app.include_router(_documented(_router()))
    for part in (budgets, requests, session, statements, use):
        app.include_router(_documented(part.router(PREFIX)))
    app.include_router(_documented(metrics.router(PREFIX)))
    return app


def digest_of(settings: Settings) -> str:
    """What tells the settings file from what it was before."""
    return hashlib.sha256(settings.path.read_bytes()).hexdigest()[:12]


def _router() -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/api")

    @router.get("/health", responses={503: {"model": Problem}})
    async def health(request: Request) -> Health:
        """That the service runs and meters; needs no token."""
        if not (request.app.state.metering.is_alive and request.app.state.line.is_alive):
            raise MeteringStoppedError(
                "The service answers but reads the engine no more; see its log and restart it."
            )
        return Health()

    @router.get("/v1/overview", responses=PROBLEMS)
    async def read_overview(
        request: Request, person: PersonName, lang: Language | None = None
    ) -> overview.Overview:
        """The session, budget and datasets of the token's owner."""
        return await run_in_threadpool(
            overview.of_person, request.app.state.workbench, person, lang
        )

    return router


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LabwerkError)  # what it is registered for
    code = _STATUS.get(error.code, status.HTTP_503_SERVICE_UNAVAILABLE)
    message = error.message
    if (said := _said(error)) is not None:  # for the person to read, in their language
        policy = request.app.state.workbench.policy
        spoken = request.query_params.get("lang", policy.language)
        message = render(said, spoken, policy.zone)
    return JSONResponse(Problem(code=error.code, message=message).model_dump(), code)


def _documented(router: APIRouter) -> APIRouter:
    """Have the first sentence of each docstring stand for its route in the OpenAPI document."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            route.summary, _, route.description = route.description.partition("\n\n")
            route.operation_id = route.name
    return router


def _said(error: LabwerkError) -> Message | None:
    """What an error says to a person; None for one that speaks to programs."""
    if isinstance(error, RefusedError):
        return error.refusal.message
    if isinstance(error, BudgetDecisionError | BudgetRequestError | NotAllowedError):
        return error.said
    return None
