"""JupyterHub's handlers where people enter and stop servers of others, with a record of it.

They take the places of JupyterHub's own: the authenticator's handlers come first.

Into a single-user server one comes by the hub. A browser is sent to
``/api/oauth2/authorize``, which gives the server a code for whoever is signed in; a token is
shown to ``/api/user`` by the server that it is used at. (JupyterHub 6.1, ``services/auth.py``:
``HubOAuth`` and ``HubAuth.user_for_token``.) A token that is made for somebody else at
``/api/users/NAME/tokens`` enters as that person, which no server can tell: the making is on
record. What other programs and root do on the machine itself is not seen here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jupyterhub import orm
from jupyterhub.apihandlers.auth import OAuthAuthorizeHandler
from jupyterhub.apihandlers.users import (
    SelfAPIHandler,
    UserAPIHandler,
    UserServerAPIHandler,
    UserTokenListAPIHandler,
)
from tornado import web

from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import DatabaseError
from labwerk_hub.hub import asking, language
from labwerk_hub.services import audit
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import render

#: Seconds within which one token's use at one server is one entering.
_SAME_VISIT = 3600
_NOT_RECORDED = Message(
    "Entering this server cannot be recorded just now, so it stays closed to others. "
    "Please try again in a minute."
)
_NO_TOKEN = Message(
    "Making a token for somebody else cannot be recorded just now, so there is none. "
    "Please try again in a minute."
)
#: When which token was last on record at whose server; in seconds of this process.
_visits: dict[tuple[str, str], float] = {}


@dataclass(frozen=True)
class Owner:
    """Whose server it is, and what the server is called as an OAuth client."""

    name: str
    client_id: str


def handlers(workbench: Workbench) -> list[tuple[Any, ...]]:
    """Addresses below the hub's own that are JupyterHub's, too."""
    bench = {"workbench": workbench}
    return [
        (r"/api/oauth2/authorize", EnteringHandler, bench),
        (r"/api/user", WhoIsThisHandler, bench),
        (r"/api/users/([^/]+)", PersonHandler),
        (r"/api/users/([^/]+)/server", ServerHandler),
        (r"/api/users/([^/]+)/servers/([^/]*)", ServerHandler),  # without a name it is the same
        (r"/api/users/([^/]+)/tokens", TokensHandler, bench),
    ]


class EnteringHandler(OAuthAuthorizeHandler):
    """A browser asks to enter a server; whoever enters somebody else's is on record."""

    def initialize(self, workbench: Workbench) -> None:
        """Take what services work with."""
        self.workbench = workbench
        self._code_given = False

    async def get(self) -> None:
        """JupyterHub's, which lets people in or asks them to confirm."""
        await self._then_recorded(super().get)

    async def post(self) -> None:
        """JupyterHub's, with the confirmation."""
        await self._then_recorded(super().post)

    def send_oauth_response(
        self, headers: Mapping[str, str], body: str | None, status: int
    ) -> None:
        """JupyterHub's; a refusal has no code for the server."""
        super().send_oauth_response(headers, body, status)
        self._code_given = "code" in parse_qs(urlsplit(headers.get("Location", "")).query)

    async def _then_recorded(self, answer: Callable[[], Any]) -> None:
        """Nothing is sent before the record is made; without it the server stays closed."""
        waiting = answer()
        if waiting is not None:  # not sent to sign in first
            await waiting
        owner = self._owner() if self._code_given else None
        if owner is not None and owner != self.current_user.name:
            await _recorded(self.workbench, self.current_user.name, owner, "browser")

    def _owner(self) -> str | None:
        """Whose server is to be entered; None if it is a service."""
        client = self.oauth_provider.fetch_by_client_id(self.get_argument("client_id"))
        return client.spawner.user.name if client.spawner else None


class WhoIsThisHandler(SelfAPIHandler):
    """A server asks whose token it was shown; somebody else's is on record once an hour.

    Which server asks is told by its address, which the kernel of this machine vouches for.
    """

    def initialize(self, workbench: Workbench) -> None:
        """Take what services work with."""
        self.workbench = workbench

    async def get(self) -> None:
        """JupyterHub's."""
        token = self.get_token()
        owner = self._owner() if token is not None and token.user is not None else None
        if token is not None and owner is not None and owner.name != token.user.name:
            visit = (token.prefix + token.hashed, owner.name)
            # What came of a browser's entering is on record as that.
            if token.client_id != owner.client_id and not _is_known(visit):
                await _recorded(self.workbench, token.user.name, owner.name, "token")
                _visits[visit] = time.monotonic()
        await super().get()

    def _owner(self) -> Owner | None:
        """Whose server asks; None if it is none."""
        # Not remote_ip, which a header of the request may set.
        address = self.request.connection.context.address
        if not isinstance(address, tuple):
            return None
        found = (
            self.db.query(orm.Spawner)
            .join(orm.Server, orm.Spawner.server_id == orm.Server.id)
            .filter(orm.Server.ip == address[0])
            .first()
        )
        if found is None:
            return None
        return Owner(found.user.name, found.oauth_client_id)


class TokensHandler(UserTokenListAPIHandler):
    """Somebody's tokens; one that another person makes acts as its owner, and is on record."""

    def initialize(self, workbench: Workbench) -> None:
        """Take what services work with."""
        self.workbench = workbench
        self._made: orm.APIToken | None = None

    async def post(self, user_name: str) -> None:
        """JupyterHub's; what cannot be recorded is taken back, and nobody has seen it."""
        await super().post(user_name)
        maker = self.current_user.name
        if self._made is None or maker == self._made.user.name:
            return
        owner = self._made.user.name
        try:
            await _recorded(self.workbench, maker, owner, "token-made", _NO_TOKEN)
        except _NotRecordedError:
            self.db.delete(self._made)
            self.db.commit()
            raise

    def token_model(self, token: orm.APIToken) -> dict[str, Any]:
        """JupyterHub's, of the token that was made."""
        self._made = token
        model: dict[str, Any] = super().token_model(token)
        return model


class ServerHandler(UserServerAPIHandler):
    """Start or stop of a server through the API and JupyterHub's pages."""

    async def delete(self, user_name: str, server_name: str = "") -> None:
        """JupyterHub's."""
        asking.remember(self.current_user)
        await super().delete(user_name, server_name)


class PersonHandler(UserAPIHandler):
    """A user of the hub; one who is removed has their server stopped."""

    async def delete(self, user_name: str) -> None:
        """JupyterHub's."""
        asking.remember(self.current_user)
        await super().delete(user_name)


def _is_known(visit: tuple[str, str]) -> bool:
    """Whether it is on record already; what is too old is forgotten."""
    oldest = time.monotonic() - _SAME_VISIT
    for old in [known for known, at in _visits.items() if at < oldest]:
        del _visits[old]
    return visit in _visits


class _NotRecordedError(web.HTTPError):
    """A way in that stays closed; ``jupyterhub_message`` is what JupyterHub's pages show."""

    def __init__(self, log_message: str, shown: str) -> None:
        super().__init__(503, log_message)
        self.jupyterhub_message = shown


async def _recorded(
    workbench: Workbench, visitor: str, owner: str, how: str, otherwise: Message = _NOT_RECORDED
) -> None:
    try:
        await asyncio.to_thread(audit.entered, workbench, visitor, owner, how)
    except DatabaseError as error:
        spoken = language.choose(None, workbench.policy.language)
        raise _NotRecordedError(str(error), render(otherwise, spoken)) from error
