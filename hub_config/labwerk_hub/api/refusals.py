"""What an error is answered with: each has a status, a code and a sentence, whoever raised it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from fastapi import FastAPI, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Event

from labwerk_hub.api.auth import MissingScopeError, UnauthorizedError
from labwerk_hub.api.parameters import language_of_errors
from labwerk_hub.api.problems import Problem
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import DatabaseError, LabwerkError, UnknownPersonError
from labwerk_hub.services.budget_decisions import BudgetDecisionError
from labwerk_hub.services.budget_requests import (
    BudgetRequestError,
    NotTheirsToDecideError,
    UnknownRequestError,
)
from labwerk_hub.services.budget_rights import NotAllowedError
from labwerk_hub.services.budgets import UnknownBudgetError
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.statement import StatementError
from labwerk_hub.services.use_pages import UnknownMonthError
from labwerk_hub.texts import SaidError, render

_log = logging.getLogger(__name__)

#: Faults of a request that are told at once; what is sent may have hundreds.
_MOST_FAULTS = 3
_LONGEST_NAME = 60


class RequestError(LabwerkError):
    """A request that the service does not take: see its OpenAPI document for those it does.

    ``said`` is for the person to read, in their language, where a person may have typed it.
    """

    code: ClassVar[str] = "request"

    def __init__(self, message: str, said: Message | None = None) -> None:
        super().__init__(message)
        self.said = said


class UnforeseenError(LabwerkError):
    """The service has a fault that shows at a request; its log says which."""

    code: ClassVar[str] = "unforeseen"


_STATUS = {
    UnauthorizedError.code: status.HTTP_401_UNAUTHORIZED,
    MissingScopeError.code: status.HTTP_403_FORBIDDEN,
    UnknownPersonError.code: status.HTTP_404_NOT_FOUND,
    RefusedError.code: status.HTTP_409_CONFLICT,
    NotAllowedError.code: status.HTTP_403_FORBIDDEN,
    NotTheirsToDecideError.code: status.HTTP_403_FORBIDDEN,
    UnknownBudgetError.code: status.HTTP_404_NOT_FOUND,
    UnknownMonthError.code: status.HTTP_404_NOT_FOUND,
    UnknownRequestError.code: status.HTTP_404_NOT_FOUND,
    StatementError.code: status.HTTP_404_NOT_FOUND,
    BudgetRequestError.code: status.HTTP_409_CONFLICT,
    BudgetDecisionError.code: status.HTTP_409_CONFLICT,
}
#: To whoever asks; what it was in particular is in the log.
_DATABASE = "The database cannot be used just now; the service's log says why. Try again soon."
#: What tells a client how to ask again (RFC 6750, section 3).
_CHALLENGES = {
    UnauthorizedError.code: "Bearer",
    MissingScopeError.code: 'Bearer error="insufficient_scope"',
}


def answer_errors(app: FastAPI) -> None:
    """Answer every error with a problem: of ours, of the framework, and of a fault."""
    app.add_exception_handler(LabwerkError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_the_framework)
    app.add_exception_handler(Exception, _unforeseen)


class TooLargeAnswers:
    """Around Starlette's limit of a body's size, which answers 413 in words alone: a problem.

    What says that it is too large is refused before anything is done: Starlette looks at that
    only when a body is read, which some routes do not do, or when the answer begins.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on everything else."""
        refusal = RequestError(f"The body of a request may have at most {self._most} bytes.")
        answer = _answer(refusal, refusal.message, status.HTTP_413_CONTENT_TOO_LARGE)
        if _told_size(scope) > self._most:
            await answer(scope, receive, send)
            return
        is_replaced = False

        async def told(event: Event) -> None:
            nonlocal is_replaced
            if event.get("status") == answer.status_code:
                is_replaced = True
                await answer(scope, receive, send)
            elif not is_replaced:
                await send(event)

        await self._app(scope, receive, told)


def _told_size(scope: Scope) -> int:
    """The bytes that a request says its body has; 0 for one that does not."""
    told = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
    return int(told) if told.isdecimal() else 0


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LabwerkError)  # what it is registered for
    code = _STATUS.get(error.code, status.HTTP_503_SERVICE_UNAVAILABLE)
    if isinstance(error, DatabaseError):  # where it lies is nobody's business but an operator's
        _log.error("%s cannot be answered: %s", request.url.path, error)
        return _answer(error, _DATABASE, code)
    challenge = _CHALLENGES.get(error.code)
    headers = {"WWW-Authenticate": challenge} if challenge is not None else None
    return _told(request, error, code, headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # what it is registered for
    faults = error.errors()
    refused = RequestError("; ".join(map(_fault, faults[:_MOST_FAULTS])) + ".", _too_long(faults))
    return _told(request, refused, status.HTTP_422_UNPROCESSABLE_CONTENT)


async def _of_the_framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # what it is registered for
    path, routes = request.url.path[:200], request.app.openapi_url
    message = {
        status.HTTP_404_NOT_FOUND: f"There is nothing at {path}; {routes} says what there is.",
        status.HTTP_405_METHOD_NOT_ALLOWED: (
            f"{path} does not take {request.method}; {routes} says what it takes."
        ),
    }.get(error.status_code, f"{error.detail}.")
    return _answer(RequestError(message), message, error.status_code, error.headers)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    # Starlette raises it again, and the server logs it with its traceback.
    _log.error("%s %s cannot be answered: %r", request.method, request.url.path, error)
    told = UnforeseenError(
        "The service has a fault and cannot answer this; its log says more. "
        "Please try again, or tell an operator."
    )
    return _answer(told, told.message, status.HTTP_500_INTERNAL_SERVER_ERROR)


def _answer(
    error: LabwerkError,
    message: str,
    code: int,
    headers: Mapping[str, str] | None = None,
    language: str = "en",
) -> JSONResponse:
    content = Problem(code=error.code, message=message).model_dump()
    return JSONResponse(content, code, {**(headers or {}), "Content-Language": language})


def _told(
    request: Request, error: LabwerkError, code: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer with what the error says, to a person in their language."""
    said = _said(error)
    if said is None:
        return _answer(error, error.message, code, headers)
    spoken = language_of_errors(request)
    zone = request.app.state.workbench.policy.zone
    return _answer(error, render(said, spoken, zone), code, headers, spoken)


def _said(error: LabwerkError) -> Message | None:
    """What an error says to a person; None for one that speaks to programs."""
    if isinstance(error, RefusedError):
        return error.refusal.message
    return error.said if isinstance(error, SaidError | RequestError) else None


def _fault(fault: Mapping[str, Any]) -> str:
    """One of pydantic's errors, such as ``gpu_hours: Field required``."""
    return f"{_place(fault)}: {fault['msg']}"


def _place(fault: Mapping[str, Any]) -> str:
    """Where it is: the parameter or the key, or that it is the body itself."""
    whole, *within = (str(part)[:_LONGEST_NAME] for part in fault["loc"])
    return ".".join(within) or whole


def _too_long(faults: Sequence[Mapping[str, Any]]) -> Message | None:
    """The same for a text that is too long, the one fault that people make who only type."""
    first = faults[0]
    if first["type"] != "string_too_long":
        return None
    return Message(
        "“%(field)s” may have at most %(most)s characters.",
        {"field": _place(first), "most": int(first["ctx"]["max_length"])},
    )
