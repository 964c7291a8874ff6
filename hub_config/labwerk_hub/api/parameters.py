"""What several routes are asked with."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request

from labwerk_hub.settings import Language
from labwerk_hub.texts import LANGUAGES, asked_for


async def wanted_language(
    lang: Annotated[
        Language | None,
        Query(
            description="The language of titles and sentences; if left out, what the header "
            "Accept-Language asks for, and without one the person's own."
        ),
    ] = None,
    accept_language: Annotated[
        str | None,
        Header(
            description="The same as browsers say it; lang comes before it.",
            examples=["de-AT, de;q=0.9"],
        ),
    ] = None,
) -> str | None:
    """The language that a request asks for; None if it asks for none of ours."""
    return lang or asked_for(accept_language or "")


Lang = Annotated[str | None, Depends(wanted_language)]


def language_of_errors(request: Request) -> str:
    """The same for a request that may be of any shape; without a wish the person's, the site's."""
    lang = request.query_params.get("lang")
    return (
        (lang if lang in LANGUAGES else asked_for(request.headers.get("Accept-Language", "")))
        or getattr(request.state, "locale", None)
        or request.app.state.workbench.policy.language
    )


#: Any text is taken: the services say what a month or a period is, and which there are.
Month = Annotated[
    str | None,
    Query(description="A month; this one if left out.", max_length=40, examples=["2026-11"]),
]
Period = Annotated[
    str | None,
    Query(
        description="A period's name; the one that is on if left out.",
        max_length=40,
        examples=["2026-11", "2026-10-12..2027-02-05"],
    ),
]
PersonPath = Annotated[
    str, Path(description="Somebody's hub user name.", examples=["thr--anna-mueller"])
]


class Form(StrEnum):
    """A form that a page is given in."""

    JSON = "json"
    CSV = "csv"


#: The query parameter `format`.
WantedForm = Annotated[Form, Query(alias="format", description="As JSON, or as a table in CSV.")]
