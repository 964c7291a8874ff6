"""What a provider says of an account, and what Labwerk makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub.domain.claims import (
    ClaimMapping,
    NoInstitutionError,
    UnusableClaimsError,
    identity_from_claims,
    normal_domain,
)
from labwerk_hub.domain.people import Identity, Institution, Role
from labwerk_hub.domain.texts import Localized

ISSUER = "https://login.example"
INSTITUTIONS = (
    Institution("thr", Localized.same("TH Rhein"), ("th-rhein.example", "thr.example")),
    Institution("iwe", Localized.same("Windenergie"), ("iwe.example",)),
    Institution("mueller", Localized.same("Müller GmbH"), ("müller.example",)),
)
MAPPING = ClaimMapping(
    role_names={"labwerk-operator": Role.OPERATOR, "teacher": Role.INSTRUCTOR},
)


def identity(mapping: ClaimMapping = MAPPING, /, **claims: object) -> Identity:
    """The identity of an account of which the provider says ``claims``."""
    said: Mapping[str, object] = {"iss": ISSUER, "sub": "42", "name": "Anna Müller"} | claims
    return identity_from_claims(said, mapping, INSTITUTIONS)


def institution_of(mapping: ClaimMapping = MAPPING, /, **claims: object) -> str:
    return identity(mapping, **claims).institution


# ------------------------------------------------------------------- institution


def test_the_home_organisation_says_the_institution() -> None:
    assert institution_of(schac_home_organization="iwe.example") == "iwe"


def test_an_institution_may_have_several_domains() -> None:
    assert institution_of(schac_home_organization="thr.example") == "thr"


@pytest.mark.parametrize(
    "affiliations",
    [
        "student@th-rhein.example",
        ["student@th-rhein.example"],
        ["alum@elsewhere.example", "member@th-rhein.example"],
    ],
)
def test_without_a_home_organisation_the_scope_of_an_affiliation_does(affiliations: object) -> None:
    assert institution_of(eduperson_scoped_affiliation=affiliations) == "thr"


def test_the_first_of_several_affiliations_that_takes_part_counts() -> None:
    affiliations = ["member@iwe.example", "student@th-rhein.example"]
    assert institution_of(eduperson_scoped_affiliation=affiliations) == "iwe"


def test_the_home_organisation_wins_over_an_affiliation_that_says_otherwise() -> None:
    said = {
        "schac_home_organization": "iwe.example",
        "eduperson_scoped_affiliation": ["student@th-rhein.example"],
        "email": "anna@th-rhein.example",
        "email_verified": True,
    }
    assert institution_of(**said) == "iwe"


def test_an_unknown_home_organisation_leaves_it_to_the_affiliation() -> None:
    said = {
        "schac_home_organization": "federation.example",
        "eduperson_scoped_affiliation": "staff@iwe.example",
    }
    assert institution_of(**said) == "iwe"


def test_the_domain_of_a_verified_address_comes_last() -> None:
    assert institution_of(email="anna@th-rhein.example", email_verified=True) == "thr"


@pytest.mark.parametrize("verified", [False, None, "true", "True", 1, "yes", [True]])
def test_an_address_that_is_not_verified_says_nothing(verified: object) -> None:
    with pytest.raises(NoInstitutionError):
        identity(email="anna@th-rhein.example", email_verified=verified)


def test_addresses_say_nothing_where_the_settings_do_not_want_it() -> None:
    with pytest.raises(NoInstitutionError) as refused:
        identity(
            ClaimMapping(email_domain=False), email="anna@th-rhein.example", email_verified=True
        )
    assert "e-mail" not in refused.value.message


def test_claims_may_be_nested_and_their_names_may_have_dots() -> None:
    nested = ClaimMapping(home_organisation="urn.org.home")
    assert institution_of(nested, urn={"org": {"home": "iwe.example"}}) == "iwe"
    url = ClaimMapping(home_organisation="https://login.example/home")
    assert institution_of(url, **{"https://login.example/home": "iwe.example"}) == "iwe"


@pytest.mark.parametrize(
    "domain",
    ["TH-Rhein.Example", " th-rhein.example ", "th-rhein.example.", "ｔｈ-rhein．example"],
)
def test_a_domain_matches_in_any_case_and_composition(domain: str) -> None:
    assert institution_of(schac_home_organization=domain) == "thr"


@pytest.mark.parametrize("domain", ["MU\u0308LLER.example", "xn--mller-kva.example"])
def test_a_domain_with_an_umlaut_matches_in_both_spellings(domain: str) -> None:
    assert institution_of(schac_home_organization=domain) == "mueller"


@pytest.mark.parametrize(
    "domain",
    [
        "th-rhein.example.evil.example",
        "cs.th-rhein.example",
        "evil-th-rhein.example",
        "th-rhe\u0456n.example",  # a Cyrillic letter that looks like an i
        "th\u2011rhein.example",  # a hyphen that does not break
        "th-rhein.example/",
        "th-rhein .example",
        "th-rhein。example",
        "example",
        "",
    ],
)
def test_a_domain_that_only_resembles_one_of_ours_does_not_match(domain: str) -> None:
    with pytest.raises(NoInstitutionError):
        identity(schac_home_organization=domain)


@pytest.mark.parametrize(
    "address",
    [
        "anna@evil.example@th-rhein.example",
        "anna@evil.example＠th-rhein.example",
        "@th-rhein.example",
        "th-rhein.example",
    ],
)
def test_an_address_with_several_ats_or_none_says_nothing(address: str) -> None:
    with pytest.raises(NoInstitutionError):
        identity(email=address, email_verified=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "schac_home_organization",
                "eduperson_scoped_affiliation",
                "email",
                "email_verified",
                "name",
                "locale",
                "groups",
                "roles",
            ]
        ),
        json_values,
    )
)
def test_claims_of_any_type_are_read_or_refused_never_an_accident(
    claims: dict[str, object],
) -> None:
    with suppress(NoInstitutionError):
        assert institution_of(**claims) in {"thr", "iwe", "mueller"}


@given(st.text())
def test_a_normal_domain_is_normal_already(value: str) -> None:
    domain = normal_domain(value)
    assert domain is None or (domain.isascii() and normal_domain(domain) == domain)


# ----------------------------------------------------------------------- refusal


def test_the_refusal_says_of_each_place_what_was_missing() -> None:
    with pytest.raises(NoInstitutionError) as refused:
        identity(email="noah@mail.example", email_verified=False)
    sentences = [text.msgid % text.params for text in refused.value.sentences]
    assert sentences == [
        "Your account belongs to no institution that takes part here.",
        "Your provider did not say your home organisation (claim schac_home_organization).",
        "Your provider did not say your affiliation (claim eduperson_scoped_affiliation).",
        "Your provider has not verified your e-mail address noah@mail.example.",
        "Ask your institution to release what is missing, or sign in with another account.",
    ]


def test_the_refusal_says_of_each_place_what_was_found_and_does_not_take_part() -> None:
    with pytest.raises(NoInstitutionError) as refused:
        identity(
            schac_home_organization="mail.example",
            eduperson_scoped_affiliation=["member@mail.example", "staff@mail.example"],
            email="noah@mail.example",
            email_verified=True,
        )
    assert "home organisation mail.example does not take part" in refused.value.message
    assert "member@mail.example, staff@mail.example" in refused.value.message
    assert "The domain of your e-mail address noah@mail.example" in refused.value.message


@pytest.mark.parametrize("missing", ["iss", "sub"])
def test_claims_that_do_not_say_whose_account_it_is_are_unusable(missing: str) -> None:
    with pytest.raises(UnusableClaimsError, match="openid"):
        identity(schac_home_organization="iwe.example", **{missing: ""})


# ---------------------------------------------------------------- everything else


def test_issuer_and_subject_are_kept_as_the_provider_says_them() -> None:
    read = identity(schac_home_organization="iwe.example", sub="Ab|42")
    assert (read.issuer, read.subject) == (ISSUER, "Ab|42")


def test_somebody_without_a_name_is_called_by_the_subject() -> None:
    assert identity(schac_home_organization="iwe.example", name=None).display_name == "42"


def test_a_display_name_has_no_characters_that_turn_or_break_a_line() -> None:
    name = "Anna\u202e\nMüller\x00"
    read = identity(schac_home_organization="iwe.example", name=name)
    assert read.display_name == "Anna Müller"


def test_only_a_verified_address_is_kept() -> None:
    said = {"schac_home_organization": "iwe.example", "email": "anna@iwe.example"}
    assert identity(**said, email_verified=True).email == "anna@iwe.example"
    assert identity(**said).email is None


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de", "de"), ("de-AT", "de"), ("IT_it.UTF-8", "it"), ("pl", None), (7, None), ("", None)],
)
def test_a_locale_is_a_language_of_ours_or_nothing(locale: object, language: str | None) -> None:
    assert identity(schac_home_organization="iwe.example", locale=locale).locale == language


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["a", " b ", "", 7, None, ["c"]], {"a", "b"}),
        ("a", {"a"}),
        (None, set()),
        ({"a": True}, set()),
    ],
)
def test_groups_are_texts_and_anything_else_is_passed_over(
    groups: object, expected: set[str]
) -> None:
    assert identity(schac_home_organization="iwe.example", groups=groups).groups == expected


def test_roles_are_those_the_settings_map_and_everybody_is_a_member() -> None:
    read = identity(schac_home_organization="iwe.example", roles=["teacher", "operator", "king"])
    assert read.roles == {Role.MEMBER, Role.INSTRUCTOR}
