"""What the templates are given: the variable ``labwerk``."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, pass_environment
from markupsafe import Markup

from labwerk_hub.hub import language
from labwerk_hub.hub.reading import Budget, Page, Pages
from labwerk_hub.hub.stages import SENTENCES, Stage, Stages
from labwerk_hub.services.overview import Overview
from labwerk_hub.services.waiting import WaitingView

STATIC_FOLDER = Path(__file__).parent / "static"


@dataclass(frozen=True)
class StageShown:
    """A stage of the start on the pending page."""

    name: str
    msgid: str
    position: int


_STAGES = {
    stage: StageShown(stage.value, SENTENCES[stage], position)
    for position, stage in enumerate(Stage)
}


class PageContext:
    """The template variable ``labwerk``, made for each page."""

    def __init__(self, pages: Pages, viewer: str | None) -> None:
        self._pages = pages
        self._viewer = viewer

    @pass_environment
    def page(self, environment: Environment) -> Awaitable[Page] | Page:
        """The page's frame; the first thing a page asks for, since it decides the language."""
        return (self._pages.open if environment.is_async else self._pages.open_now)(self._viewer)

    @pass_environment
    def start_fields(
        self, environment: Environment, person: str, base_url: str
    ) -> Awaitable[Markup]:
        """The start page's questions, for pages that are not the start page."""
        return self._pages.start_fields(environment, person, base_url)

    def overview(self, person: str) -> Awaitable[Overview | None]:
        """What runs and what is left."""
        return self._pages.overview(person)

    def waiting(self, person: str) -> Awaitable[WaitingView | None]:
        """The place in line."""
        return self._pages.waiting(person)

    async def whose(self, client: object) -> str:
        """Whose server JupyterHub's OAuth client is; empty for the viewer's own and for others."""
        spawner = getattr(client, "spawner", None)
        owner = spawner.user.name if spawner is not None else self._viewer
        return "" if owner is None or owner == self._viewer else await self._pages.name_of(owner)

    @property
    def mails(self) -> bool:
        """Whether people are written to at all."""
        return self._pages.workbench.policy.mail.enabled

    def budget(self, seen: Overview) -> Budget:
        """The budget of an overview."""
        of = seen.budget
        return Budget(
            title=of.title,
            period=of.period,
            ends=of.period_ends_at,
            granted=of.granted_ticks,
            used=of.used_ticks,
            held=of.held_ticks,
            left=of.left_ticks,
            budget_left=of.budget_left_ticks,
            at=self._pages.workbench.clock(),
            over_use=of.over_use,
        )

    def stages(self) -> tuple[StageShown, ...]:
        """All stages of a start, in order."""
        return tuple(_STAGES.values())

    def stage(self, stages: Stages) -> StageShown:
        """The stage that a start is in."""
        return _STAGES[stages.current]

    def seconds_since(self, moment: datetime | None) -> int:
        """Whole seconds since one of JupyterHub's moments, which are UTC without saying so."""
        if moment is None:
            return 0
        return max(0, int((datetime.now(UTC) - moment.replace(tzinfo=UTC)).total_seconds()))

    def switches(self, base_url: str) -> tuple[language.Switch, ...]:
        """The language switch, each link leading back to this page."""
        return language.switches(base_url)

    def static(self, base_url: str, name: str) -> str:
        """The address of a file of ours; it changes when the file does."""
        return f"{base_url}labwerk/static/{name}?v={_digest(name)}"


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC_FOLDER / name).read_bytes()).hexdigest()[:12]
