"""``GET labwerk/board``: the picture of the pool, as a page or as its parts that change."""

from __future__ import annotations

from urllib.parse import urlencode

from jupyterhub.handlers.base import BaseHandler
from tornado import web

from labwerk_hub.domain.texts import Message
from labwerk_hub.hub.context import Pages
from labwerk_hub.services.board import HOURS, Query, Show


class BoardHandler(BaseHandler):
    """The board for everybody who has signed in; ``part=1`` asks for what changes alone."""

    def initialize(self, pages: Pages) -> None:
        """Take the pages this hub shows."""
        self.pages = pages

    @web.authenticated
    async def get(self) -> None:
        """Render it; values that make no sense count as not given."""
        query = self._query()
        board = await self.pages.board(self.current_user.name, query)
        problem = board if isinstance(board, Message) else None
        part = bool(self.get_argument("part", ""))
        if problem is not None:
            self.set_status(503)
        address = f"{self.hub.base_url}labwerk/board?" + urlencode(
            {"model": query.model, "show": query.show.value, "hours": query.hours}
        )
        self.set_header("Cache-Control", "no-store")
        self.finish(
            await self.render_template(
                "labwerk/board_parts.html" if part and problem is None else "labwerk/board.html",
                board=board,
                problem=problem,
                here="board",
                address=address,
                refresh=f"{address}&page={query.page}&part=1",
            )
        )

    def _query(self) -> Query:
        wanted = self.get_argument("show", Show.ALL)
        page, hours = self.get_argument("page", "1"), self.get_argument("hours", "")
        return Query(
            model=self.get_argument("model", ""),
            show=Show(wanted) if wanted in list(Show) else Show.ALL,
            page=int(page) if page.isdecimal() and len(page) < 7 else 1,
            hours=int(hours) if hours in map(str, HOURS) else HOURS[-1],
        )
