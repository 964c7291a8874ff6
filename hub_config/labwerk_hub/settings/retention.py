"""[retention]: for how long what the audit chain says of people is kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from labwerk_hub.settings.kinds import Model

#: Days; 0 is for ever.
Days = Annotated[int, Field(ge=0, le=36_500)]


class RetentionSettings(Model):
    """Days after which an event's content is removed, by what it is about."""

    sign_ins: Days = 90
    sessions: Days = 365
    access: Days = 365
    administration: Days = 3650
