"""Accounts as a sign-in provider tells of them, and the people they are here."""

from __future__ import annotations

from labwerk_hub.domain.people import Identity, Person, Role


def identity(
    *groups: str,
    subject: str = "1",
    email: str | None = None,
    roles: frozenset[Role] = frozenset(),
) -> Identity:
    """Anna Müller of the university, who speaks German."""
    return Identity(
        issuer="https://sso.example",
        subject=subject,
        institution="thr",
        display_name="Anna Müller",
        email=email,
        locale="de",
        groups=frozenset(groups),
        roles=roles,
    )


def person(*groups: str, roles: frozenset[Role] = frozenset()) -> Person:
    """The same, as she is known once she has signed in before everybody else."""
    return Person.of(
        identity(*groups, roles=roles),
        name="thr--anna-mueller",
        uid=200_000,
        pseudonym="p-0123456789abcdef",
    )
