"""What is asked of the hub: whose servers there are, to start or stop one, to forget somebody."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Annotated

import httpx
from pydantic import BaseModel, Field, ValidationError

from labwerk_hub.errors import LabwerkError

_log = logging.getLogger(__name__)


class HubUnreachableError(LabwerkError):
    """The hub does not answer, or not as expected."""

    code = "hub-unreachable"


class _User(BaseModel):
    name: str


class _Next(BaseModel):
    offset: int


class _Pagination(BaseModel):
    next: _Next | None


class _Page(BaseModel):
    items: tuple[_User, ...]
    pagination: Annotated[_Pagination, Field(alias="_pagination")]


class Hub:
    """JupyterHub's REST API with the service's own token."""

    def __init__(self, api_url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=api_url,
            headers={"Authorization": f"token {token}"},
            timeout=15,
            trust_env=False,  # the hub is on this machine; no proxy leads there
        )

    def served(self) -> set[str]:
        """Names of the people for whom the hub has a server: running, starting, stopping.

        Raises HubUnreachableError.
        """
        names: set[str] = set()
        offset: int | None = 0
        while offset is not None:
            # "active" is JupyterHub's word for: running, starting or stopping.
            answer = self._request(
                "GET",
                "users",
                params={"state": "active", "offset": offset},
                headers={"Accept": "application/jupyterhub-pagination+json"},
            )
            try:
                page = _Page.model_validate_json(answer.content)
            except ValidationError as error:
                raise HubUnreachableError(f"The hub's list of users is odd: {error}.") from error
            names |= {user.name for user in page.items}
            offset = page.pagination.next.offset if page.pagination.next else None
        return names

    def stop(self, person: str) -> None:
        """Ask the hub to stop a person's server. Raises HubUnreachableError."""
        self._request("DELETE", f"users/{person}/server")

    def start(self, person: str, choice: Mapping[str, str]) -> None:
        """Ask the hub to start a person's server; nothing if it is starting or running.

        Raises HubUnreachableError.
        """
        path = f"users/{person}/server"
        answer = self._request("POST", path, json=dict(choice), accepted={httpx.codes.BAD_REQUEST})
        if answer.status_code == httpx.codes.BAD_REQUEST:
            _log.info("%s has a server that is starting, running or stopping", person)

    def forget(self, person: str) -> None:
        """Remove a person whose server does not run; nothing if the hub knows them no more.

        Raises HubUnreachableError.
        """
        self._request("DELETE", f"users/{person}", accepted={httpx.codes.NOT_FOUND})

    def _request(
        self, method: str, path: str, accepted: Collection[int] = (), **kwargs: object
    ) -> httpx.Response:
        try:
            response = self._client.request(method, path, **kwargs)  # type: ignore[arg-type]
            if response.status_code in accepted:
                return response
            return response.raise_for_status()
        except httpx.HTTPError as error:
            raise HubUnreachableError(f"{method} {path} at the hub failed: {error}.") from error
