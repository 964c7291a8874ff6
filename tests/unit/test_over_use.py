"""The end of a budget: warnings, a grace, and sessions without budget that give way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.ledger import (
    BY_ITSELF,
    OVER,
    Charged,
    Posting,
    PostingKind,
    charge_entries,
    charge_key,
)
from labwerk_hub.domain.metering import Usage
from labwerk_hub.domain.statement import AsOf
from labwerk_hub.domain.waiting import TicketState
from labwerk_hub.services import extension, overview, sessions, statement
from labwerk_hub.services.budget_decisions import set_budget
from labwerk_hub.services.budget_views import BudgetWarning
from labwerk_hub.services.verification import verify
from support.budget_bench import HOUR, SMALL, THR, balanced, budget_bench, read, start
from support.workbench import Bench, budget, budgets


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with budget_bench(tmp_path) as found:
        yield found


def _scarce(bench: Bench, seconds: int, **values: object) -> None:
    bench.with_catalogue(budgets=budgets(budget("thr", SMALL * seconds, None, **values)))  # type: ignore[arg-type]


def test_a_person_is_warned_at_a_fifth_a_tenth_five_minutes_and_at_the_end(bench: Bench) -> None:
    _scarce(bench, 3600)
    anna = bench.person("Anna")
    start(bench, anna)
    seen: list[tuple[int, BudgetWarning | None]] = []
    for minute in range(62):
        warning = overview.of_person(bench.workbench, anna).budget.warning
        if not seen or seen[-1][1] is not warning:
            seen.append((minute, warning))
        bench.clock.step(minutes=1)
        read(bench, anna)
    assert seen == [
        (0, None),
        (48, BudgetWarning.FIFTH),
        (54, BudgetWarning.TENTH),
        (55, BudgetWarning.MINUTES),
        (60, BudgetWarning.USED_UP),
    ]


def test_a_session_whose_budget_is_used_up_goes_on_for_a_grace_which_is_charged_and_is_stopped(
    bench: Bench,
) -> None:
    _scarce(bench, 3600)
    anna = bench.person("Anna")
    session = start(bench, anna)
    bench.clock.step(minutes=61)
    read(bench, anna)
    assert bench.lease(session).stopping is None
    shown = overview.of_person(bench.workbench, anna).budget
    assert shown.grace_ends_at == bench.clock.now + timedelta(minutes=9)
    bench.clock.step(minutes=9)
    read(bench, anna)
    assert bench.lease(session).stopping is EndReason.BUDGET
    sessions.ended(bench.workbench, session, EndReason.STOPPED)
    assert bench.lease(session).end_reason is EndReason.BUDGET
    assert (bench.figures().used, bench.figures().over) == (SMALL * 4200, SMALL * 600)
    balanced(bench)


def test_budget_that_comes_in_the_grace_leaves_time_to_extend_the_session(bench: Bench) -> None:
    _scarce(bench, 3600)
    anna = bench.person("Anna")
    session = start(bench, anna)
    bench.clock.step(minutes=61)
    read(bench, anna)
    set_budget(bench.workbench, None, THR, HOUR)
    bench.clock.step(minutes=1)
    read(bench, anna)
    assert bench.lease(session).stopping is None
    shown = overview.of_person(bench.workbench, anna)
    assert shown.budget.grace_ends_at == bench.clock.now + timedelta(minutes=8)
    assert shown.session is not None
    assert extension.extend(bench.workbench, anna).ends_ms == bench.clock.ms + 7_200_000
    assert shown.session.extension.until == bench.clock.now + timedelta(hours=2)
    balanced(bench)


def test_who_does_not_extend_when_budget_comes_in_the_grace_is_stopped_at_its_end(
    bench: Bench,
) -> None:
    bench.clock.now = datetime(2026, 11, 30, 21, 57, tzinfo=UTC)
    _scarce(bench, 3600)
    anna = bench.person("Anna")
    session = start(bench, anna)
    bench.clock.step(minutes=61)
    read(bench, anna)
    bench.clock.step(minutes=3)  # it is December, with as much again
    read(bench, anna)
    assert bench.lease(session).stopping is None
    bench.clock.step(minutes=6)
    read(bench, anna)
    assert bench.lease(session).stopping is EndReason.BUDGET


def test_without_budget_a_session_runs_on_what_is_free_and_gives_way_to_who_waits(
    bench: Bench,
) -> None:
    bench.with_catalogue(
        budgets=budgets(budget("thr", 0, None, over_use=True), budget("iwe", 10 * HOUR, None))
    )
    anna = bench.person("Anna")
    session = start(bench, anna)
    assert bench.lease(session).over_use
    bench.clock.step(minutes=10)
    read(bench, anna)
    assert (bench.figures().used, bench.figures().over) == (SMALL * 600, SMALL * 600)
    ends = bench.lease(session).ends_ms
    others = [bench.person(name, "iwe") for name in ("Ben", "Cem", "Dora", "Eva", "Fred", "Gil")]
    others += [bench.person(name, "iwe") for name in ("Hans", "Ida")]
    for person in others:
        start(bench, person)
    waiting = bench.queue(bench.person("Zoe", "iwe"))
    read(bench, anna, *others)
    assert bench.lease(session).ends_ms == bench.clock.ms + 600_000 < ends
    bench.clock.step(minutes=10)
    read(bench, anna, *others)
    assert bench.lease(session).stopping is EndReason.OVER_USE
    assert waiting.state is TicketState.WAITING


def test_who_has_no_budget_waits_behind_everybody_who_has(bench: Bench) -> None:
    bench.with_catalogue(
        budgets=budgets(budget("thr", 0, None, over_use=True), budget("iwe", 99 * HOUR, None))
    )
    holders = [bench.person(f"P{number}", "iwe") for number in range(9)]
    for person in holders:
        start(bench, person)
    late, early = bench.person("Late", "iwe"), bench.person("Early")
    assert bench.queue(early).over_use
    bench.clock.step(minutes=30)
    assert not bench.queue(late).over_use
    bench.stop(holders[0])
    assert bench.advance() == [late]


def test_what_was_over_used_before_each_person_had_an_account_of_it_counts_as_any_other(
    bench: Bench,
) -> None:
    _scarce(bench, 3600, over_use=True)
    anna = bench.person("Anna")
    session = start(bench, anna)
    read(bench, anna)
    bench.clock.step(hours=3)
    _charge_as_before(bench, session)
    _says_everywhere(bench, used=SMALL * 3 * 3600, over=SMALL * 2 * 3600)
    bench.clock.step(hours=-1)
    bench.stop(anna)  # by a clock that was ahead until now
    _says_everywhere(bench, used=SMALL * 2 * 3600, over=SMALL * 3600)
    with bench.workbench.database.reading() as tx:
        accounts = tx.ledger.accounts(THR, "2026-11")
    assert {name: ticks for name, ticks in accounts.items() if name.startswith(OVER)} == {
        OVER: -SMALL * 3600
    }
    assert bench.figures().free == 0
    balanced(bench)


def _charge_as_before(bench: Bench, session: str) -> None:
    """Charge a session until now, with its over-use booked to nobody in particular."""
    lease = bench.lease(session)
    with bench.workbench.database.writing() as tx:
        person = tx.people.by_name(lease.person)
        assert person is not None
        assert lease.started_ms is not None
        ticks = SMALL * (bench.clock.ms - lease.started_ms) // 1000
        usage = Usage(
            session, lease.started_ms, bench.clock.ms, ticks, "2026-11", f"{bench.clock.now:%F}"
        )
        in_hold = tx.ledger.held_for(session)[THR, "2026-11"]
        entries = charge_entries(
            THR, usage, session, person.pseudonym, held_ticks=in_hold, free_ticks=0
        )
        tx.ledger.post(
            Posting(
                kind=PostingKind.CHARGE,
                key=charge_key(session, usage.start_ms),
                made_ms=usage.end_ms,
                made_by=BY_ITSELF,
                entries=tuple(
                    replace(entry, account=OVER) if entry.account.startswith(OVER) else entry
                    for entry in entries
                ),
                session=session,
                charged=Charged(
                    session=session,
                    start_ms=usage.start_ms,
                    end_ms=usage.end_ms,
                    idle_ms=0,
                    flavour=lease.flavour,
                    institution="thr",
                    budget=THR,
                    person=person.pseudonym,
                    day=usage.day,
                    first=True,
                    first_of_month=True,
                ),
            )
        )
        tx.leases.set_metered(session, usage.end_ms)


def _says_everywhere(bench: Bench, used: int, over: int) -> None:
    """The balances, the statement from the sums and from the postings, and the verification."""
    assert (bench.figures().used, bench.figures().over) == (used, over)
    now = statement.make(bench.workbench, "thr", "2026-11")
    as_of = AsOf(now.heads.posting, now.heads.event)
    for made in (now, statement.make(bench.workbench, "thr", "2026-11", as_of)):
        (position,) = made.positions
        assert (position.used, position.over) == (used, over)
        assert (made.sums.ticks, made.sums.over_ticks) == (used, over)
    assert verify(bench.workbench).findings == ()
