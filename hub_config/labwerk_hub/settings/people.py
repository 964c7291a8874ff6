"""[sign_in], institutions, projects, courses and the demo's people."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from labwerk_hub.domain.claims import ClaimMapping
from labwerk_hub.domain.people import Role
from labwerk_hub.settings.kinds import Hours, Model, Name, Title


class ClaimSettings(Model):
    """Which claim of the provider says what; names with dots reach into nested claims."""

    display_name: str = "name"
    email: str = "email"
    locale: str = "locale"
    home_organisation: str = "schac_home_organization"
    scoped_affiliation: str = "eduperson_scoped_affiliation"
    email_domain: bool = True
    groups: str = "groups"
    roles: str = "roles"


class SignInSettings(Model):
    """The OpenID Connect provider and how its claims are read."""

    issuer: str
    client_id: str = "labwerk"
    client_secret_file: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    claims: ClaimSettings = ClaimSettings()
    #: The provider's role name → ours. Keys are the provider's, hence unknown.
    roles: dict[str, Role] = Field(default_factory=dict)

    @property
    def is_demo(self) -> bool:
        """Whether people sign in at the demo provider that ``up`` runs."""
        return self.issuer == "demo"

    @property
    def claim_mapping(self) -> ClaimMapping:
        """How the provider's claims are read."""
        return ClaimMapping(**self.claims.model_dump(), role_names=self.roles)


class InstitutionSettings(Model):
    """A university, institute or firm, with its budget for a calendar month."""

    name: Name
    title: Title
    domains: Annotated[tuple[str, ...], Field(min_length=1)]
    gpu_hours: Hours
    person_gpu_hours: Hours


class ProjectSettings(Model):
    """People of one or several institutions with a shared folder."""

    name: Name
    title: Title
    group: str


class CourseSettings(Model):
    """A course: instructors, roster and dates."""

    name: Name
    title: Title
    institution: Name
    instructors: str
    roster: str
    first_day: date
    last_day: date


class DemoPersonSettings(Model):
    """Somebody who can sign in at the demo provider."""

    login: Name
    try_: Annotated[Title, Field(alias="try")]
    #: What the provider says of this person; keys are claims.
    claims: dict[str, Any]


class DemoSettings(Model):
    """The demo provider's people."""

    people: tuple[DemoPersonSettings, ...] = ()
