"""How long a session lasts: the flavour's hours, and the rules of somebody's groups."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.terms import SessionRule, Term, groups_of, term
from support.workbench import flavour

SMALL = flavour("small", "1g.10gb")
COURSE = {"course", "institution:thr"}


def test_without_a_rule_the_flavour_decides() -> None:
    assert term(SMALL, COURSE, ()) == Term(2 * 3600, 8 * 3600, 3600)


def test_a_flavour_without_first_hours_begins_with_its_longest() -> None:
    assert term(flavour("small", default_hours=0), (), ()).usual_seconds == 8 * 3600


def test_a_rule_holds_for_its_group_alone_and_only_in_what_it_says() -> None:
    rule = SessionRule("course", default_hours=1)
    assert term(SMALL, COURSE, [rule]) == Term(3600, 8 * 3600, 3600)
    assert term(SMALL, {"other"}, [rule]) == term(SMALL, (), ())


def test_a_rule_for_one_flavour_leaves_the_others() -> None:
    rule = SessionRule("course", flavour="large", longest_hours=1)
    assert term(SMALL, COURSE, [rule]) == term(SMALL, (), ())
    assert term(flavour("large"), COURSE, [rule]).longest_seconds == 3600


def test_the_first_rule_that_says_a_value_wins_and_later_ones_say_the_rest() -> None:
    rules = [
        SessionRule("institution:thr", default_hours=3),
        SessionRule("course", default_hours=1, longest_hours=4, idle_minutes=0),
    ]
    assert term(SMALL, COURSE, rules) == Term(3 * 3600, 4 * 3600, 0)


def test_a_longest_that_is_shorter_than_the_first_end_is_the_first_end() -> None:
    found = term(SMALL, COURSE, [SessionRule("course", longest_hours=1)])
    assert found.usual_seconds == found.longest_seconds == 3600


def test_people_are_in_their_provider_s_groups_and_in_their_institution_s() -> None:
    anna = Person(
        issuer="https://sso.example",
        subject="1",
        institution="thr",
        display_name="Anna",
        email=None,
        locale=None,
        groups=frozenset({"course"}),
        roles=frozenset(),
        name="thr--anna",
        uid=200_000,
        pseudonym="p-1",
    )
    assert groups_of(anna) == COURSE


_hours = st.none() | st.integers(1, 12)
_rules = st.builds(
    SessionRule,
    group=st.sampled_from(["course", "other"]),
    flavour=st.sampled_from(["", "small", "large"]),
    default_hours=_hours,
    longest_hours=_hours,
    idle_minutes=st.none() | st.integers(0, 90),
)


@given(rules=st.lists(_rules, max_size=4))
def test_whatever_the_rules_say_a_session_has_a_first_end_not_after_its_last(
    rules: list[SessionRule],
) -> None:
    found = term(SMALL, COURSE, rules)
    assert 0 < found.usual_seconds <= found.longest_seconds
    assert found.idle_seconds >= 0
