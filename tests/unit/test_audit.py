"""Who did what to whom, when and why: what is recorded, and what a person sees of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from labwerk_hub import formats
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.events import Event, EventKind
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR as HOUR
from labwerk_hub.domain.texts import LANGUAGES, Localized
from labwerk_hub.errors import UnknownPersonError
from labwerk_hub.services import audit, extension, lifetime, payers, reservations, sessions
from labwerk_hub.services.audit_views import EventView, sentence
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reservations import Wanted
from support.workbench import Bench, budget, budgets


def seen_by(bench: Bench, person: str, language: str = "en") -> list[EventView]:
    return list(audit.of_person(bench.workbench, person, language).events)


def told_to(bench: Bench, person: str) -> list[tuple[str, str, str]]:
    """Who did what to whom, the newest first."""
    return [(event.who, event.what, event.whom) for event in seen_by(bench, person)]


def test_a_person_sees_their_own_session_from_beginning_to_end(bench: Bench) -> None:
    anna = bench.person("Anna")
    granted = sessions.admit(bench.workbench, anna, Request("small", "base"), by=anna)
    bench.run(granted)
    bench.clock.step(hours=1)
    extension.extend(bench.workbench, anna)
    sessions.ended(bench.workbench, granted.lease.session, EndReason.STOPPED, anna)
    session = granted.lease.session
    ends = bench.lease(session).ends_ms / 1000
    until = formats.moment(datetime.fromtimestamp(ends, UTC), "en", bench.workbench.policy.zone)
    assert until.endswith("16:00\xa0CET")  # its day is shown as it is called from now
    assert told_to(bench, anna) == [
        ("You", f"The session {session} was stopped.", ""),
        ("You", f"The session {session} was extended until {until}.", ""),
        ("You", f"The session {session} was started: Small, Base; “Thr” pays.", ""),
    ]


def test_a_person_sees_which_budget_pays_and_that_another_one_does(bench: Bench) -> None:
    rotor = budget("rotor", 10 * HOUR, None, BudgetKind.PROJECT, "thr")
    bench.with_catalogue(
        budgets=budgets(budget("thr"), budget("iwe"), rotor),
        projects=(Project("rotor", Localized.same("Rotor"), "p-rotor"),),
    )
    bench.storage.projects.add("rotor")
    anna = bench.person("Anna", "thr", "p-rotor")
    session = bench.start(anna).session
    bench.clock.step(minutes=5)
    payers.switch(bench.workbench, anna, "project/rotor")
    assert told_to(bench, anna)[0] == (
        "You",
        f"“Rotor” pays for the session {session} from now on, instead of “Thr”.",
        "",
    )
    with bench.workbench.database.reading() as tx:
        changed = tx.events.last_of(EventKind.PAYER_CHANGED)
    assert changed is not None
    assert changed.event is not None
    assert changed.event.details == {"payer": "project/rotor", "was": "institution/thr"}
    bench.stop(anna)
    bench.start(anna, "cpu")
    assert told_to(bench, anna)[0][1].endswith("was started: Cpu, Base.")  # it costs nothing


def test_who_stops_somebody_elses_server_is_named(bench: Bench) -> None:
    anna, olga = bench.person("Anna"), bench.person("Olga")
    lease = bench.start(anna)
    sessions.ended(bench.workbench, lease.session, EndReason.STOPPED, olga)
    last = (f"The session {lease.session} was stopped.",)
    assert told_to(bench, anna)[0] == ("Olga", *last, "You")
    assert told_to(bench, olga)[0] == ("You", *last, "Anna")


def test_why_the_service_ended_a_session_is_said(bench: Bench) -> None:
    anna = bench.person("Anna")
    lease = bench.start(anna)
    lifetime.stopping(bench.workbench, lease.session, EndReason.IDLE)
    bench.stop(anna)
    who, what, _ = told_to(bench, anna)[0]
    assert (who, what) == (
        "Labwerk",
        f"The session {lease.session} was stopped: nothing ran in it.",
    )


def test_a_session_that_ends_twice_is_told_of_once(bench: Bench) -> None:
    anna = bench.person("Anna")
    lease = bench.start(anna)
    for _ in range(2):
        sessions.ended(bench.workbench, lease.session, EndReason.STOPPED)
    assert [event.kind for event in seen_by(bench, anna)] == ["stop", "start"]


def test_a_start_that_is_refused_starts_nothing_and_records_none(full: Bench) -> None:
    nina = full.person("Nina")
    with pytest.raises(RefusedError):
        full.start(nina)
    assert seen_by(full, nina) == []


def test_a_person_sees_who_entered_their_server(bench: Bench) -> None:
    anna, olga, ben = (bench.person(name) for name in ("Anna", "Olga", "Ben"))
    lease = bench.start(anna)
    audit.entered(bench.workbench, olga, anna, "browser")
    audit.entered(bench.workbench, ben, anna, "token")
    assert told_to(bench, anna)[:2] == [
        ("Ben", "The server was entered with a token.", "You"),
        ("Olga", "The server was entered.", "You"),
    ]
    with bench.workbench.database.reading() as tx:
        (entering, *_) = tx.events.find(kinds=[EventKind.ENTERING])
    assert entering.event is not None
    assert entering.event.object == lease.session


def test_nobody_sees_what_is_not_about_them(bench: Bench) -> None:
    anna, ben = bench.person("Anna"), bench.person("Ben")
    bench.start(anna)
    assert seen_by(bench, ben) == []
    with pytest.raises(UnknownPersonError, match="Nobody called thr--nobody"):
        seen_by(bench, "thr--nobody")


def test_sign_ins_are_kept_and_refused_ones_without_whose_they_were(bench: Bench) -> None:
    anna = bench.person("Anna")
    audit.signed_in(bench.workbench, anna)
    audit.sign_in_refused(bench.workbench, "no-institution")
    assert told_to(bench, anna) == [("You", "Sign-in.", "")]
    with bench.workbench.database.reading() as tx:
        refused = tx.events.last_of(EventKind.SIGN_IN_REFUSED)
    assert refused is not None
    assert refused.event is not None
    assert (refused.event.subject, refused.event.details) == (None, {"reason": "no-institution"})


def test_people_stand_in_the_chain_by_their_pseudonyms_alone(bench: Bench) -> None:
    anna = bench.person("Anna Müller")
    bench.start(anna)
    with bench.workbench.database.reading() as tx:
        person = tx.people.by_name(anna)
        contents = [link.content or "" for link in tx.chains.events()]
    assert person is not None
    assert person.pseudonym.startswith("p-")
    assert len(person.pseudonym) == 18
    assert all(person.pseudonym in content for content in contents)
    assert not any("anna" in content.lower() for content in contents)


def test_a_reservation_and_its_end_are_recorded_with_who_made_them(bench: Bench) -> None:
    wanted = Wanted(
        title="Rotor lab",
        flavour="small",
        group="course",
        count=1,
        start=bench.clock.now + timedelta(hours=1),
        end=bench.clock.now + timedelta(hours=2),
        release_after=timedelta(minutes=15),
    )
    made = reservations.make(bench.workbench, wanted, "admin")
    reservations.cancel(bench.workbench, made.id)
    with bench.workbench.database.reading() as tx:
        found = [recorded.event for recorded in tx.events.find()]
    assert [(e.kind, e.actor, e.object) for e in found if e] == [
        ("cancellation", "root", made.id),
        ("reservation", "root", made.id),
    ]


def test_what_is_not_done_is_not_recorded(bench: Bench) -> None:
    """An event is of the transaction that it tells of."""
    anna = bench.person("Anna")
    with bench.workbench.database.reading() as tx:  # keeps nothing
        who = audit.pseudonym_of(tx, anna)
        audit.record(bench.workbench, tx, EventKind.EXPORT, actor="root", subject=who)
        assert tx.events.head().number == 1
    assert seen_by(bench, anna) == []


def test_pages_of_events_follow_each_other_without_gaps(bench: Bench) -> None:
    anna = bench.person("Anna")
    for _ in range(5):
        audit.signed_in(bench.workbench, anna)
    pages, before = [], None
    while True:
        page = audit.of_person(bench.workbench, anna, "en", before=before, limit=2)
        pages.append([event.id for event in page.events])
        if (before := page.next_before) is None:
            break
    assert pages == [[5, 4], [3, 2], [1]]


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_has_a_sentence_whatever_is_missing(
    bench: Bench, kind: EventKind
) -> None:
    anna = bench.person("Anna")
    with bench.workbench.database.writing() as tx:
        pseudonym = audit.pseudonym_of(tx, anna)
        tx.events.add(Event(kind, bench.clock.ms, "labwerk", pseudonym))
        recorded = tx.events.last_of(kind)
    assert recorded is not None
    assert "%" not in sentence(recorded, bench.workbench.catalogue).msgid.replace("%(", "")
    for language in LANGUAGES:
        (event,) = seen_by(bench, anna, language)
        assert event.what
        assert "%(" not in event.what
