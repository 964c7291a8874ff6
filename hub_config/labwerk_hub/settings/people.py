"""[sign_in], institutions, projects, courses and the demo's people."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from labwerk_hub.domain.claims import ClaimMapping
from labwerk_hub.domain.people import Role
from labwerk_hub.settings.budgets import BudgetRules
from labwerk_hub.settings.kinds import Hours, Model, Name, Title
from labwerk_hub.settings.storage import Gib


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


class InstitutionSettings(BudgetRules):
    """A university, institute or firm, with its budget."""

    name: Name
    title: Title
    domains: Annotated[tuple[str, ...], Field(min_length=1)]
    gpu_hours: Hours


class ProjectSettings(BudgetRules):
    """People of one or several institutions with a shared folder, and perhaps a budget."""

    name: Name
    title: Title
    group: str
    #: The provider's group of those who decide about shares.
    leads: str = ""
    #: The institution that the budget is given from.
    institution: Name | None = None
    #: Another quota of the folder than storage.project_gib.
    disk_gib: Gib | None = None


class CourseSettings(BudgetRules):
    """A course: instructors, roster and dates; its budget is for those dates if not otherwise."""

    name: Name
    title: Title
    institution: Name
    instructors: str
    roster: str
    first_day: date
    last_day: date
    period: Literal["month", "term", "dates"] = "dates"


class DemoPersonSettings(Model):
    """Somebody who can sign in at the demo provider."""

    login: Name
    try_: Annotated[Title, Field(alias="try")]
    #: What the provider says of this person; keys are claims.
    claims: dict[str, Any]


class DemoSettings(Model):
    """The demo provider's people."""

    people: tuple[DemoPersonSettings, ...] = ()
