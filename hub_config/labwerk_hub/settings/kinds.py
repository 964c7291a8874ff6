"""The kinds of values that settings have, and the base of all their models."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from labwerk_hub.adapters.declared import MOST_SHARES
from labwerk_hub.domain.texts import Localized

_SMALLEST_SUBNET = 28
Language = Literal["en", "de", "it", "fr"]
#: Short and final: part of user names, paths and groups; never a double hyphen.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=32)]
Port = Annotated[int, Field(ge=1, le=65535)]
#: More than any pool has; exact wherever numbers go.
Hours = Annotated[int, Field(ge=0, le=10**8)]
#: Sessions that share a GPU in time; 1: nobody shares it.
Shares = Annotated[int, Field(ge=1, le=MOST_SHARES)]
Weight = Annotated[int, Field(ge=1, le=1000)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]+([.-][0-9a-z]+)*$", max_length=32)]


def _localized(value: object) -> object:
    return Localized.same(value) if isinstance(value, str) else value


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("must be an IANA time zone such as Europe/Berlin")
    return value


def _network(value: str) -> str:
    ipaddress.IPv4Network(value)
    return value


def _subnet(value: str) -> str:
    if ipaddress.IPv4Network(value).prefixlen > _SMALLEST_SUBNET:
        raise ValueError(f"must have room for sessions: /{_SMALLEST_SUBNET} or larger")
    return value


def _absolute(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError("must be a full path that begins with /")
    return value


Title = Annotated[Localized, BeforeValidator(_localized)]
Network = Annotated[str, AfterValidator(_network)]
Subnet = Annotated[Network, AfterValidator(_subnet)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
#: A full path, or nothing.
Absolute = Annotated[str, AfterValidator(_absolute)]


class Model(BaseModel):
    """A part of the settings: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)
