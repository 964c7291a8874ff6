"""From a provider's claims to an Identity.

What the provider says is read through the mapping in the settings. An account that
belongs to no institution here is refused in words that say what was missing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from labwerk_hub.domain.people import Identity, Institution, Role
from labwerk_hub.domain.texts import LANGUAGES, Message
from labwerk_hub.errors import LabwerkError

_LONGEST_DISPLAY_NAME = 120
_LONGEST_DOMAIN = 253
_LONGEST_LABEL = 63


@dataclass(frozen=True)
class ClaimMapping:
    """Which claim says what; a name with dots reaches into nested claims."""

    display_name: str = "name"
    email: str = "email"
    locale: str = "locale"
    home_organisation: str = "schac_home_organization"
    scoped_affiliation: str = "eduperson_scoped_affiliation"
    #: Whether the domain of a verified e-mail address may say the institution.
    email_domain: bool = True
    groups: str = "groups"
    roles: str = "roles"
    #: The provider's name of a role → ours.
    role_names: Mapping[str, Role] = field(default_factory=lambda: MappingProxyType({}))


class NoInstitutionError(LabwerkError):
    """The account belongs to no institution here.

    ``sentences`` say to the person who signs in what was looked for and what was found;
    each stands by itself and is translated by itself.
    """

    code = "no-institution"

    def __init__(self, findings: Sequence[Message]) -> None:
        self.sentences = (
            Message("Your account belongs to no institution that takes part here."),
            *findings,
            Message(
                "Ask your institution to release what is missing, or sign in with another account."
            ),
        )
        super().__init__(" ".join(text.msgid % text.params for text in self.sentences))


class UnusableClaimsError(LabwerkError):
    """The provider did not say which account this is."""

    code = "unusable-claims"


def identity_from_claims(
    claims: Mapping[str, object], mapping: ClaimMapping, institutions: Sequence[Institution]
) -> Identity:
    """Read the provider's claims (of the ID token and of userinfo, together).

    The institution is looked up in this order, and the first that matches wins, even if
    a later one says otherwise: the home organisation; the scopes of the affiliations;
    the domain of an e-mail address that the provider has verified. A domain matches
    exactly, after normalisation: a sub-domain is another domain and has to be listed.
    Claims of an unexpected type count as not said.

    Raises :class:`NoInstitutionError` when nothing matches, and
    :class:`UnusableClaimsError` without an issuer or a subject.
    """
    issuer, subject = _text(claims.get("iss")), _text(claims.get("sub"))
    if not issuer or not subject:
        raise UnusableClaimsError(
            "The provider's answer lacks the claim iss or sub, which say whose account it is; "
            "ask for the scope openid in sign_in.scopes."
        )
    email = _verified_email(claims, mapping)
    return Identity(
        issuer=issuer,
        subject=subject,
        institution=_institution(claims, mapping, institutions).name,
        display_name=_display_name(_claim(claims, mapping.display_name)) or subject,
        email=email,
        locale=_language(_claim(claims, mapping.locale)),
        groups=frozenset(_texts(_claim(claims, mapping.groups))),
        roles=frozenset(_roles(_claim(claims, mapping.roles), mapping.role_names)),
    )


def normal_domain(value: str) -> str | None:
    """``value`` as a domain to compare: lower case, composed, each label in ASCII.

    None if it is no domain. Letters that only look alike stay different letters; ``ß``
    stays ``ß`` (IDNA 2008), and a label already written ``xn--…`` equals its letters.
    """
    text = unicodedata.normalize("NFKC", value).strip().lower().removesuffix(".")
    text = unicodedata.normalize("NFC", text)
    labels = [_ascii_label(label) for label in text.split(".")]
    if "." not in text or not all(labels):
        return None
    domain = ".".join(label for label in labels if label)
    return domain if len(domain) <= _LONGEST_DOMAIN else None


def _institution(
    claims: Mapping[str, object], mapping: ClaimMapping, institutions: Sequence[Institution]
) -> Institution:
    by_domain = {
        normal_domain(domain): institution
        for institution in institutions
        for domain in institution.domains
    }
    for domain in _domains(claims, mapping):
        if domain in by_domain:
            return by_domain[domain]
    raise NoInstitutionError(tuple(_findings(claims, mapping)))


def _domains(claims: Mapping[str, object], mapping: ClaimMapping) -> Iterator[str]:
    """Every domain the claims name, in the order in which they count."""
    values = list(_texts(_claim(claims, mapping.home_organisation)))
    values += map(_scope, _texts(_claim(claims, mapping.scoped_affiliation)))
    if mapping.email_domain:
        values.append(_scope(_verified_email(claims, mapping) or ""))
    yield from (domain for value in values if (domain := normal_domain(value)))


def _findings(claims: Mapping[str, object], mapping: ClaimMapping) -> Iterator[Message]:
    home = ", ".join(_texts(_claim(claims, mapping.home_organisation)))
    if home:
        yield Message(
            "Your home organisation %(value)s does not take part (claim %(claim)s).",
            {"value": home, "claim": mapping.home_organisation},
        )
    else:
        yield Message(
            "Your provider did not say your home organisation (claim %(claim)s).",
            {"claim": mapping.home_organisation},
        )
    affiliations = ", ".join(_texts(_claim(claims, mapping.scoped_affiliation)))
    if affiliations:
        yield Message(
            "Your affiliation %(value)s is with nobody who takes part (claim %(claim)s).",
            {"value": affiliations, "claim": mapping.scoped_affiliation},
        )
    else:
        yield Message(
            "Your provider did not say your affiliation (claim %(claim)s).",
            {"claim": mapping.scoped_affiliation},
        )
    if mapping.email_domain:
        yield _email_finding(claims, mapping)


def _email_finding(claims: Mapping[str, object], mapping: ClaimMapping) -> Message:
    address = _text(_claim(claims, mapping.email))
    if not address:
        return Message(
            "Your provider did not say your e-mail address (claim %(claim)s).",
            {"claim": mapping.email},
        )
    if _verified_email(claims, mapping) is None:
        return Message(
            "Your provider has not verified your e-mail address %(value)s.", {"value": address}
        )
    return Message(
        "The domain of your e-mail address %(value)s is of nobody who takes part.",
        {"value": address},
    )


def _claim(claims: Mapping[str, object], name: str) -> object:
    # Names of claims may contain dots themselves (https://…), so the whole name first.
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _texts(value: object) -> Iterator[str]:
    values: Iterable[object] = value if isinstance(value, list | tuple) else [value]
    yield from filter(None, map(_text, values))


def _scope(value: str) -> str:
    """What follows the one @; nothing if there is none or several."""
    before, _, after = value.partition("@")
    return after if before and "@" not in after else ""


def _verified_email(claims: Mapping[str, object], mapping: ClaimMapping) -> str | None:
    # Only the boolean counts: a text such as "true" or "false" is no verification.
    verified = claims.get("email_verified") is True
    address = _text(_claim(claims, mapping.email))
    return address if verified and _scope(address) else None


def _display_name(value: object) -> str:
    """The name without control and direction characters, which could fake a page's text."""
    text = unicodedata.normalize("NFC", _text(value))
    spaced = (" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return " ".join("".join(spaced).split())[:_LONGEST_DISPLAY_NAME]


def _language(value: object) -> str | None:
    language = re.split(r"[-_.@]", _text(value).lower())[0]
    return language if language in LANGUAGES else None


def _roles(value: object, names: Mapping[str, Role]) -> Iterator[Role]:
    yield Role.MEMBER
    yield from (names[text] for text in _texts(value) if text in names)


def _ascii_label(label: str) -> str | None:
    if label.isascii():
        return label if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) else None
    if not all(c == "-" or unicodedata.category(c)[0] in "LMN" for c in label):
        return None
    encoded = "xn--" + label.encode("punycode").decode("ascii")
    return encoded if len(encoded) <= _LONGEST_LABEL else None
