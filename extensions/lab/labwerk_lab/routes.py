"""The panel's one route: the person's overview, asked of the hub service.

The browser must not hold a token for the hub service, and the service is not
reachable from it; this server has both, so it asks.
"""

from __future__ import annotations

import json

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from labwerk_lab.overview import Upstream, fetch_overview, problem
from labwerk_lab.texts import pick_language

OVERVIEW_PATH = "/labwerk/api/overview"


class OverviewHandler(APIHandler):
    """``GET labwerk/api/overview?lang=de``: session, budget and datasets."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the service's overview, or with its code and sentence."""
        language = pick_language(self.get_query_argument("lang", ""))
        upstream = Upstream.from_environment()
        if upstream is None:
            answer = problem(404, "not-configured", language)
        else:
            answer = await fetch_overview(upstream, language)
        self.set_status(answer.status)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(answer.body))


def add_routes(web_app: web.Application) -> None:
    """Add the routes below the server's base URL."""
    path = url_path_join(web_app.settings["base_url"], OVERVIEW_PATH)
    web_app.add_handlers(".*$", [(path, OverviewHandler)])
