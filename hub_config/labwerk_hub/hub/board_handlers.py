"""``GET labwerk/board``: the picture of the pool, as a page or as its parts that change."""

from __future__ import annotations

from urllib.parse import urlencode

from jupyterhub.handlers.base import BaseHandler
from tornado import web

from labwerk_hub.domain.texts import Message
from labwerk_hub.hub.reading import Pages
from labwerk_hub.services.board import HOURS, Query, Show

PAGE_TEMPLATE = "labwerk/board.html"
PARTS_TEMPLATE = "labwerk/board_parts.html"


class BoardHandler(BaseHandler):
    """The board for everybody who has signed in; ``part=1`` asks for what changes alone."""

    def initialize(self, pages: Pages) -> None:
        """Take the pages this hub shows."""
        self.pages = pages

    @web.authenticated
    async def get(self) -> None:
        """Render it; values that make no sense count as not given."""
        query = query_of({name: self.get_argument(name) for name in self.request.arguments})
        shown = await shown_to(self.pages, self.current_user.name, query, self.hub.base_url)
        part = bool(self.get_argument("part", ""))
        if shown["problem"] is not None:
            self.set_status(503)
            part = False
        self.set_header("Cache-Control", "no-store")
        template = PARTS_TEMPLATE if part else PAGE_TEMPLATE
        self.finish(await self.render_template(template, **shown))


def query_of(arguments: dict[str, str]) -> Query:
    """What the address asks for; whatever makes no sense counts as not given."""
    wanted, page = arguments.get("show", ""), arguments.get("page", "")
    hours = arguments.get("hours", "")
    return Query(
        model=arguments.get("model", ""),
        show=Show(wanted) if wanted in list(Show) else Show.ALL,
        page=int(page) if page.isdecimal() and len(page) < 7 else 1,
        hours=int(hours) if hours in map(str, HOURS) else HOURS[-1],
    )


async def shown_to(pages: Pages, viewer: str, query: Query, base_url: str) -> dict[str, object]:
    """What the templates are given: the board or a problem, and the page's own addresses."""
    board = await pages.board(viewer, query)
    choice = {"model": query.model, "show": query.show.value, "hours": query.hours}
    address = f"{base_url}labwerk/board?{urlencode(choice)}"
    problem = board if isinstance(board, Message) else None
    return {
        "board": None if problem else board,
        "problem": problem,
        "here": "board",
        "address": address,
        "refresh": f"{address}&page={query.page}&part=1",
    }
