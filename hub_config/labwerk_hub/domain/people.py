"""Institutions and people, and the name somebody gets here.

An Identity is what a provider says of an account (``domain/claims.py`` reads it). A
Person is an Identity that has a place here: a user name and a numeric user id, both
assigned once and never changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import count

from labwerk_hub.domain.texts import Localized

_LONGEST_SLUG = 48
#: Letters that Unicode does not decompose, or that are written otherwise in ASCII.
_TRANSLITERATION = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe",
        "å": "aa", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i", "ħ": "h",
    }
)  # fmt: skip


class Role(StrEnum):
    """What somebody may do beyond using Labwerk; everybody is a member."""

    OPERATOR = "operator"
    INSTITUTION_ADMIN = "institution-admin"
    INSTRUCTOR = "instructor"
    STEWARD = "steward"
    MEMBER = "member"


@dataclass(frozen=True)
class Institution:
    """A university, institute or firm; ``domains`` are those its accounts belong to."""

    name: str
    title: Localized
    domains: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the provider says of an account, as far as Labwerk needs it.

    ``issuer`` and ``subject`` together are the account for ever. ``email`` is there only
    if the provider has verified it, ``locale`` only if it is a language Labwerk speaks.
    """

    issuer: str
    subject: str
    institution: str
    display_name: str
    email: str | None
    locale: str | None
    groups: frozenset[str]
    roles: frozenset[Role]


@dataclass(frozen=True, kw_only=True)
class Person(Identity):
    """An identity with its place here: the hub's user name and the containers' user id.

    The ledger and the audit chain know people by their ``pseudonym`` alone. They last
    signed in at ``seen_ms``.
    """

    name: str
    uid: int
    pseudonym: str
    seen_ms: int | None = None

    @classmethod
    def of(
        cls, identity: Identity, *, name: str, uid: int, pseudonym: str, seen_ms: int | None = None
    ) -> Person:
        """The person that ``identity`` is under ``name``, ``uid`` and ``pseudonym``."""
        said = {field.name: getattr(identity, field.name) for field in fields(Identity)}
        return cls(name=name, uid=uid, pseudonym=pseudonym, seen_ms=seen_ms, **said)


def slug(display_name: str) -> str:
    """A name in ``[a-z0-9-]`` without a double hyphen; never empty.

    ``Anna Müller`` becomes ``anna-mueller``. A name in another script, of which nothing
    is left, becomes ``person``.
    """
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", display_name).lower())
    plain = unicodedata.normalize("NFKD", composed.translate(_TRANSLITERATION))
    letters = "".join(c for c in plain if not unicodedata.combining(c) and c not in "'\u2019")
    return re.sub(r"[^a-z0-9]+", "-", letters)[:_LONGEST_SLUG].strip("-") or "person"


def free_name(institution: str, display_name: str, taken: Container[str]) -> str:
    """The hub's user name ``<institution>--<slug>``, numbered from 2 if it is taken."""
    first = f"{institution}--{slug(display_name)}"
    names = (first if number == 1 else f"{first}-{number}" for number in count(1))
    return next(name for name in names if name not in taken)
