"""Which language a request is answered in.

JupyterHub has no notion of one, and what it hands to templates knows the user but not
the request. Tornado, though, makes an output transform from every request before the
handler's task begins, so a context variable set there reaches all that the request does.

The order: what the person has chosen on a page (a cookie), what their provider says of
them, what their browser asks for, what the settings say.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from dataclasses import dataclass
from typing import cast

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.spawner import Spawner
from tornado.httputil import HTTPServerRequest, url_concat
from tornado.web import HTTPError, OutputTransform

from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import people
from labwerk_hub.texts import LANGUAGES, asked_for, native_name

_log = logging.getLogger(__name__)

COOKIE = "labwerk-language"
_COOKIE_DAYS = 365
#: Part of the address of a page that must not be asked for again, such as a sign-in's return.
_ONCE_ONLY = ("code=", "state=")

_request: ContextVar[HTTPServerRequest | None] = ContextVar("labwerk_request", default=None)
_language: ContextVar[str] = ContextVar("labwerk_language", default="en")


@dataclass(frozen=True)
class Switch:
    """A link of the language switch."""

    language: str
    name: str
    url: str
    current: bool


class RequestLanguage(OutputTransform):
    """Remembers the request for :func:`choose`; transforms nothing."""

    def __init__(self, request: HTTPServerRequest) -> None:
        super().__init__(request)
        _request.set(request)


def choose(person_locale: str | None, default: str) -> str:
    """The language to answer the present request in; from now on it is :func:`current`.

    Outside a request only ``person_locale`` and ``default`` count.
    """
    request = _request.get()
    language = (
        (_chosen(request) if request else None)
        or (person_locale if person_locale in LANGUAGES else None)
        or (asked_for(request.headers.get("Accept-Language", "")) if request else None)
        or default
    )
    _language.set(language)
    return language


def current() -> str:
    """The language that was chosen for the present request."""
    return _language.get()


async def of_spawner(spawner: Spawner) -> str:
    """The language of the person a session is for, whoever starts it."""
    name, workbench = spawner.user.name, spawner.workbench
    viewer = spawner.handler.current_user if spawner.handler else None
    if viewer is None or viewer.name != name:
        _request.set(None)  # what an operator's browser asks for says nothing of the person
    try:
        person = await asyncio.to_thread(people.find, workbench, name)
    except LabwerkError as error:
        _log.warning("The language of %s cannot be read: %s", name, error)
        person = None
    return choose(person.locale if person else None, workbench.policy.language)


def switches(base_url: str) -> tuple[Switch, ...]:
    """The links of the language switch, each leading back to the present page."""
    request = _request.get()
    back = request.uri or base_url if request else base_url
    if any(part in back for part in _ONCE_ONLY):
        back = base_url + "home"
    return tuple(
        Switch(
            language=language,
            name=native_name(language),
            url=url_concat(f"{base_url}labwerk/language", {"to": language, "next": back}),
            current=language == current(),
        )
        for language in LANGUAGES
    )


def _chosen(request: HTTPServerRequest) -> str | None:
    cookie = request.cookies.get(COOKIE)
    return cookie.value if cookie and cookie.value in LANGUAGES else None


class LanguageHandler(BaseHandler):
    """``GET labwerk/language?to=de&next=…``: keep the choice in a cookie and go back."""

    def get(self) -> None:
        """Set the cookie; a link suffices, since nothing but a preference changes."""
        language = self.get_argument("to", "")
        if language not in LANGUAGES:
            raise HTTPError(400, f"to must be one of {', '.join(LANGUAGES)}")
        self.set_cookie(
            COOKIE,
            language,
            expires_days=_COOKIE_DAYS,
            path=cast(str, self.base_url),
            httponly=True,
            samesite="Lax",
            secure=self.request.protocol == "https",
        )
        self.redirect(self.get_next_url(self.current_user, default=self.hub.base_url))
