"""Who pays for an extension must still be allowed to: the page and the act say the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from labwerk_hub.domain.admission import Reason
from labwerk_hub.domain.budgets import BudgetKind
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.people import Identity
from labwerk_hub.services import audit, extension, overview, payers, people
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reconcile import reconcile
from support.budget_bench import COURSE, HOUR, ROTOR, SMALL, THR, budget_bench, start
from support.workbench import Bench, budget, budgets

_ROTOR_GONE = "“Rotor” does not pay for you any more. Choose another budget for this session."


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with budget_bench(tmp_path) as found:
        yield found


def _signs_in_again(bench: Bench, name: str, *groups: str) -> None:
    """The provider says of somebody that these are their groups now."""
    known = people.find(bench.workbench, name)
    assert known is not None
    people.remember(
        bench.workbench,
        Identity(
            issuer=known.issuer,
            subject=known.subject,
            institution=known.institution,
            display_name=known.display_name,
            email=None,
            locale="en",
            groups=frozenset(groups),
            roles=frozenset(),
        ),
    )


def _refused(bench: Bench, name: str) -> Reason:
    """Why a session is not extended, which is what its person is shown beforehand."""
    session = overview.of_person(bench.workbench, name).session
    assert session is not None
    with pytest.raises(RefusedError) as refused:
        extension.extend(bench.workbench, name)
    assert (session.extension.until, session.extension.refusal) == (None, refused.value.message)
    return refused.value.refusal.reason


def _with_rotor(bench: Bench, ticks: int, *, over_use: bool) -> None:
    bench.with_catalogue(
        budgets=budgets(
            budget("thr", 100 * HOUR, None),
            budget("rotor", ticks, None, BudgetKind.PROJECT, "thr", over_use=over_use),
        )
    )


def test_who_has_left_a_project_extends_nothing_at_its_cost(bench: Bench) -> None:
    anna = bench.person("Anna", "thr", "project-rotor")
    session = start(bench, anna, ROTOR)
    _signs_in_again(bench, anna)
    bench.clock.step(minutes=100)
    ends = bench.lease(session).ends_ms
    assert _refused(bench, anna) is Reason.UNKNOWN_PAYER
    shown = overview.of_person(bench.workbench, anna).session
    assert shown is not None
    assert shown.extension.refusal == _ROTOR_GONE
    assert bench.lease(session).ends_ms == ends
    payers.switch(bench.workbench, anna, THR)
    assert bench.lease(session).ends_ms == bench.clock.ms + 7_200_000


def test_a_course_pays_for_no_extension_after_its_last_day(bench: Bench) -> None:
    bench.clock.now = datetime(2027, 2, 5, 21, 30, tzinfo=UTC)
    luca = bench.person("Luca", "thr", "ml")
    start(bench, luca, COURSE)
    bench.clock.step(minutes=100)
    assert _refused(bench, luca) is Reason.UNKNOWN_PAYER


def test_who_has_left_a_project_does_not_go_on_without_its_budget(bench: Bench) -> None:
    _with_rotor(bench, SMALL * 3600, over_use=True)
    anna = bench.person("Anna", "thr", "project-rotor")
    session = start(bench, anna, ROTOR)
    _signs_in_again(bench, anna)
    bench.clock.step(minutes=61)
    reconcile(bench.workbench, [anna])
    assert not bench.lease(session).over_use


def test_a_session_without_budget_is_not_extended_once_that_is_not_allowed(bench: Bench) -> None:
    _with_rotor(bench, 0, over_use=True)
    anna = bench.person("Anna", "thr", "project-rotor")
    session = start(bench, anna, ROTOR)
    bench.clock.step(minutes=30)
    _with_rotor(bench, 0, over_use=False)
    assert _refused(bench, anna) is Reason.BUDGET_USED_UP
    _with_rotor(bench, 10 * HOUR, over_use=False)
    extension.extend(bench.workbench, anna)
    assert not bench.lease(session).over_use, "there is a budget for it again"


def test_that_a_session_goes_on_without_budget_is_recorded(bench: Bench) -> None:
    _with_rotor(bench, SMALL * 3600, over_use=True)
    anna = bench.person("Anna", "thr", "project-rotor")
    session = start(bench, anna, ROTOR)
    bench.clock.step(minutes=61)
    reconcile(bench.workbench, [anna])
    assert bench.lease(session).over_use
    event = audit.of_person(bench.workbench, anna, "en").events[0]
    assert (event.kind, event.who, event.whom, event.what) == (
        EventKind.PAYER_CHANGED,
        "Labwerk",
        "You",
        f"“Rotor” pays no more for the session {session}, which goes on without budget.",
    )
