"""The tables of mails and requests, on each kind of database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from labwerk_hub.adapters.sql import SqlDatabase
from labwerk_hub.domain.mails import Mail
from labwerk_hub.domain.people import Role
from labwerk_hub.domain.requests import BudgetRequest, RequestState
from labwerk_hub.errors import DatabaseError
from support.accounts import identity

ANNA = identity(
    "project-rotor",
    'odd "group" 100%_ü',
    email="anna@thr.example",
    roles=frozenset({Role.INSTITUTION_ADMIN}),
)
MIRA = replace(ANNA, subject="2", institution="iwe", groups=frozenset({"rotor"}), roles=frozenset())
MAIL = Mail(
    id="ml-1",
    key="request/br-1/made/thr--anna",
    person="thr--anna",
    about="iwe--mira",
    to="anna@thr.example",
    language="de",
    subject="Übersicht",
    body="Grüße\n",
    made_ms=1_000,
    next_ms=1_000,
)
REQUEST = BudgetRequest(
    id="br-1",
    budget="project/rotor",
    period="2026-11",
    person="thr--anna",
    whole=False,
    wanted_ticks=None,
    words="Bitte",
    state=RequestState.OPEN,
    made_ms=1_000,
)


@pytest.fixture
def database(database: SqlDatabase) -> SqlDatabase:
    with database.writing() as tx:
        tx.people.add(ANNA, "thr--anna")
        tx.people.add(MIRA, "iwe--mira")
    return database


def test_people_are_found_by_institution_group_and_role_to_the_letter(
    database: SqlDatabase,
) -> None:
    with database.reading() as tx:
        found = [person.name for person in tx.people.of_institution("thr")]
        assert found == ["thr--anna"]
        for group in ANNA.groups:
            assert [person.name for person in tx.people.with_group(group)] == ["thr--anna"]
        assert [person.name for person in tx.people.with_group("rotor")] == ["iwe--mira"]
        for other in ("project", "project_rotor", "%", 'odd "group" 100%_u'):
            assert tx.people.with_group(other) == []
        admins = tx.people.with_role(Role.INSTITUTION_ADMIN)
        assert [person.name for person in admins] == ["thr--anna"]


def test_a_mail_is_found_as_it_was_written_and_once(database: SqlDatabase) -> None:
    with database.writing() as tx:
        assert tx.mails.add(MAIL)
        assert not tx.mails.add(replace(MAIL, id="ml-2"))
    with database.reading() as tx:
        assert tx.mails.get("ml-1") == MAIL
        assert tx.mails.due(999, 10) == []
        assert tx.mails.due(1_000, 10) == [MAIL]


def test_a_mails_tries_are_noted_from_their_beginning_to_their_end(database: SqlDatabase) -> None:
    with database.writing() as tx:
        tx.mails.add(MAIL)
        tx.mails.set_begun("ml-1", 1, 2_000, 9_000)
        (begun,) = tx.mails.begun()
        assert (begun.tries, begun.begun_ms, begun.next_ms) == (1, 2_000, 9_000)
        tx.mails.set_waiting("ml-1", 1, 3_000, "451 later")
        assert tx.mails.begun() == []
        assert [mail.last_error for mail in tx.mails.due(3_000, 1)] == ["451 later"]
        tx.mails.set_sent("ml-1", 4_000)
        assert tx.mails.due(9_000, 1) == []
        assert tx.mails.unsent() == []
        assert tx.mails.forget_before(4_000) == 0
        assert tx.mails.forget_before(4_001) == 1
        kept = tx.mails.get("ml-1")
    assert kept is not None
    assert (kept.to, kept.subject, kept.body, kept.sent_ms) == ("", "", "", 4_000)


def test_a_person_asks_once_for_the_same_at_a_time(database: SqlDatabase) -> None:
    with database.writing() as tx:
        tx.requests.add(REQUEST)
        tx.requests.add(replace(REQUEST, id="br-2", whole=True))
        assert tx.requests.open_of("thr--anna", "project/rotor", False) == REQUEST
    with pytest.raises(DatabaseError), database.writing() as tx:
        tx.requests.add(replace(REQUEST, id="br-3"))
    with database.writing() as tx:
        tx.requests.set_ended("br-1", RequestState.DECLINED, 2_000, decided_by="iwe--mira")
        tx.requests.add(replace(REQUEST, id="br-3"))
        assert [one.id for one in tx.requests.open_of_budgets(["project/rotor"])] == [
            "br-2",
            "br-3",
        ]
        assert [one.id for one in tx.requests.of_person("thr--anna")] == ["br-1", "br-2", "br-3"]
