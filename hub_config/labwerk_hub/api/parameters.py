"""What several routes are asked with."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import Path, Query

from labwerk_hub.settings import Language

Lang = Annotated[
    Language | None,
    Query(description="The language of titles and sentences; the person's own if left out."),
]
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
