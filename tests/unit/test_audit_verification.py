"""Whoever changes what was written is found, and where."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from labwerk_hub.domain.chain import GENESIS
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.services import leavers, retention
from labwerk_hub.services.budget_decisions import set_budget, set_share
from labwerk_hub.services.verification import Finding, verify
from support.tampering import Tamperer
from support.workbench import Bench


@pytest.fixture
def tamperer(tmp_path: Path) -> Tamperer:
    return Tamperer(tmp_path / "labwerk.sqlite")


@pytest.fixture
def used(bench: Bench) -> Bench:
    """Two people have had a session each, and the day is over."""
    for name in ("Anna", "Ben"):
        person = bench.person(name)
        lease = bench.start(person)
        bench.clock.step(minutes=20)
        bench.meter(lease.session)
        bench.clock.step(minutes=20)
        bench.stop(person)
    retention.seal_and_redact(bench.workbench)
    return bench


def found(bench: Bench, *heads: str) -> list[tuple[str, str]]:
    """Tables and rows of what is wrong."""
    return [(f.table, f.row) for f in verify(bench.workbench, heads).findings]


def sentences(findings: tuple[Finding, ...]) -> str:
    return "\n".join(finding.sentence for finding in findings)


def test_what_nobody_touched_is_as_it_was_written(used: Bench) -> None:
    verified = verify(used.workbench)
    assert verified.findings == ()
    assert (verified.events, verified.removed) == (5, 0)  # two starts, two stops, a seal
    assert verified.postings > 4
    assert verified.heads.event.number == 5
    assert verified.heads.posting.number == verified.postings


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'p-0' WHERE id = 2",
        "UPDATE events SET at_ms = at_ms + 1 WHERE id = 2",
        "UPDATE events SET content = NULL WHERE id = 2",
        (
            "UPDATE events SET kind = 'entering', content = NULL, salt = NULL, actor = NULL,"
            " subject = NULL, object = NULL WHERE id = 2"
        ),
        "DELETE FROM events WHERE id = 2",
        (
            "INSERT INTO events SELECT 7, at_ms, kind, actor, subject, object, content, salt,"
            " content_digest, hash FROM events WHERE id = 2"
        ),
        "DELETE FROM postings WHERE id = 1",
        "UPDATE entries SET ticks = 0",
        "UPDATE postings SET person = 'p-0'",
    ],
)
def test_the_database_itself_refuses_to_change_either_chain(
    used: Bench, tamperer: Tamperer, statement: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        tamperer.tries(statement)
    assert found(used) == []


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE events SET content = replace(content, 'small', 'large') WHERE id = 3", "3"),
        ("UPDATE events SET subject = 'p-0' WHERE id = 3", "3"),
        ("UPDATE events SET at_ms = at_ms - 3600000 WHERE id = 3", "3"),
        ("UPDATE events SET kind = 'stop' WHERE id = 3", "3"),
        ("UPDATE events SET content_digest = hash WHERE id = 3", "3"),
        ("UPDATE events SET content = NULL WHERE id = 3", "3"),
        ("DELETE FROM events WHERE id = 3", "4"),
        ("DELETE FROM events WHERE id = 1", "2"),
    ],
)
def test_an_event_that_was_changed_or_removed_is_located(
    used: Bench, tamperer: Tamperer, statement: str, row: str
) -> None:
    tamperer.does(statement)
    assert found(used) == [("events", row)]


def test_events_that_were_swapped_or_put_in_are_located(used: Bench, tamperer: Tamperer) -> None:
    tamperer.does(
        "UPDATE events SET id = -id WHERE id IN (2, 3)",
        "UPDATE events SET id = 5 + id WHERE id IN (-2, -3)",
    )
    assert found(used) == [("events", "2")]


def test_an_event_between_two_others_is_located(used: Bench, tamperer: Tamperer) -> None:
    tamperer.does(
        "UPDATE events SET id = -id WHERE id > 2",
        "UPDATE events SET id = 1 - id WHERE id < 0",
        "INSERT INTO events SELECT 3, at_ms, kind, actor, subject, object, content, salt,"
        " content_digest, hash FROM events WHERE id = 2",
    )
    assert found(used) == [("events", "3")]


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE entries SET ticks = ticks + sign(ticks) WHERE posting = 2", "2"),
        ("UPDATE entries SET account = 'used:p-0' WHERE posting = 2 AND line = 1", "2"),
        ("UPDATE postings SET made_by = 'p-0' WHERE id = 2", "2"),
        ("DELETE FROM entries WHERE posting = 2", "2"),
        ("DELETE FROM postings WHERE id = 2", "3"),
    ],
)
def test_a_posting_or_an_entry_that_was_changed_is_located(
    used: Bench, tamperer: Tamperer, statement: str, row: str
) -> None:
    tamperer.does(statement)
    assert found(used)[0] == ("postings", row)


def test_one_tick_too_many_is_found_in_the_posting_and_in_the_balance(
    used: Bench, tamperer: Tamperer
) -> None:
    tamperer.does("UPDATE entries SET ticks = ticks + 1 WHERE posting = 2 AND line = 0")
    findings = verify(used.workbench).findings
    assert "The entries of posting 2 (" in findings[0].sentence
    assert "add up to 1 ticks instead of 0" in findings[0].sentence
    assert findings[1].table == "balances"


@pytest.mark.parametrize("number", [9_999, -1])
def test_entries_of_no_posting_are_found_though_the_balances_fit_them(
    used: Bench, tamperer: Tamperer, number: int
) -> None:
    where = "'institution/thr', '2026-11'"
    of = "WHERE budget = 'institution/thr' AND period = '2026-11' AND account"
    tamperer.does(
        f"INSERT INTO entries VALUES ({number}, 0, {where}, 'granted', -86400)",
        f"INSERT INTO entries VALUES ({number}, 1, {where}, 'free', 86400)",
        f"UPDATE balances SET ticks = ticks - 86400 {of} = 'granted'",
        f"UPDATE balances SET ticks = ticks + 86400 {of} = 'free'",
    )
    assert found(used) == [("entries", str(number))]


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE events SET at_ms = x'00ff' WHERE id = 2", ("events", "2")),
        ("UPDATE postings SET key = x'00ff' WHERE id = 2", ("postings", "2")),
        ("UPDATE entries SET ticks = 'many' WHERE posting = 2 AND line = 0", ("postings", "2")),
        (
            "UPDATE balances SET ticks = 'many' WHERE budget LIKE '%/thr' AND account = 'granted'",
            ("balances", "institution/thr 2026-11 granted"),
        ),
    ],
)
def test_what_is_of_a_type_that_its_column_is_not_is_located(
    used: Bench, tamperer: Tamperer, statement: str, place: tuple[str, str]
) -> None:
    tamperer.does(statement)
    assert found(used)[0] == place


def test_balances_and_sums_that_do_not_fit_the_ledger_are_named(
    used: Bench, tamperer: Tamperer
) -> None:
    tamperer.does(
        "UPDATE balances SET ticks = ticks + 7 WHERE account = 'free'",
        "UPDATE usage_sums SET ms = ms - 1 WHERE span = '2026-11-16'",
    )
    findings = verify(used.workbench).findings
    assert {finding.table for finding in findings} == {"balances", "usage_sums"}
    assert "institution/thr, 2026-11, free of balances has [" in sentences(findings)
    assert "by the entries it is [" in sentences(findings)


def test_the_end_of_a_chain_that_was_cut_off_is_missed(used: Bench, tamperer: Tamperer) -> None:
    heads = verify(used.workbench).heads
    tamperer.does("DELETE FROM events WHERE id = 5")
    assert found(used) == []  # nothing in what is left tells of it
    assert found(used, heads.posting.hash) == []
    assert found(used, heads.event.hash) == [("", heads.event.hash)]


def test_a_ledger_that_was_cut_off_is_missed_by_the_seal(used: Bench, tamperer: Tamperer) -> None:
    last = verify(used.workbench).postings
    tamperer.does(
        f"DELETE FROM entries WHERE posting = {last}", f"DELETE FROM postings WHERE id = {last}"
    )
    first = verify(used.workbench).findings[0]
    assert (first.table, first.row) == ("postings", str(last))
    assert first.sentence.startswith(f"Event 5 sealed posting {last}, and there are {last - 1}")


def test_a_seal_without_its_content_is_located(used: Bench, tamperer: Tamperer) -> None:
    # The triggers let it through: of other events, the content goes in time.
    tamperer.tries(
        "UPDATE events SET content = NULL, salt = NULL, actor = NULL, subject = NULL,"
        " object = NULL WHERE kind = 'seal'"
    )
    (finding,) = verify(used.workbench).findings
    assert (finding.table, finding.row) == ("events", "5")
    assert "it is a seal, whose content is never removed" in finding.sentence


def test_the_head_of_a_chain_in_which_nothing_stood_yet_still_holds(used: Bench) -> None:
    heads = verify(used.workbench).heads
    assert (heads.decision.number, heads.decision.hash) == (0, GENESIS)
    assert found(used, heads.event.hash, heads.posting.hash, heads.decision.hash) == []


@pytest.fixture
def decided(used: Bench) -> Bench:
    """A budget was set twice and a share once, and the next day they were sealed."""
    work = used.workbench
    (budget,) = (one for one in work.catalogue.budgets.values() if one.name == "thr")
    for ticks in (300, 200):
        set_budget(work, None, budget.id, ticks * TICKS_PER_GPU_HOUR)
    set_share(work, None, budget.id, "thr--anna", 10 * TICKS_PER_GPU_HOUR)
    used.clock.step(days=1)
    retention.seal_and_redact(work)
    return used


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE allotments SET ticks = ticks * 2", "1"),
        ("UPDATE allotments SET ticks = ticks * 2 WHERE person IS NOT NULL", "3"),
        ("UPDATE allotments SET made_by = 'p-0' WHERE id = 2", "2"),
        ("UPDATE allotments SET period = '2026-12' WHERE id = 2", "2"),
        ("DELETE FROM allotments WHERE id = 2", "3"),
        ("DELETE FROM allotments WHERE id = 3", "3"),
    ],
)
def test_a_decision_that_was_changed_or_removed_is_located(
    decided: Bench, tamperer: Tamperer, statement: str, row: str
) -> None:
    assert found(decided) == []
    assert verify(decided.workbench).decisions == 3
    tamperer.does(statement)
    assert found(decided) == [("allotments", row)]


def test_decisions_that_were_all_written_anew_are_missed_by_the_seal(
    decided: Bench, tamperer: Tamperer
) -> None:
    with decided.workbench.database.reading() as tx:
        kept = tx.allotments.of_budget("institution/thr")
    head, rewritten = GENESIS, []
    for number, one in enumerate(kept, 1):
        more = replace(one, ticks=(one.ticks or 0) * 2)
        head = more.linked(number, head)
        rewritten.append(
            f"UPDATE allotments SET ticks = {more.ticks}, hash = '{head}' WHERE id = {number}"
        )
    tamperer.does(*rewritten)
    (finding,) = verify(decided.workbench).findings
    assert "Decision 3 about institution/thr has another hash than event" in finding.sentence


def test_triggers_that_were_dropped_are_named(used: Bench, tamperer: Tamperer) -> None:
    gone = ["allotments_refuse_update", "entries_refuse_replace", "events_refuse_insert"]
    for name in gone:
        tamperer.tries(f"DROP TRIGGER {name}")
    assert sorted(row for _table, row in found(used)) == gone
    assert "The trigger entries_refuse_replace is not there" in sentences(
        verify(used.workbench).findings
    )


def test_content_that_is_over_its_time_goes_and_the_chain_stays_valid(used: Bench) -> None:
    before = verify(used.workbench).heads
    used.clock.step(days=366)
    assert retention.seal_and_redact(used.workbench)
    verified = verify(used.workbench, [before.event.hash, before.posting.hash])
    assert verified.findings == ()
    assert (verified.events, verified.removed) == (6, 4)  # seals are kept
    with used.workbench.database.reading() as tx:
        old = [recorded for recorded in tx.events.find() if recorded.event is None]
    assert [recorded.kind for recorded in old] == ["stop", "start", "stop", "start"]


def test_content_that_went_before_its_time_is_told_unless_somebody_was_erased_since(
    used: Bench, tamperer: Tamperer
) -> None:
    # The triggers let it through, and the chain is none the worse.
    tamperer.tries(
        "UPDATE events SET content = NULL, salt = NULL, actor = NULL, subject = NULL,"
        " object = NULL WHERE id = 3"
    )
    verified = verify(used.workbench)
    assert (verified.findings, verified.removed, verified.early) == ((), 1, (3,))
    leavers.erase(used.workbench, "thr--ben")
    assert verify(used.workbench).early == ()
    used.clock.step(days=366)
    assert retention.seal_and_redact(used.workbench)
    verified = verify(used.workbench)
    assert verified.removed > 2
    assert verified.early == ()


def test_each_day_of_the_site_is_sealed_once(used: Bench) -> None:
    assert not retention.seal_and_redact(used.workbench)
    used.clock.now = used.clock.now.replace(hour=22, minute=59)  # 23:59 in Berlin
    assert not retention.seal_and_redact(used.workbench)
    used.clock.step(minutes=2)
    assert retention.seal_and_redact(used.workbench)


def test_what_is_kept_for_ever_stays(used: Bench) -> None:
    policy = used.workbench.policy
    used.with_policy(retention=type(policy.retention)(sessions=0))
    used.clock.now += timedelta(days=36_500)
    assert retention.redact(used.workbench) == 0
