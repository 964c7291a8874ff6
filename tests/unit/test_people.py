"""Names people get here."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub.domain.people import Person, free_name, slug
from support.accounts import identity

ANNA = identity("project-rotor")


@pytest.mark.parametrize(
    ("display_name", "expected"),
    [
        ("Anna Müller", "anna-mueller"),
        ("Anna Mu\u0308ller", "anna-mueller"),
        ("Camille Lefèvre", "camille-lefevre"),
        ("Søren Ångström-Weiß", "soeren-aangstroem-weiss"),
        ("Conor O’Brien", "conor-obrien"),
        ("Jean--Luc  Martin ", "jean-luc-martin"),
        ("İbrahim Yıldız", "ibrahim-yildiz"),
        ("Łukasz Żółć", "lukasz-zolc"),
    ],
)
def test_a_slug_is_the_display_name_in_plain_letters(display_name: str, expected: str) -> None:
    assert slug(display_name) == expected


@pytest.mark.parametrize("display_name", ["", "--", "Владимир", "山田太郎", "🙂"])
def test_a_name_of_which_no_plain_letter_is_left_becomes_person(display_name: str) -> None:
    assert slug(display_name) == "person"


@given(st.text())
def test_every_slug_is_short_plain_and_without_a_double_hyphen(display_name: str) -> None:
    made = slug(display_name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", made)
    assert len(made) <= 48


@given(st.text())
def test_a_slug_stays_as_it_is_when_made_into_a_slug_again(display_name: str) -> None:
    assert slug(slug(display_name)) == slug(display_name)


def test_the_user_name_has_institution_and_slug_with_two_hyphens_between() -> None:
    assert free_name("thr", "Anna Müller", taken=set()) == "thr--anna-mueller"


def test_the_second_person_of_a_name_is_numbered_two_and_the_third_three() -> None:
    taken = {"thr--anna-mueller"}
    second = free_name("thr", "Anna Müller", taken)
    assert second == "thr--anna-mueller-2"
    assert free_name("thr", "ANNA MUELLER", taken | {second}) == "thr--anna-mueller-3"


def test_a_number_that_somebody_bears_as_a_name_is_passed_over() -> None:
    taken = {"thr--anna-mueller", free_name("thr", "Anna Müller 2", taken=set())}
    assert free_name("thr", "Anna Müller", taken) == "thr--anna-mueller-3"


def test_the_same_name_in_two_institutions_is_two_names() -> None:
    assert free_name("thr", "Anna Müller", set()) != free_name("keller", "Anna Müller", set())


@given(st.lists(st.sampled_from(["Anna Müller", "Anna Müller 2", "Anna Mueller"]), max_size=12))
def test_no_two_people_ever_get_one_name(display_names: list[str]) -> None:
    taken: set[str] = set()
    for display_name in display_names:
        taken.add(free_name("thr", display_name, taken))
    assert len(taken) == len(display_names)


def test_a_person_is_an_identity_with_a_name_and_a_user_id() -> None:
    person = Person.of(ANNA, name="thr--anna-mueller", uid=200001, pseudonym="p-1")
    assert (person.name, person.uid) == ("thr--anna-mueller", 200001)
    assert (person.subject, person.groups) == (ANNA.subject, ANNA.groups)
