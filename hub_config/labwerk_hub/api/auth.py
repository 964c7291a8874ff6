"""Who asks: JupyterHub says, for the token that came with the request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jupyterhub.services.auth import HubAuth
from tornado.web import HTTPError

from labwerk_hub.api.hub import HubUnreachableError
from labwerk_hub.errors import LabwerkError

__all__ = ["HubAuth", "PersonName", "UnauthorizedError", "person_name"]

_bearer = HTTPBearer(
    auto_error=False,
    description="A JupyterHub token with the scope access:services!service=labwerk.",
)


class UnauthorizedError(LabwerkError):
    """No token, or one that JupyterHub does not know or that lacks the scope."""

    code = "unauthorized"


async def person_name(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """The hub user name of the token's owner; UnauthorizedError if there is none."""
    auth: HubAuth = request.app.state.hub_auth
    model = None
    if credentials is not None:
        try:
            model = await auth.user_for_token(credentials.credentials, sync=False)
        except HTTPError as error:
            raise HubUnreachableError(
                f"The hub does not say whose token this is ({error.log_message}); "
                "it may be restarting, please try again."
            ) from error
    if (
        model is None
        or model.get("kind") != "user"
        or not auth.check_scopes(auth.access_scopes, model)
    ):
        raise UnauthorizedError(
            "The request needs a JupyterHub token with the scope "
            "access:services!service=labwerk, as “Authorization: Bearer …”."
        )
    return str(model["name"])


PersonName = Annotated[str, Depends(person_name)]
