"""What the pages read of people, offers, budgets and the pool.

Everything that reads the database does so in a thread; templates await it, since
JupyterHub renders its pages with Jinja's asynchronous environment. Error pages are
rendered by a synchronous one and go by what was read last.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from jinja2 import Environment
from markupsafe import Markup

from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.budget_rights import may_see
from labwerk_hub.domain.budgets import Purse
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.periods import OUTSIDE
from labwerk_hub.domain.texts import Localized, Message
from labwerk_hub.errors import EngineUnreachableError, LabwerkError
from labwerk_hub.hub import language
from labwerk_hub.hub.start import choices
from labwerk_hub.services import board, budget_requests, overview, people, sessions, waiting
from labwerk_hub.services.board_views import Board
from labwerk_hub.services.budget_views import payer_view
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.overview import Overview
from labwerk_hub.services.pool_sums import PoolSums
from labwerk_hub.services.waiting import WaitingView
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.settings import Settings

_log = logging.getLogger(__name__)
#: For how long what was read of somebody is kept for the pages that cannot read it.
_SEEN_FOR = timedelta(hours=1)

_ENGINE_SILENT = Message(
    "The engine that runs sessions does not answer. Running sessions go on; "
    "please try again in a minute, or tell an operator."
)
_NO_BOARD = Message(
    "The pool cannot be read just now. Running sessions go on; "
    "please try again in a minute, or tell an operator."
)
_NOT_READABLE = Message(
    "What is free and what is left of your budget cannot be read just now. "
    "Please try again in a minute, or tell an operator."
)


@dataclass(frozen=True)
class Seen:
    """What was read last of somebody, and when."""

    person: Person
    asked: int
    at: datetime


@dataclass(frozen=True)
class Page:
    """What every page shows around its content."""

    language: str
    demo: bool
    person: Person | None
    institution: Localized | None
    #: Whether there are budgets for the reader to decide about.
    decides: bool = False
    #: Requests that they may decide now.
    asked: int = 0

    @property
    def operator(self) -> bool:
        """Whether the reader may see what went wrong inside."""
        return self.person is not None and Role.OPERATOR in self.person.roles


@dataclass(frozen=True)
class Budget:
    """A budget as the pages show it, in ticks; the same nouns as the ledger's Balance."""

    title: str
    period: str
    ends: datetime
    granted: int
    used: int
    held: int
    left: int
    budget_left: int
    at: datetime
    #: A session runs without it: it is not asked for anything.
    over_use: bool = False

    def ends_within(self, seconds: int) -> bool:
        """Whether its period is over in so many seconds, to the minute."""
        return self.at + timedelta(seconds=seconds + 60) >= self.ends

    @property
    def is_open(self) -> bool:
        """Whether there is a period now for which something may be granted."""
        return self.period != OUTSIDE

    @classmethod
    def of(cls, purse: Purse, at: datetime) -> Budget:
        """A purse on the start page, as it is at a moment."""
        balance = purse.balance
        return cls(
            title=balance.budget.title.in_language(language.current()),
            period=balance.period.shown,
            ends=from_ms(balance.period.end_ms),
            granted=balance.granted,
            used=balance.used,
            held=balance.held,
            left=balance.left,
            budget_left=balance.budget_left,
            at=at,
        )


class Pages:
    """The pages of one workbench; the same object for the life of the hub."""

    def __init__(self, settings: Settings, workbench: Workbench) -> None:
        self.workbench = workbench
        self._demo = settings.sign_in.is_demo
        self.default_language: str = settings.machine.language
        self._seen: dict[str, Seen] = {}
        self.sums = PoolSums(workbench)

    def __deepcopy__(self, memo: dict[int, object]) -> Pages:
        """Itself: traitlets copies what configuration holds, and a workbench is one."""
        return self

    async def open(self, viewer: str | None) -> Page:
        """The frame of a page that ``viewer`` looks at; decides the request's language."""
        if viewer is not None:
            try:
                person, asked = await asyncio.to_thread(self._read, viewer)
            except LabwerkError as error:
                _log.warning("The page goes without what is known of %s: %s", viewer, error)
            else:
                self._remember(viewer, person, asked)
        return self.open_now(viewer)

    def open_now(self, viewer: str | None) -> Page:
        """The same without asking the database, by what was read last."""
        seen = self._seen.get(viewer or "")
        if seen is not None and not self._is_recent(seen):
            seen = None
        person = seen.person if seen is not None else None
        return Page(
            language=language.choose(person.locale if person else None, self.default_language),
            demo=self._demo,
            person=person,
            institution=self._institution(person),
            decides=person is not None and self._decides(person),
            asked=seen.asked if seen is not None else 0,
        )

    def _remember(self, viewer: str, person: Person | None, asked: int) -> None:
        """Keep what was read for a while; nothing of who is not known, or not any more."""
        self._seen.pop(viewer, None)  # so that the oldest stand first
        if person is not None:
            self._seen[viewer] = Seen(person, asked, self.workbench.clock())
        while self._seen:
            oldest = next(iter(self._seen))
            if self._is_recent(self._seen[oldest]):
                break
            del self._seen[oldest]

    def _is_recent(self, seen: Seen) -> bool:
        return self.workbench.clock() - seen.at < _SEEN_FOR

    def _read(self, viewer: str) -> tuple[Person | None, int]:
        """Who looks, and how many requests wait for them."""
        person = people.find(self.workbench, viewer)
        if person is None or not self._decides(person):
            return person, 0
        return person, len(budget_requests.open_for(self.workbench, person))

    def _decides(self, person: Person) -> bool:
        return any(may_see(person, one) for one in self.workbench.catalogue.budgets.values())

    async def start_fields(
        self,
        environment: Environment,
        person: str,
        base_url: str,
        wanted: Request | None = None,
        *,
        instead: bool = True,
        wait: bool = True,
    ) -> Markup:
        """The start page's questions for ``person``, in the request's language.

        ``wanted`` and ``instead`` are those of :func:`labwerk_hub.hub.start.choices`;
        ``wait`` is whether they would take a place in line.
        """
        template = environment.get_template("labwerk/start_fields.html")
        try:
            payer = wanted.payer if wanted is not None else ""
            page = await asyncio.to_thread(sessions.start_page, self.workbench, person, payer)
        except LabwerkError as error:
            _log.warning("No offers can be shown to %s: %s", person, error)
            problem = _to_the_person(error)
            return Markup(await template.render_async(problem=problem, base_url=base_url))
        return Markup(
            await template.render_async(
                page=page,
                choices=choices(page, wanted, instead=instead),
                balance=Budget.of(page.purse, self.workbench.clock()),
                payers=[
                    payer_view(
                        purse,
                        page.purse.budget.id,
                        self.workbench.catalogue,
                        language.current(),
                    )
                    for purse in page.purses
                ],
                base_url=base_url,
                wait=wait,
            )
        )

    async def waiting(self, person: str) -> WaitingView | None:
        """The person's place in line; None if they do not wait, or it cannot be read now."""
        try:
            return await asyncio.to_thread(waiting.view_of, self.workbench, person)
        except LabwerkError as error:
            _log.warning("The page goes without %s's place in line: %s", person, error)
            return None

    async def board(self, viewer: str, query: board.Query) -> Board | Message:
        """The board as ``viewer`` may see it, or why it cannot be shown."""
        page = await self.open(viewer)
        try:
            return await asyncio.to_thread(
                board.show, self.workbench, self.sums, page.person, query, page.language
            )
        except LabwerkError as error:
            _log.warning("The board cannot be shown: %s", error)
            return _NO_BOARD

    async def overview(self, person: str) -> Overview | None:
        """What runs and what is left for ``person``; None if it cannot be read now."""
        try:
            return await asyncio.to_thread(
                overview.of_person, self.workbench, person, language.current()
            )
        except LabwerkError as error:
            _log.warning("The home page goes without %s's overview: %s", person, error)
            return None

    async def name_of(self, person: str) -> str:
        """What somebody is called; their user name if it cannot be read now."""
        try:
            found = await asyncio.to_thread(people.find, self.workbench, person)
        except LabwerkError as error:
            _log.warning("The page goes without the name of %s: %s", person, error)
            return person
        return found.display_name if found is not None else person

    def _institution(self, person: Person | None) -> Localized | None:
        if person is None:
            return None
        try:
            return self.workbench.catalogue.institution(person.institution).title
        except KeyError:
            return None  # it has left the settings


def _to_the_person(error: LabwerkError) -> Message:
    if isinstance(error, RefusedError):
        return error.refusal.message
    return _ENGINE_SILENT if isinstance(error, EngineUnreachableError) else _NOT_READABLE
