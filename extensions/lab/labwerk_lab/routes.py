"""The panel's routes: what it asks of the hub service, asked with the session's token.

The browser must not hold a token for the hub service, and the service is not
reachable from it; this server has both, so it asks. The token is that of the server's
owner: whoever else is let in here may look, and changes nothing in the owner's name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from functools import partial

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from labwerk_lab.service import (
    Answer,
    Upstream,
    ask_for_more,
    change_session,
    fetch_as_visitor,
    fetch_overview,
    pay_with,
    problem,
)
from labwerk_lab.texts import pick_language

OVERVIEW_PATH = "/labwerk/api/overview"
CHANGE_PATH = "/labwerk/api/session/(extend|still-working)"
PAYER_PATH = "/labwerk/api/session/payer"
REQUESTS_PATH = "/labwerk/api/budget-requests"


class _ServiceHandler(APIHandler):
    """Asks the service and hands its answer on."""

    # The panel asks by itself, whether or not anybody sits before it.
    _track_activity = False

    async def answer_with(self, ask: Callable[[Upstream, str], Awaitable[Answer]]) -> None:
        """Answer with what the service says to ``ask``, in the panel's language."""
        language = pick_language(self.get_query_argument("lang", ""))
        upstream = Upstream.from_environment()
        self.answer(
            problem(404, "not-configured", language)
            if upstream is None
            else await ask(upstream, language)
        )

    async def change_with(self, ask: Callable[[Upstream, str], Awaitable[Answer]]) -> None:
        """`answer_with`, for what the service books in the owner's name; 403 for a visitor."""
        if self.is_visited():
            language = pick_language(self.get_query_argument("lang", ""))
            self.answer(problem(403, "not-your-server", language))
        else:
            await self.answer_with(ask)

    def is_visited(self) -> bool:
        """Whether the request is somebody else's than the server's owner.

        JupyterHub names the owner in ``JUPYTERHUB_USER``. Whoever cannot be told is a visitor.
        """
        owner = os.environ.get("JUPYTERHUB_USER")
        return not owner or self.current_user.username != owner

    def answer(self, answer: Answer) -> None:
        """End the request with an answer."""
        self.set_status(answer.status)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(answer.body))

    def text(self, name: str) -> str:
        """A text of the request's JSON object; 400 if it is something else."""
        body = self.get_json_body()
        value = body.get(name, "") if isinstance(body, dict) else None
        if not isinstance(value, str):
            raise web.HTTPError(400, f"the body must be an object whose {name} is a text")
        return value


class OverviewHandler(_ServiceHandler):
    """``GET labwerk/api/overview?lang=de``: session, budget and datasets."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the service's overview, or with its code and sentence.

        A visitor's has ``visited``: the panel then offers no change.
        """
        await self.answer_with(fetch_as_visitor if self.is_visited() else fetch_overview)


class ChangeHandler(_ServiceHandler):
    """``POST labwerk/api/session/extend`` or ``…/still-working``."""

    @web.authenticated
    async def post(self, change: str) -> None:
        """Answer with the overview after the change, or with the refusal."""
        await self.change_with(partial(change_session, change))


class PayerHandler(_ServiceHandler):
    """``POST labwerk/api/session/payer`` with ``{"budget": "project/rotor"}``."""

    @web.authenticated
    async def post(self) -> None:
        """Answer with the overview now that this budget pays, or with the refusal."""
        await self.change_with(partial(pay_with, self.text("budget")))


class RequestsHandler(_ServiceHandler):
    """``POST labwerk/api/budget-requests`` with ``{"budget": "project/rotor", "words": "…"}``."""

    @web.authenticated
    async def post(self) -> None:
        """Answer with the request for more as it stands, or with the refusal."""
        await self.change_with(partial(ask_for_more, self.text("budget"), self.text("words")))


def add_routes(web_app: web.Application) -> None:
    """Add the routes below the server's base URL."""
    base = web_app.settings["base_url"]
    web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, OVERVIEW_PATH), OverviewHandler),
            (url_path_join(base, CHANGE_PATH), ChangeHandler),
            (url_path_join(base, PAYER_PATH), PayerHandler),
            (url_path_join(base, REQUESTS_PATH), RequestsHandler),
        ],
    )
