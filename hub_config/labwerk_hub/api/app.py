"""The hub service: `uvicorn --factory labwerk_hub.api.app:create_app`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from labwerk_hub import bootstrap
from labwerk_hub.api import budgets, metrics, requests, session, statements, use
from labwerk_hub.api.auth import HubAuth, PersonName
from labwerk_hub.api.headers import OfOneReader
from labwerk_hub.api.hub import Hub
from labwerk_hub.api.loops.daily import TASKS, DailyLoop
from labwerk_hub.api.loops.line import LineLoop
from labwerk_hub.api.loops.loop import end
from labwerk_hub.api.loops.mail import MailLoop
from labwerk_hub.api.loops.metering import MeteringLoop
from labwerk_hub.api.loops.steady_clock import SteadyClock
from labwerk_hub.api.loops.storage import StorageLoop
from labwerk_hub.api.parameters import Lang
from labwerk_hub.api.problems import READING, problems
from labwerk_hub.api.refusals import TooLargeAnswers, answer_errors
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import audit, overview
from labwerk_hub.settings import Settings

PREFIX = "/services/labwerk"
#: Bytes; a thousand characters of words are at most twelve thousand as JSON writes them.
_LARGEST_BODY = 16_384
#: Seconds that looks under way may take once the service ends: two for requests (machine/run.py)
#: come before them, and `kill -9` after ten. What is left in the middle is made up for by the
#: next start, as after any crash.
_LAST_LOOKS = 6.0
#: What the OpenAPI document says of all routes.
_ABOUT = """\
Amounts named …ticks are integers: 86400 ticks are one GPU-hour, a whole GPU for an hour.
Moments are ISO 8601 in UTC; days and months are those of the site's time zone. What is asked
in gpu_hours is rounded to the nearest tick. An error is a `Problem`, whatever its status; its
message is in the language that is asked for with `lang` or `Accept-Language`, else in the
person's own or the site's, where it is for people, and in English where it is for programs:
`Content-Language` says which."""


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
    # Starts go by the clock as it is, and so do places in line; what cannot be undone does not.
    steady = replace(workbench, clock=SteadyClock(workbench.clock))
    metering = MeteringLoop(steady, hub, settings.sessions.metering_period)
    line = LineLoop(workbench, hub)
    # The file is read now: what it is later is not what the service runs with.
    settings_taken = partial(audit.settings_taken, digest=digest_of(settings))
    loops = (
        metering,
        line,
        DailyLoop(steady, (settings_taken, *TASKS)),
        StorageLoop(steady),
        MailLoop(steady, bootstrap.mail_server(settings)),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for loop in loops:
            loop.start()
        yield
        await end(loops, _LAST_LOOKS)

    app = FastAPI(
        title="Labwerk hub service",
        version="1",
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # the interactive page would fetch its scripts from elsewhere
        redoc_url=None,
        openapi_url=f"{PREFIX}/api/openapi.json",
        middleware=[
            Middleware(OfOneReader),
            Middleware(TooLargeAnswers, most=_LARGEST_BODY),
            # What is sent is read before anybody is asked who they are.
            Middleware(RequestBodyLimitMiddleware, max_body_size=_LARGEST_BODY),
        ],
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
    answer_errors(app)
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

    @router.get("/health", tags=["service"], responses=problems(503))
    async def health(request: Request) -> Health:
        """That the service runs and meters; needs no token."""
        if not (request.app.state.metering.is_alive and request.app.state.line.is_alive):
            raise MeteringStoppedError(
                "The service answers but reads the engine no more; see its log and restart it."
            )
        return Health()

    @router.get("/v1/overview", tags=["session"], responses=READING)
    async def read_overview(request: Request, lang: Lang, person: PersonName) -> overview.Overview:
        """The session, budget and datasets of the token's owner."""
        return await run_in_threadpool(
            overview.of_person, request.app.state.workbench, person, lang
        )

    return router


def _documented(router: APIRouter) -> APIRouter:
    """Have the first sentence of each docstring stand for its route in the OpenAPI document."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            route.summary, _, rest = route.description.partition("\n\n")
            # What follows a form feed is left out; without any, FastAPI takes the docstring.
            route.description = rest or "\f"
            route.operation_id = route.name
    return router
