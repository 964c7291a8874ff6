"""How errors travel: the shape, and for the OpenAPI document which ones a route answers with."""

from __future__ import annotations

from pydantic import BaseModel

from labwerk_hub.domain.texts import LANGUAGES


class Problem(BaseModel):
    """An error: a code for programs and a sentence for people."""

    code: str
    message: str


_HEADERS = {
    "Content-Language": {
        "description": "The language of the message.",
        "schema": {"type": "string", "enum": list(LANGUAGES)},
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Answers with a problem, by their HTTP status."""
    return {status: {"model": Problem, "headers": _HEADERS} for status in statuses}


#: What a route may answer with that reads for somebody, …
READING = problems(401, 403, 404, 422, 503)
#: … and one that changes something.
CHANGING = problems(401, 403, 404, 409, 413, 422, 503)
