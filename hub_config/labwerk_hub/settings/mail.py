"""[mail]: through which server Labwerk writes to people."""

from __future__ import annotations

import re
from email import policy
from email.errors import MessageDefect
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from labwerk_hub.settings.kinds import Model, Port

#: A name or an address of a machine; no scheme, no port, no path.
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[?[0-9A-Fa-f:]+\]?")


def _host(value: str) -> str:
    if value and not _HOST.fullmatch(value):
        raise ValueError(
            "must be a host's name such as mail.your.example; the port is a setting of its own"
        )
    return value.strip("[]")


def _address(value: str) -> str:
    """One address, with or without a name before it."""
    if not value:
        return value
    wrong = ValueError("must be one address, as Labwerk <labwerk@your.example> is")
    if not value.isprintable():
        raise wrong
    try:
        header = policy.SMTP.header_factory("From", value)
        addresses = header.addresses
    except (ValueError, IndexError, MessageDefect):
        raise wrong from None
    if header.defects or len(addresses) != 1:
        raise wrong
    (found,) = addresses
    if not (found.username and found.domain) or found.addr_spec.endswith("."):
        raise wrong
    return value


Host = Annotated[str, AfterValidator(_host)]
Address = Annotated[str, AfterValidator(_address)]


class MailSettings(Model):
    """The site's mail server, and what stands on every mail; without a server no mail is sent."""

    server: Host = ""
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: str = ""
    sender: Address = ""
    reply_to: Address = ""
    give_up_hours: Annotated[int, Field(ge=1, le=24 * 30)] = 72
