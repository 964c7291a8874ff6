"""Ask the hub service for a person's overview, with the session's own token."""

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

PASSED_ON = frozenset({401, 403, 404, 503})
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
    # Imported here, since every server would pay for it at its start.
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest
    from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

    request = HTTPRequest(
        f"{upstream.url}/api/v1/overview?lang={language}",
        headers={"Authorization": f"Bearer {upstream.token}", "Accept": "application/json"},
        connect_timeout=CONNECT_TIMEOUT,
        request_timeout=REQUEST_TIMEOUT,
        # A redirect would carry the token to where it does not belong.
        follow_redirects=False,
    )
    try:
        response = await AsyncHTTPClient().fetch(request, raise_error=False)
    except HTTPTimeoutError:
        return problem(503, "service-timeout", language)
    except (HTTPStreamClosedError, OSError):
        return problem(503, "service-unreachable", language)
    return _translate(response, language)


def _translate(response: HTTPResponse, language: str) -> Answer:
    if response.code == 599:
        return problem(503, "service-unreachable", language)
    body = _json_object(response.body)
    if response.code == 200 and body is not None:
        return Answer(200, body)
    if response.code in PASSED_ON and body is not None and {"code", "message"} <= body.keys():
        return Answer(response.code, {"code": body["code"], "message": body["message"]})
    return problem(502, "service-failed", language)


def _json_object(raw: bytes) -> dict[str, object] | None:
    try:
        value: object = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
