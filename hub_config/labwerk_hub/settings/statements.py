"""[statements]: who issues the monthly statements."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from labwerk_hub.domain.texts import Localized
from labwerk_hub.settings.kinds import Model, Title

#: What accounting systems know a site by, such as its name in a configuration database.
SiteName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]


class StatementSettings(Model):
    """Who hands statements out, and what the site is called in usage records."""

    issuer: Title = Localized.same("Labwerk")
    site: SiteName = "LABWERK"
