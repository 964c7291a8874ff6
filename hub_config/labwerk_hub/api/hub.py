"""What the service asks of the hub: whose servers there are, and to stop one."""

from __future__ import annotations

import httpx

from labwerk_hub.errors import LabwerkError


class HubUnreachableError(LabwerkError):
    """The hub does not answer, or not as expected."""

    code = "hub-unreachable"


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
        for state in ("active", "ready"):
            offset: int | None = 0
            while offset is not None:
                page = self._get(state, offset)
                names |= {item["name"] for item in page["items"]}
                following = page["_pagination"]["next"]
                offset = following["offset"] if following else None
        return names

    def stop(self, person: str) -> None:
        """Ask the hub to stop a person's server. Raises HubUnreachableError."""
        self._request("DELETE", f"users/{person}/server")

    def _get(self, state: str, offset: int) -> dict[str, list[dict[str, str]]]:
        response = self._request(
            "GET",
            "users",
            params={"state": state, "offset": offset},
            headers={"Accept": "application/jupyterhub-pagination+json"},
        )
        found: dict[str, list[dict[str, str]]] = response.json()
        return found

    def _request(self, method: str, path: str, **kwargs: object) -> httpx.Response:
        try:
            response = self._client.request(method, path, **kwargs)  # type: ignore[arg-type]
            return response.raise_for_status()
        except httpx.HTTPError as error:
            raise HubUnreachableError(f"{method} {path} at the hub failed: {error}.") from error
