"""Ask the hub service, with this session's own token."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

from labwerk.errors import NotInLabwerkError, RefusedError, ServiceUnreachableError
from labwerk.model import Overview
from labwerk.texts import language

TIMEOUT = 10.0
"""Seconds to wait for the service; it is one hop away."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token must not follow a redirect to where it does not belong."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def fetch_overview() -> Overview:
    """The person's session, budget and datasets, as the workbench says now.

    Raises:
        NotInLabwerkError: the environment names no service or no token.
        RefusedError: the service refused, with its code and sentence.
        ServiceUnreachableError: the service does not answer, or not as agreed.
    """
    return _ask("GET", "overview")


def change_session(change: str) -> Overview:
    """Change this session (``extend``, ``still-working``); the overview after it.

    Raises as `fetch_overview` does.
    """
    return _ask("POST", f"session/{change}")


def _ask(method: str, path: str) -> Overview:
    address = os.environ.get("LABWERK_SERVICE_URL", "").rstrip("/")
    token = os.environ.get("JUPYTERHUB_API_TOKEN", "")
    if not address or not token:
        raise NotInLabwerkError
    request = urllib.request.Request(
        f"{address}/api/v1/{path}?lang={language()}",
        method=method,
        data=None if method == "GET" else b"",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
    )
    # The service is on this machine's own bridge: a proxy for the web must not see it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return Overview.from_json(json.load(response))
    except urllib.error.HTTPError as error:
        raise _refusal(address, error) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceUnreachableError(address, str(reason)) from error


def _refusal(address: str, error: urllib.error.HTTPError) -> Exception:
    try:
        body = json.load(error)
        return RefusedError(str(body["code"]), str(body["message"]))
    except (ValueError, KeyError, TypeError):
        return ServiceUnreachableError(address, f"HTTP {error.code}")
