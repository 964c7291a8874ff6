"""What is kept of a person is given out whole, and goes when they leave."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.idleness import Activity
from labwerk_hub.domain.people import Identity, Person, Role
from labwerk_hub.domain.waiting import TicketState
from labwerk_hub.errors import UnknownPersonError
from labwerk_hub.services import (
    audit,
    budget_requests,
    leavers,
    people,
    request_decisions,
    retention,
)
from labwerk_hub.services.leavers import FilesKept, LeaverError
from labwerk_hub.services.verification import verify
from support.tampering import Tamperer
from support.workbench import Bench

FILES = FilesKept(home="/state/homes/thr--xaver-quandt", projects=("/state/projects/rotor",))
ACCOUNT = Identity(
    issuer="https://sso.example",
    subject="account-4711",
    institution="thr",
    display_name="Xaver Quandt",
    email="x.quandt@th-rhein.example",
    locale="de",
    groups=frozenset({"group-quandtenfreunde"}),
    roles=frozenset({Role.INSTRUCTOR}),
)
NAME = "thr--xaver-quandt"


@pytest.fixture
def tamperer(tmp_path: Path) -> Tamperer:
    return Tamperer(tmp_path / "labwerk.sqlite")


@pytest.fixture
def left(bench: Bench) -> Bench:
    """Xaver has worked, waited, asked for more and been entered; nothing of his runs."""
    assert people.remember(bench.workbench, ACCOUNT).name == NAME
    audit.signed_in(bench.workbench, NAME)
    olga = bench.person("Olga")
    bench.start(NAME)
    audit.entered(bench.workbench, olga, NAME, "browser")
    bench.clock.step(hours=1)
    bench.stop(NAME)
    others = [bench.person(name) for name in ("Ada", "Bo")]
    for other in others:
        bench.start(other)
    bench.queue(NAME)
    person = people.find(bench.workbench, NAME)
    assert person is not None
    budget_requests.ask(
        bench.workbench, person, "institution/thr", words="Quandt needs it for the defence."
    )
    return bench


def test_everything_that_is_kept_is_given_out(left: Bench) -> None:
    found = leavers.export(left.workbench, NAME, FILES)
    given = json.loads(found.model_dump_json())
    assert (given["schema_version"], given["name"]) == ("labwerk-person/1", NAME)
    (row,) = given["records"]["people"]
    assert (row["display_name"], row["email"]) == ("Xaver Quandt", "x.quandt@th-rhein.example")
    assert (row["issuer"], row["subject"]) == ("https://sso.example", "account-4711")
    assert json.loads(row["groups"]) == ["group-quandtenfreunde"]
    (lease,) = given["records"]["leases"]
    assert (lease["person"], lease["flavour"], lease["end_reason"]) == (NAME, "small", "stopped")
    (ticket,) = given["records"]["tickets"]
    assert ticket["state"] == "waiting"
    (asked,) = given["records"]["budget_requests"]
    assert asked["words"] == "Quandt needs it for the defence."
    assert {sums["span"] for sums in given["records"]["usage_sums"]} == {"2026-11", "2026-11-16"}
    assert {posting["kind"] for posting in given["records"]["postings"]} == {"charge"}
    ticks = given["records"]["usage_sums"][0]["ticks"]
    assert sum(entry["ticks"] for entry in given["records"]["entries"]) == ticks > 0
    assert sum(balance["ticks"] for balance in given["records"]["balances"]) == ticks
    assert given["files"]["home"] == "/state/homes/thr--xaver-quandt"


def test_what_is_seen_of_a_running_session_is_given_out(left: Bench) -> None:
    person = left.person("Cleo", "iwe")
    lease = left.start(person, "cpu")
    seen = Activity(lease.session, active_ms=left.clock.ms, kernels_busy=1)
    with left.workbench.database.writing() as tx:
        tx.activities.put(seen)
    (row,) = leavers.export(left.workbench, person, FILES).records["activity"]
    assert (row["session"], row["kernels_busy"]) == (lease.session, 1)


def test_the_events_are_given_out_in_the_persons_language_the_giving_out_among_them(
    left: Bench,
) -> None:
    events = leavers.export(left.workbench, NAME, FILES).events
    assert [event.kind for event in events] == [
        "export",
        "request",
        "stop",
        "entering",
        "start",
        "sign-in",
    ]
    (entered,) = [event for event in events if event.kind == "entering"]
    assert entered.who == "Olga"


DECIDER = Identity(
    issuer="https://sso.example",
    subject="account-0815",
    institution="thr",
    display_name="Dorothea Wunsch",
    email="d.wunsch@dekanat.example",
    locale="de",
    groups=frozenset(),
    roles=frozenset({Role.INSTITUTION_ADMIN}),
)


@pytest.fixture
def decided(bench: Bench) -> Person:
    """Dorothea was asked by Xaver, which her mail server did not take, and declined."""
    policy = bench.workbench.policy
    bench.with_policy(mail=replace(policy.mail, enabled=True))
    xaver = people.remember(bench.workbench, ACCOUNT)
    dorothea = people.remember(bench.workbench, DECIDER)
    asked = budget_requests.ask(bench.workbench, xaver, "institution/thr", words="Quandt asks.")
    request_decisions.decline(
        bench.workbench, dorothea, asked.id, "Call me at home, Wunsch, 0228 4711"
    )
    with bench.workbench.database.writing() as tx:
        (written,) = [mail for mail in tx.mails.unsent() if mail.person == dorothea.name]
        error = "550 <d.wunsch@dekanat.example>: unknown user"
        tx.mails.set_given_up(written.id, 3, bench.clock.ms, error)
    return dorothea


def test_of_who_decides_for_others_nothing_is_left_either(
    bench: Bench, decided: Person, tamperer: Tamperer
) -> None:
    secret = ["wunsch", "dorothea", "dekanat.example", "0228 4711", "account-0815"]
    assert all(tamperer.finds(word) for word in secret)
    leavers.erase(bench.workbench, decided.name)
    assert retention.scrub(bench.workbench)
    assert {word: tamperer.finds(word) for word in secret} == {word: [] for word in secret}
    assert verify(bench.workbench).findings == ()


def test_of_a_mail_that_only_names_somebody_the_address_is_not_given_out(
    bench: Bench, decided: Person
) -> None:
    xavers = leavers.export(bench.workbench, NAME, FILES)
    to, about = sorted(xavers.records["mails"], key=lambda mail: mail["about"] == NAME)
    assert to["address"] == "x.quandt@th-rhein.example"
    assert (about["about"], about["address"], about["person"]) == (NAME, None, None)
    assert "dekanat.example" not in xavers.model_dump_json()
    dorotheas = leavers.export(bench.workbench, decided.name, FILES).model_dump_json()
    assert "0228 4711" in dorotheas
    assert "x.quandt@th-rhein.example" not in dorotheas


def test_nothing_of_anybody_else_is_given_out(left: Bench) -> None:
    text = leavers.export(left.workbench, NAME, FILES).model_dump_json()
    assert "thr--ada" not in text
    assert "thr--bo" not in text


def test_after_an_erasure_nothing_tells_who_it_was(left: Bench, tamperer: Tamperer) -> None:
    pseudonym = leavers.export(left.workbench, NAME, FILES).pseudonym
    secret = ["xaver", "quandt", "account-4711", "th-rhein.example", "quandtenfreunde"]
    assert all(tamperer.finds(word) for word in secret)
    erased = leavers.erase(left.workbench, NAME)
    assert retention.scrub(left.workbench)
    assert {word: tamperer.finds(word) for word in secret} == {word: [] for word in secret}
    assert erased.name.startswith("thr--erased-")
    assert (erased.pseudonym, erased.sessions) == (pseudonym, 1)
    assert "people.pseudonym" not in tamperer.finds(pseudonym)


def test_the_ledger_and_both_chains_are_as_they_were(left: Bench, tamperer: Tamperer) -> None:
    pseudonym = leavers.export(left.workbench, NAME, FILES).pseudonym
    before = verify(left.workbench)
    leavers.erase(left.workbench, NAME)
    after = verify(left.workbench, [before.heads.event.hash, before.heads.posting.hash])
    assert after.findings == ()
    assert after.heads.posting == before.heads.posting
    assert after.events == before.events + 1
    kept = tamperer.finds(pseudonym)
    assert {"entries.account", "postings.person", "usage_sums.person"} <= set(kept)
    assert not any(place.startswith("events.") for place in kept)


def test_what_was_done_to_others_stays_under_the_pseudonym(left: Bench) -> None:
    olga = people.find(left.workbench, "thr--olga")
    assert olga is not None
    leavers.erase(left.workbench, "thr--olga")
    seen = audit.of_person(left.workbench, NAME, "en").events
    (entered,) = [event for event in seen if event.kind == "entering"]
    assert (entered.who, entered.whom) == (
        f"Somebody whose record was erased ({olga.pseudonym})",
        "You",
    )


def test_nobody_is_erased_while_a_session_runs(left: Bench) -> None:
    with pytest.raises(LeaverError, match=r"thr--ada has the session lw-.*stop it first"):
        leavers.erase(left.workbench, "thr--ada")
    assert people.find(left.workbench, "thr--ada") is not None


def test_a_place_in_line_is_given_up_on_leaving(left: Bench) -> None:
    erased = leavers.erase(left.workbench, NAME)
    assert left.how_it_ended(erased.name) is TicketState.LEFT


def test_who_comes_back_is_somebody_new(left: Bench) -> None:
    before = people.find(left.workbench, NAME)
    leavers.erase(left.workbench, NAME)
    again = people.remember(left.workbench, ACCOUNT)
    assert before is not None
    assert again.name == NAME
    assert again.uid > before.uid
    assert again.pseudonym != before.pseudonym
    assert audit.of_person(left.workbench, NAME, "en").events == ()


def test_those_who_were_erased_are_nobody(left: Bench) -> None:
    erased = leavers.erase(left.workbench, NAME)
    names = [row.name for row in leavers.everybody(left.workbench)]
    assert names == ["thr--ada", "thr--bo", "thr--olga"]
    for name in (NAME, erased.name):
        with pytest.raises(UnknownPersonError, match="`people list`"):
            leavers.erase(left.workbench, name)


def test_people_are_listed_with_what_they_may(left: Bench) -> None:
    left.person("Keller", "iwe")
    assert [row.name for row in leavers.everybody(left.workbench, "iwe")] == ["iwe--keller"]
    (xaver,) = [row for row in leavers.everybody(left.workbench) if row.name == NAME]
    assert (xaver.roles, xaver.groups) == (("instructor",), ("group-quandtenfreunde",))


def test_a_request_remembered_for_the_next_start_goes_as_well(left: Bench) -> None:
    with left.workbench.database.writing() as tx:
        tx.people.remember_request(NAME, Request("small", "base"))
    erased = leavers.erase(left.workbench, NAME)
    with left.workbench.database.reading() as tx:
        assert tx.people.last_request(erased.name) is None
