"""The panel's routes: what it asks of the hub service, asked with the session's token.

The browser must not hold a token for the hub service, and the service is not
reachable from it; this server has both, so it asks.
"""

from __future__ import annotations

import json

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from labwerk_lab.service import Answer, Upstream, change_session, fetch_overview, problem
from labwerk_lab.texts import pick_language

OVERVIEW_PATH = "/labwerk/api/overview"
CHANGE_PATH = "/labwerk/api/session/(extend|still-working)"


class _ServiceHandler(APIHandler):
    """Asks the service and hands its answer on."""

    # The panel asks by itself, whether or not anybody sits before it.
    _track_activity = False

    async def answer_with(self, change: str | None) -> None:
        language = pick_language(self.get_query_argument("lang", ""))
        upstream = Upstream.from_environment()
        answer: Answer
        if upstream is None:
            answer = problem(404, "not-configured", language)
        elif change is None:
            answer = await fetch_overview(upstream, language)
        else:
            answer = await change_session(upstream, change, language)
        self.set_status(answer.status)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(answer.body))


class OverviewHandler(_ServiceHandler):
    """``GET labwerk/api/overview?lang=de``: session, budget and datasets."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the service's overview, or with its code and sentence."""
        await self.answer_with(None)


class ChangeHandler(_ServiceHandler):
    """``POST labwerk/api/session/extend`` or ``…/still-working``."""

    @web.authenticated
    async def post(self, change: str) -> None:
        """Answer with the overview after the change, or with the refusal."""
        await self.answer_with(change)


def add_routes(web_app: web.Application) -> None:
    """Add the routes below the server's base URL."""
    base = web_app.settings["base_url"]
    web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, OVERVIEW_PATH), OverviewHandler),
            (url_path_join(base, CHANGE_PATH), ChangeHandler),
        ],
    )
