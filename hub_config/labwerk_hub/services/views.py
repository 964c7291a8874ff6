"""What all views are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(_utc, return_type=str)]


class View(BaseModel):
    """What is shown; never changed once it is made."""

    model_config = ConfigDict(frozen=True)


class Named(View):
    """Something with a name for programs and a title for people."""

    name: str
    title: str
