"""The waiting room: how things stand, asked every few seconds, and leaving the line."""

from __future__ import annotations

import asyncio

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.spawner import Spawner, SpawnException
from jupyterhub.user import User
from tornado import web

from labwerk_hub.hub.reading import Pages
from labwerk_hub.services import waiting


class _LineHandler(BaseHandler):
    """What both handlers know."""

    def initialize(self, pages: Pages) -> None:
        """Take the pages this hub shows."""
        self.pages = pages

    def person(self, user_name: str) -> User:
        """The user whose place it is; 404 if there is none."""
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404, f"No such user: {user_name}")
        return user


class WaitingHandler(_LineHandler):
    """``GET labwerk/waiting/<user>``: the place in line as a fragment of HTML.

    Its ``data-state`` is what the page goes by: ``waiting``, ``called``, ``starting`` (there
    is a server now) or ``gone`` (neither).
    """

    @web.authenticated
    @needs_scope("servers")
    async def get(self, user_name: str) -> None:
        """Render it in the reader's language."""
        user = self.person(user_name)
        await self.pages.open(self.current_user.name)
        self.set_header("Cache-Control", "no-store")
        self.finish(
            await self.render_template(
                "labwerk/waiting_now.html",
                user=user,
                starting=user.spawner.ready or user.spawner.pending == "spawn",
                view=await self.pages.waiting(user.name),
                failure=failure_of(user.spawner),
            )
        )


class LeaveHandler(_LineHandler):
    """``POST labwerk/leave/<user>``: give the place in line up; needs no JavaScript."""

    @web.authenticated
    @needs_scope("servers")
    async def post(self, user_name: str) -> None:
        """Leave, then show home."""
        user = self.person(user_name)
        await asyncio.to_thread(waiting.leave, self.pages.workbench, user.name)
        self.redirect(f"{self.hub.base_url}home")


def failure_of(spawner: Spawner) -> BaseException | None:
    """Why the latest start did not work; None if it did, or if it only led into the line."""
    start = spawner._spawn_future
    if start is None or not start.done() or start.cancelled():
        return None
    error: BaseException | None = start.exception()
    if isinstance(error, SpawnException) and error.reason == "waiting":
        return None
    return error
