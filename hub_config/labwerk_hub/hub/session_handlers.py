"""Two addresses of ours beside JupyterHub's: what may be started now, and stop."""

from __future__ import annotations

import asyncio

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.spawner import Spawner
from jupyterhub.user import User
from tornado import web

from labwerk_hub.domain.admission import Request
from labwerk_hub.hub import asking
from labwerk_hub.hub.reading import Pages

#: How long a cancelled start may take to notice, and a stop may take before a page says so.
_PATIENCE_SECONDS = 1.0


class OffersHandler(BaseHandler):
    """``GET labwerk/offers/<user>``: the start page's questions as they are now."""

    def initialize(self, pages: Pages) -> None:
        """Take the pages this hub shows."""
        self.pages = pages

    @web.authenticated
    @needs_scope("servers")
    async def get(self, user_name: str) -> None:
        """The fragment of HTML; ``flavour``, ``image`` and ``wait`` say what is selected."""
        flavour = self.get_argument("flavour", None)
        payer = self.get_argument("payer", "")
        selected = (
            Request(flavour, self.get_argument("image", ""), payer=payer)
            if flavour is not None
            else None
        )
        await self.pages.open(self.current_user.name)
        self.set_header("Cache-Control", "no-store")
        self.finish(
            await self.pages.start_fields(
                self.settings["jinja2_env"],
                user_name,
                self.hub.base_url,
                selected,
                instead=selected is None,
                wait=selected is None or bool(self.get_argument("wait", "")),
            )
        )


class StopHandler(BaseHandler):
    """``POST labwerk/stop/<user>``: stop the session, or its start; needs no JavaScript."""

    @web.authenticated
    @needs_scope("delete:servers")
    async def post(self, user_name: str) -> None:
        """Begin to stop, then show home, which tells how far it is."""
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404, f"No such user: {user_name}")
        asking.remember(self.current_user)
        spawner = user.spawner
        if spawner.pending == "spawn":
            await self._interrupt(spawner)
        if spawner.active and spawner.pending is None:
            await self._stop(user)
        self.redirect(f"{self.hub.base_url}home")

    async def _interrupt(self, spawner: Spawner) -> None:
        """Cancel a start. JupyterHub counts it as pending until its future has ended."""
        start = spawner._spawn_future
        if start is not None and not start.done():
            spawner.cancelled = True
            start.cancel()
            await asyncio.wait([start], timeout=_PATIENCE_SECONDS)

    async def _stop(self, user: User) -> None:
        stopping = asyncio.ensure_future(self.stop_single_user(user))
        # Errors are logged by JupyterHub, and the page shows what is the case.
        await asyncio.wait([stopping], timeout=_PATIENCE_SECONDS)
