"""Ask the hub service, with this session's own token."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, TypeVar

from labwerk.budgets import Asked
from labwerk.errors import NotInLabwerkError, RefusedError, ServiceUnreachableError
from labwerk.overview import Overview
from labwerk.texts import language
from labwerk.usage import MonthUse

_Answer = TypeVar("_Answer")
_Json = Mapping[str, Any]

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
    return _ask("GET", "overview", Overview.from_json)


def change_session(change: str) -> Overview:
    """Change this session (``extend``, ``still-working``); the overview after it.

    Raises as `fetch_overview` does.
    """
    return _ask("POST", f"session/{change}", Overview.from_json)


def pay_with(budget: str) -> Overview:
    """Let a budget such as ``project/rotor`` pay for this session; the overview after it.

    Raises as `fetch_overview` does.
    """
    return _ask("POST", "session/payer", Overview.from_json, {"budget": budget})


def ask_for_more(budget: str, words: str) -> Asked:
    """Ask whoever decides for more of a budget, with words that may be empty.

    Raises as `fetch_overview` does.
    """
    body = {"budget": budget, "words": words}
    return _ask("POST", "budget-requests", Asked.from_json, body)


def fetch_use(month: str | None) -> MonthUse:
    """What the person used in a month such as ``2026-11``; None is this month.

    Raises as `fetch_overview` does.
    """
    return _ask("GET", "use", MonthUse.from_json, month=month)


def _ask(
    method: str,
    path: str,
    read: Callable[[_Json], _Answer],
    body: _Json | None = None,
    **query: str | None,
) -> _Answer:
    address = os.environ.get("LABWERK_SERVICE_URL", "").rstrip("/")
    token = os.environ.get("JUPYTERHUB_API_TOKEN", "")
    if not address or not token:
        raise NotInLabwerkError
    given = {name: value for name, value in query.items() if value is not None}
    asked = urllib.parse.urlencode({**given, "lang": language()})
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(
        f"{address}/api/v1/{path}?{asked}",
        method=method,
        data=None if method == "GET" else json.dumps(body).encode() if body else b"",
        headers=headers,
    )
    # The service is on this machine's own bridge: a proxy for the web must not see it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return read(json.load(response))
    except urllib.error.HTTPError as error:
        raise _refusal(address, error) from error
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceUnreachableError(address, str(reason)) from error


def _refusal(address: str, error: urllib.error.HTTPError) -> Exception:
    try:
        body = json.load(error)
        return RefusedError(str(body["code"]), str(body["message"]))
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return ServiceUnreachableError(address, f"HTTP {error.code}")
