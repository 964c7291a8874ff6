"""What a session's own server and its person may say of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, status
from pydantic import AwareDatetime, BaseModel, Field
from starlette.concurrency import run_in_threadpool

from labwerk_hub.api.auth import PersonName, SessionWriter
from labwerk_hub.api.bodies import Body
from labwerk_hub.api.parameters import Lang
from labwerk_hub.api.problems import CHANGING
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.services import extension, lifetime, overview, payers
from labwerk_hub.services.workbench import Workbench

#: More kernels than a session can have processes; what is said of them must fit a column.
_MOST_KERNELS = 100_000


class Report(BaseModel):
    """What a server says of itself: kernels that compute, and when a browser last used it."""

    kernels_busy: Annotated[int, Field(ge=0, le=_MOST_KERNELS)]
    last_seen: AwareDatetime | None = None


class Payer(Body):
    """The budget that is to pay, by its id such as ``project/rotor``."""

    budget: Annotated[str, Field(min_length=1, max_length=80)]


def router(prefix: str) -> APIRouter:
    """The routes below ``prefix``."""
    routes = APIRouter(prefix=f"{prefix}/api/v1/session", tags=["session"])

    @routes.post("/extend", responses=CHANGING)
    async def extend(request: Request, lang: Lang, person: SessionWriter) -> overview.Overview:
        """Move the end of the session of the token's owner, while nobody waits for its slice."""
        workbench = request.app.state.workbench
        await run_in_threadpool(extension.extend, workbench, person.name)
        return await run_in_threadpool(overview.of_person, workbench, person.name, lang)

    @routes.post("/still-working", responses=CHANGING)
    async def still_working(
        request: Request, lang: Lang, person: SessionWriter
    ) -> overview.Overview:
        """Say that the session of the token's owner is not idle."""
        workbench = request.app.state.workbench
        await run_in_threadpool(lifetime.still_working, workbench, person.name)
        return await run_in_threadpool(overview.of_person, workbench, person.name, lang)

    @routes.post("/payer", responses=CHANGING)
    async def switch_payer(
        request: Request, lang: Lang, person: SessionWriter, chosen: Payer
    ) -> overview.Overview:
        """Let another budget pay for the session of the token's owner from now on."""
        workbench = request.app.state.workbench
        await run_in_threadpool(payers.switch, workbench, person.name, chosen.budget)
        return await run_in_threadpool(overview.of_person, workbench, person.name, lang)

    @routes.put("/activity", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGING)
    async def activity(request: Request, person: PersonName, report: Report) -> None:
        """Take the report of the server of the token's owner."""
        workbench: Workbench = request.app.state.workbench
        seen_ms = _past_ms(report.last_seen, workbench.clock())
        await run_in_threadpool(lifetime.report, workbench, person, report.kernels_busy, seen_ms)

    return routes


def _past_ms(moment: datetime | None, now: datetime) -> int | None:
    """A moment that cannot be later than now, whatever the session's clock says."""
    return None if moment is None else to_ms(min(moment, now))
