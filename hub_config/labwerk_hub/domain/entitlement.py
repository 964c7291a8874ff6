"""What a person may use, and where it is charged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from labwerk_hub.domain.budgets import Budget, BudgetKind, budget_id
from labwerk_hub.domain.catalogue import Catalogue, Course, Dataset, Project
from labwerk_hub.domain.people import Institution, Person, Role


@dataclass(frozen=True)
class Entitlement:
    """A person's institution, projects, courses and datasets as of now."""

    person: Person
    institution: Institution
    projects: tuple[Project, ...]
    attends: tuple[Course, ...]
    teaches: tuple[Course, ...]
    datasets: tuple[Dataset, ...]

    @property
    def hub_groups(self) -> list[str]:
        """The JupyterHub groups that say the same."""
        return sorted(
            [f"institution:{self.institution.name}"]
            + [f"project:{project.name}" for project in self.projects]
            + [f"course:{course.name}" for course in self.attends]
            + [f"course-instructors:{course.name}" for course in self.teaches]
        )

    @property
    def hub_roles(self) -> list[str]:
        """The JupyterHub roles; with managed roles, any that is left out is taken away."""
        return ["user", "admin"] if Role.OPERATOR in self.person.roles else ["user"]


def entitlement(person: Person, catalogue: Catalogue) -> Entitlement:
    """What ``person`` may use by what the provider and the settings say.

    Raises KeyError if the person's institution has left the settings.
    """
    institution = catalogue.institution(person.institution)
    return Entitlement(
        person=person,
        institution=institution,
        projects=tuple(p for p in catalogue.projects if p.group in person.groups),
        attends=tuple(c for c in catalogue.courses if c.roster in person.groups),
        teaches=tuple(c for c in catalogue.courses if c.instructors in person.groups),
        datasets=tuple(d for d in catalogue.datasets if institution.name in d.shared_with),
    )


def payers(who: Entitlement, budgets: Mapping[str, Budget], today: date) -> tuple[Budget, ...]:
    """The budgets that may pay for a person's session: the institution's own comes first.

    Courses pay on their days.
    """
    wanted = [budget_id(BudgetKind.INSTITUTION, who.institution.name)]
    wanted += [budget_id(BudgetKind.PROJECT, project.name) for project in who.projects]
    wanted += [
        budget_id(BudgetKind.COURSE, course.name)
        for course in dict.fromkeys(who.teaches + who.attends)
        if course.first_day <= today <= course.last_day
    ]
    return tuple(budgets[name] for name in wanted if name in budgets)
