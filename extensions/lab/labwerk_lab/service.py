"""Ask the hub service on a person's behalf, with the session's own token."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labwerk_lab.texts import sentence

if TYPE_CHECKING:
    from tornado.httpclient import HTTPResponse

CONNECT_TIMEOUT = 3.0
"""Seconds to wait for a connection; the service is one hop away."""

REQUEST_TIMEOUT = 10.0
"""Seconds to wait for the answer."""

PASSED_ON = frozenset({400, 401, 403, 404, 409, 413, 422, 503})
"""The service's refusals that keep their status on the way to the panel."""


@dataclass(frozen=True)
class Upstream:
    """The hub service as this session knows it."""

    url: str
    token: str

    @classmethod
    def from_environment(cls) -> Upstream | None:
        """The service named by the session's environment, or None outside Labwerk."""
        url = os.environ.get("LABWERK_SERVICE_URL", "")
        token = os.environ.get("JUPYTERHUB_API_TOKEN", "")
        return cls(url.rstrip("/"), token) if url and token else None


@dataclass(frozen=True)
class Answer:
    """What goes back to the panel."""

    status: int
    body: dict[str, object]


def problem(status: int, code: str, language: str) -> Answer:
    """A refusal of our own, in the person's language."""
    return Answer(status, {"code": code, "message": sentence(code, language)})


async def fetch_overview(upstream: Upstream, language: str) -> Answer:
    """The service's overview, or a code and a sentence why there is none."""
    return await _ask(upstream, "GET", f"overview?lang={language}", language)


async def fetch_as_visitor(upstream: Upstream, language: str) -> Answer:
    """`fetch_overview` for somebody else than the server's owner, and marked as such."""
    answer = await fetch_overview(upstream, language)
    return Answer(200, answer.body | {"visited": True}) if answer.status == 200 else answer


async def change_session(change: str, upstream: Upstream, language: str) -> Answer:
    """Change this session (``extend``, ``still-working``): the overview after it.

    A refusal is a code and a sentence, as in `fetch_overview`.
    """
    return await _ask(upstream, "POST", f"session/{change}?lang={language}", language)


async def pay_with(budget: str, upstream: Upstream, language: str) -> Answer:
    """Let a budget such as ``project/rotor`` pay from now on: the overview after it.

    A refusal is a code and a sentence, as in `fetch_overview`.
    """
    path = f"session/payer?lang={language}"
    return await _ask(upstream, "POST", path, language, {"budget": budget})


async def ask_for_more(budget: str, words: str, upstream: Upstream, language: str) -> Answer:
    """Ask whoever decides for more of a budget, with words that may be empty: the request.

    A refusal is a code and a sentence, as in `fetch_overview`.
    """
    path = f"budget-requests?lang={language}"
    return await _ask(upstream, "POST", path, language, {"budget": budget, "words": words})


async def report_activity(upstream: Upstream, report: dict[str, object]) -> str | None:
    """Tell the service what this server does; why it was not taken, None if it was."""
    from tornado.httpclient import HTTPClientError

    try:
        response = await _send(upstream, "PUT", "session/activity", report)
    except (HTTPClientError, OSError) as error:
        return str(error) or type(error).__name__
    return None if response.code == 204 else f"HTTP {response.code}"


async def _ask(
    upstream: Upstream,
    method: str,
    path: str,
    language: str,
    body: dict[str, object] | None = None,
) -> Answer:
    from tornado.simple_httpclient import HTTPTimeoutError

    try:
        response = await _send(upstream, method, path, body)
    except HTTPTimeoutError:
        return problem(503, "service-timeout", language)
    except OSError:
        return problem(503, "service-unreachable", language)
    return _translate(response, language)


async def _send(
    upstream: Upstream, method: str, path: str, body: dict[str, object] | None = None
) -> HTTPResponse:
    """The service's answer, whatever its status.

    Raises HTTPTimeoutError if it takes too long, OSError if there is none.
    """
    # Imported here, since every server would pay for it at its start.
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest
    from tornado.simple_httpclient import HTTPStreamClosedError

    headers = {"Authorization": f"Bearer {upstream.token}", "Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = HTTPRequest(
        f"{upstream.url}/api/v1/{path}",
        method=method,
        headers=headers,
        body=None if method == "GET" else json.dumps(body).encode() if body else b"",
        connect_timeout=CONNECT_TIMEOUT,
        request_timeout=REQUEST_TIMEOUT,
        # A redirect would carry the token to where it does not belong.
        follow_redirects=False,
    )
    try:
        return await AsyncHTTPClient().fetch(request, raise_error=False)
    except HTTPStreamClosedError as error:
        raise ConnectionError(str(error)) from error


def _translate(response: HTTPResponse, language: str) -> Answer:
    if response.code == 599:
        return problem(503, "service-unreachable", language)
    body = _json_object(response.body)
    if response.code in (200, 201) and body is not None:
        return Answer(response.code, body)
    if response.code in PASSED_ON and body is not None and {"code", "message"} <= body.keys():
        return Answer(response.code, {"code": body["code"], "message": body["message"]})
    return problem(502, "service-failed", language)


def _json_object(raw: bytes) -> dict[str, object] | None:
    try:
        value: object = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
