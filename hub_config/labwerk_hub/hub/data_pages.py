"""What the pages of use and budgets share: who looks, what they typed, and refusals in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from jupyterhub.handlers.base import BaseHandler
from tornado import web

from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import DatabaseError, UnknownPersonError
from labwerk_hub.hub.reading import Page, Pages
from labwerk_hub.services.budget_rights import NotAllowedError
from labwerk_hub.services.budgets import UnknownBudgetError
from labwerk_hub.services.statement import StatementError
from labwerk_hub.services.use_pages import UnknownMonthError
from labwerk_hub.services.use_tables import Table, as_csv
from labwerk_hub.services.views import View
from labwerk_hub.texts import SaidError

Result = TypeVar("Result")
_MISSING = (UnknownBudgetError, UnknownPersonError, StatementError)
_NOT_KNOWN = Message("Labwerk does not know your account. Please sign out and in again.")
_NOT_READABLE = Message(
    "Use and budgets cannot be read just now. Running sessions go on; "
    "please try again in a minute, or tell an operator."
)


class ToldError(web.HTTPError):
    """An error page with a sentence of ours."""

    def __init__(self, status: int, said: Message, log_message: str) -> None:
        super().__init__(status, log_message.replace("%", "%%"))
        self.sentences = (said,)


@dataclass(frozen=True)
class File:
    """A download and what it is called."""

    url: str
    title: str


@dataclass(frozen=True)
class Typed:
    """What somebody sent with a form, as they typed it, and what was wrong with it.

    ``action`` is what they wanted done, ``about`` to what; ``lasts`` is ``period`` or
    ``always``, and with ``from_settings`` the amount is what the settings say. ``field`` names
    the field that is at fault.
    """

    action: str
    about: str
    amount: str = ""
    words: str = ""
    lasts: str = "period"
    from_settings: bool = False
    said: Message | None = None
    field: str = ""


@dataclass(frozen=True)
class Refused:
    """What a form asked for is refused, in a sentence for whoever sent it."""

    said: Message


class DataHandler(BaseHandler):
    """A page whose data may be refused."""

    #: Longer texts than this are no reasons but mistakes.
    longest_words: ClassVar[int] = 2000

    def initialize(self, pages: Pages) -> None:
        """Take the pages this hub shows."""
        self.pages = pages

    async def viewer(self) -> tuple[Page, Person]:
        """The page's frame and who looks; ToldError for an account that Labwerk does not know."""
        page = await self.pages.open(self.current_user.name)
        if page.person is None:
            raise ToldError(403, _NOT_KNOWN, f"{self.current_user.name} is not known")
        return page, page.person

    async def read(self, function: Callable[[], Result]) -> Result:
        """What ``function`` returns, in a thread; its refusals as pages."""
        try:
            return await asyncio.to_thread(function)
        except NotAllowedError as error:
            raise ToldError(403, error.said, error.message) from error
        except UnknownMonthError as error:
            raise ToldError(404, error.said, error.message) from error
        except _MISSING as error:
            raise web.HTTPError(404, error.message.replace("%", "%%")) from error
        except DatabaseError as error:
            raise ToldError(503, _NOT_READABLE, error.message) from error

    async def done(self, function: Callable[[], Result]) -> Result | Refused:
        """Do it in a thread; what came of it, or that it is refused; other errors as pages."""
        try:
            return await self.read(lambda: _said(function))
        except _RefusedError as refused:
            return Refused(refused.said)

    def typed(self) -> Typed:
        """What the form says."""
        lasts = self.get_body_argument("lasts", "period")
        return Typed(
            action=self.get_body_argument("action", ""),
            about=self.get_body_argument("about", ""),
            amount=self.get_body_argument("amount", "")[:40],
            words=self.get_body_argument("words", "")[: self.longest_words],
            lasts=lasts if lasts == "always" else "period",
            from_settings=bool(self.get_body_argument("settings", "")),
        )

    def asked(self) -> dict[str, str]:
        """The address's arguments."""
        return {name: self.get_query_argument(name) for name in self.request.query_arguments}

    async def show(self, template: str, shown: Mapping[str, object], status: int = 200) -> None:
        """The page; never kept by a browser, since it tells of people."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(await self.render_template(template, **shown))

    def send_table(self, name: str, table: Table) -> None:
        """A table as a file."""
        self.send(f"{name}.csv", "text/csv; charset=utf-8", as_csv(table).encode())

    def send_all(self, name: str, view: View) -> None:
        """A whole page as a file."""
        self.send(f"{name}.json", "application/json", view.model_dump_json(indent=1).encode())

    def send(self, name: str, media_type: str, content: bytes) -> None:
        """A file to be kept."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", media_type)
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(content)


class _RefusedError(Exception):
    """What was wanted is refused in a sentence for the form."""

    def __init__(self, said: Message) -> None:
        super().__init__(said.msgid)
        self.said = said


def _said(function: Callable[[], Result]) -> Result:
    try:
        return function()
    except SaidError as error:
        raise _RefusedError(error.said) from error
