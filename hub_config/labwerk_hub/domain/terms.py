"""How long sessions last: by flavour, and by the groups that have rules of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from labwerk_hub.domain.catalogue import Flavour
from labwerk_hub.domain.people import Person


@dataclass(frozen=True)
class SessionRule:
    """What holds for a group instead of a flavour's own hours; None leaves those as they are.

    An empty ``flavour`` means all of them. ``group`` is one of a provider's groups, or
    ``institution:<name>``.
    """

    group: str
    flavour: str = ""
    default_hours: int | None = None
    longest_hours: int | None = None
    idle_minutes: int | None = None


@dataclass(frozen=True)
class Term:
    """A session's length in seconds: first end, last possible end, idle time (0: any)."""

    usual_seconds: int
    longest_seconds: int
    idle_seconds: int


def groups_of(person: Person) -> frozenset[str]:
    """The names under which rules and reservations may mean ``person``."""
    return person.groups | {f"institution:{person.institution}"}


def term(flavour: Flavour, groups: Collection[str], rules: Iterable[SessionRule]) -> Term:
    """The term of ``flavour`` for somebody in ``groups``: the first rule that says so wins."""
    meant = [r for r in rules if r.group in groups and r.flavour in ("", flavour.name)]

    def said(key: str, otherwise: int) -> int:
        values = (getattr(rule, key) for rule in meant)
        return next((value for value in values if value is not None), otherwise)

    longest = said("longest_hours", flavour.longest_hours)
    usual = said("default_hours", flavour.default_hours) or longest
    return Term(
        usual_seconds=min(usual, longest) * 3600,
        longest_seconds=longest * 3600,
        idle_seconds=said("idle_minutes", flavour.idle_minutes) * 60,
    )
