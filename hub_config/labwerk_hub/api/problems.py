"""How errors travel."""

from __future__ import annotations

from pydantic import BaseModel


class Problem(BaseModel):
    """An error: a code for programs and a sentence for people."""

    code: str
    message: str


#: The errors that any route may answer with, for the OpenAPI document.
PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": Problem} for code in (401, 403, 404, 409, 503)
}
