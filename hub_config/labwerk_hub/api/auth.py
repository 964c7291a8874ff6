"""Who asks: JupyterHub says, for the token that came with the request."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from fastapi.security.utils import get_authorization_scheme_param
from jupyterhub.services.auth import HubAuth
from starlette.concurrency import run_in_threadpool
from tornado.web import HTTPError

from labwerk_hub.api.hub import HubUnreachableError
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.scopes import Scope
from labwerk_hub.errors import LabwerkError, UnknownPersonError
from labwerk_hub.services import people

__all__ = [
    "BudgetsReader",
    "BudgetsWriter",
    "EventsReader",
    "HubAuth",
    "MissingScopeError",
    "PersonName",
    "SessionWriter",
    "StatementsReader",
    "UnauthorizedError",
    "UseReader",
    "metrics_reader",
    "person_name",
]

_log = logging.getLogger(__name__)


class _HubToken(HTTPBearer):
    """A token as "Authorization: Bearer …", or as "token …", the way of JupyterHub's own API."""

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
        if scheme.lower() == "token" and token:
            return HTTPAuthorizationCredentials(scheme=scheme, credentials=token)
        return await super().__call__(request)


_bearer = _HubToken(
    auto_error=False,
    scheme_name="HTTPBearer",
    description=(
        "A JupyterHub token with the scope access:services!service=labwerk, and beside it "
        "the scopes that a route names. People make tokens at /hub/token."
    ),
)


class UnauthorizedError(LabwerkError):
    """No token, or one that JupyterHub does not know or that lacks the scope."""

    code = "unauthorized"


class MissingScopeError(LabwerkError):
    """A token that JupyterHub knows, but that may not ask for this."""

    code = "missing-scope"


_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def person_name(request: Request, needed: SecurityScopes, credentials: _Credentials) -> str:
    """The hub user name of the token's owner.

    Raises UnauthorizedError if there is none, MissingScopeError for a token that lacks a
    scope that the route names.
    """
    auth: HubAuth = request.app.state.hub_auth
    model = await _owner(auth, credentials)
    if (
        model is None
        or model.get("kind") != "user"
        or not auth.check_scopes(auth.access_scopes, model)
    ):
        raise UnauthorizedError(
            "The request needs a JupyterHub token with the scope "
            "access:services!service=labwerk, as “Authorization: Bearer …”."
        )
    for scope in needed.scopes:
        if scope not in model["scopes"]:
            raise MissingScopeError(f"This token lacks the scope {scope}.")
    return str(model["name"])


async def person(request: Request, name: Annotated[str, Depends(person_name)]) -> Person:
    """The token's owner. Raises UnknownPersonError for whoever never signed in at the hub."""
    found = await run_in_threadpool(people.find, request.app.state.workbench, name)
    if found is None or not found.pseudonym:
        raise UnknownPersonError(f"{name} is not known here; sign in at the hub first.")
    request.state.locale = found.locale  # for errors, which are told where nobody is asked for
    return found


async def metrics_reader(request: Request, credentials: _Credentials) -> None:
    """Let pass who may read JupyterHub's own metrics: a person's token or a service's.

    Raises UnauthorizedError without a token, MissingScopeError for one without the scope.
    """
    model = await _owner(request.app.state.hub_auth, credentials)
    if model is None:
        raise UnauthorizedError(
            "The request needs a JupyterHub token with the scope read:metrics, "
            "as “Authorization: Bearer …”."
        )
    if "read:metrics" not in model["scopes"]:
        raise MissingScopeError("This token lacks the scope read:metrics.")


async def _owner(
    auth: HubAuth, credentials: HTTPAuthorizationCredentials | None
) -> Mapping[str, Any] | None:
    """Whose token it is, as JupyterHub says; None without a token it knows."""
    if credentials is None:
        return None
    try:
        model: Mapping[str, Any] | None = await auth.user_for_token(
            credentials.credentials, sync=False
        )
    except HTTPError as error:
        # JupyterHub's sentence has the hub's address, which is an operator's business.
        _log.warning("The hub does not say whose a token is: %s", error.log_message)
        raise HubUnreachableError(
            "The hub does not say whose token this is; it may be restarting, please try again."
        ) from error
    return model


PersonName = Annotated[str, Depends(person_name)]
#: The token's owner, where the token has the scope that the route needs.
UseReader = Annotated[Person, Security(person, scopes=[Scope.USE_READ.value])]
EventsReader = Annotated[Person, Security(person, scopes=[Scope.EVENTS_READ.value])]
BudgetsReader = Annotated[Person, Security(person, scopes=[Scope.BUDGETS_READ.value])]
BudgetsWriter = Annotated[Person, Security(person, scopes=[Scope.BUDGETS_WRITE.value])]
StatementsReader = Annotated[Person, Security(person, scopes=[Scope.STATEMENTS_READ.value])]
SessionWriter = Annotated[Person, Security(person, scopes=[Scope.SESSION_WRITE.value])]
