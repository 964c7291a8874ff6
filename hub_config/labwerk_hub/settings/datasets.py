"""[[datasets]]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from labwerk_hub.settings.kinds import Model, Name, Title, Version


class DatasetSettings(Model):
    """One version of a dataset with its descriptor."""

    institution: Name
    name: Name
    version: Version
    title: Title
    description: Title
    nature: Literal["measured", "simulated", "synthetic", "profiles"]
    publisher: str
    origin: str
    licence: str
    licence_title: str
    steward: str
    files: Annotated[tuple[str, ...], Field(min_length=1)]
    shared_with: tuple[Name, ...]
