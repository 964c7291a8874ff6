"""What Lab, pages and the notebook client are shown of a person's session, wait and budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from labwerk_hub.adapters.declared import declared_gpu
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.catalogue import DataFile, Dataset
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.terms import SessionRule
from labwerk_hub.domain.texts import Localized
from labwerk_hub.errors import GpuDriverError, UnknownPersonError
from labwerk_hub.services import extension, lifetime, overview, sessions
from labwerk_hub.services.overview import Overview
from labwerk_hub.services.ports import SliceUse
from labwerk_hub.services.reconcile import reconcile
from labwerk_hub.services.session_view import SessionView, SliceUseView
from support.lessons import keep_for_lesson
from support.workbench import H100, NOON, Bench, bench_in, budget, budgets

ANNA = "thr--anna"
HOUR = timedelta(hours=1)


def _of(bench: Bench, person: str = ANNA, language: str | None = None) -> Overview:
    return overview.of_person(bench.workbench, person, language)


def _session(bench: Bench, person: str = ANNA) -> SessionView:
    session = _of(bench, person).session
    assert session is not None
    return session


@pytest.fixture
def running(bench: Bench) -> Bench:
    """Anna's session has run for an hour, and its server reports."""
    bench.start(bench.person("Anna"))
    bench.clock.step(hours=1)
    lifetime.report(bench.workbench, ANNA, 1, bench.clock.ms)
    return bench


def test_somebody_nobody_knows_has_no_overview(bench: Bench) -> None:
    with pytest.raises(UnknownPersonError, match="thr--nobody is not known here"):
        _of(bench, "thr--nobody")
    bench.person("Anna")
    bench.with_catalogue(budgets={})
    with pytest.raises(UnknownPersonError):
        _of(bench)


def test_who_runs_nothing_sees_who_they_are_and_their_budget(bench: Bench) -> None:
    bench.person("Anna", locale="de")
    shown = _of(bench)
    assert (shown.person.name, shown.person.display_name) == (ANNA, "Anna")
    assert (shown.person.institution.title, shown.person.language) == ("TH Rhein", "de")
    assert (shown.session, shown.ticket, shown.last_end, shown.datasets) == (None, None, None, ())
    assert shown.budget.granted_ticks == shown.budget.left_ticks == 60 * TICKS_PER_GPU_HOUR
    assert (shown.budget.ticks_per_second, shown.budget.lasts_seconds) == (0, None)
    assert shown.budget.period_ends_at == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert shown.served_at == NOON


def test_a_start_that_has_not_come_to_a_container_is_no_session_yet(bench: Bench) -> None:
    sessions.admit(bench.workbench, bench.person("Anna"), Request("small", "base"))
    assert _of(bench).session is None


def test_a_session_shows_its_slice_its_times_and_what_may_be_asked_for(running: Bench) -> None:
    session = _session(running)
    assert (session.flavour.title, session.image.title) == ("Small", "Base")
    assert (session.started_at, session.ends_at) == (NOON, NOON + 2 * HOUR)
    assert session.longest_ends_at == NOON + 8 * HOUR
    assert session.extension.until == NOON + 3 * HOUR
    assert (session.extension.refusal, session.problem, session.waiting_behind) == (None, None, 0)
    assert session.idle is not None
    assert (session.idle.since, session.idle.stops_at, session.idle.warning) == (None, None, False)
    assert session.slice is not None
    assert (session.slice.model, session.slice.profile) == (H100, "1g.10gb")
    assert (session.slice.units, session.slice.units_total) == (1, 8)
    assert session.slice.simulated
    assert session.slice.use is None, "what is simulated is not measured"
    assert session.slice.shared_by == 1


def test_a_session_without_a_gpu_has_no_slice_and_costs_nothing(bench: Bench) -> None:
    bench.start(bench.person("Anna"), "cpu")
    shown = _of(bench)
    assert shown.session is not None
    assert (shown.session.slice, shown.session.idle) == (None, None)
    assert (shown.budget.held_ticks, shown.budget.lasts_seconds) == (0, None)


def test_what_has_run_since_the_last_charge_is_used_already(running: Bench) -> None:
    before = _of(running).budget
    assert (before.used_ticks, before.held_ticks) == (3 * 3600, 3 * 3600)
    reconcile(running.workbench, None)
    after = _of(running).budget
    assert after == before
    assert after.lasts_seconds == 60 * 8 * 3600 - 3600


def test_a_session_over_its_end_holds_nothing_and_uses_no_more_than_it_held(
    running: Bench,
) -> None:
    running.clock.step(hours=2)
    budget = _of(running).budget
    assert (budget.used_ticks, budget.held_ticks) == (3 * 2 * 3600, 0)


def test_while_others_wait_the_panel_says_how_many_and_why_nothing_is_extended(
    running: Bench,
) -> None:
    running.start(running.person("Otto"))
    for name in ("Ben", "Cem"):
        running.queue(running.person(name))
    session = _session(running)
    assert session.waiting_behind == 2
    assert session.extension.until is None
    said = "The session cannot be extended while others wait for its slice."
    assert session.extension.refusal == said
    in_german = _of(running, language="de").session
    assert in_german is not None
    assert in_german.extension.refusal != said


@pytest.mark.parametrize(
    ("minutes", "sentence"),
    [
        (-57, "The session lasts until"),
        (6 * 60, "The session already lasts as long as it may, until"),
    ],
)
def test_why_nothing_is_extended_is_said_with_its_time(
    running: Bench, minutes: int, sentence: str
) -> None:
    if minutes > 0:
        for _ in range(6):
            extension.extend(running.workbench, ANNA)
            running.clock.step(hours=1)
    else:
        running.clock.step(minutes=minutes)
    refusal = _session(running).extension.refusal
    assert refusal is not None
    assert refusal.startswith(sentence)
    assert "%(" not in refusal


def test_a_reservation_of_others_is_named_as_what_ends_the_session(running: Bench) -> None:
    start = NOON + 2 * HOUR
    keep_for_lesson(running.workbench, start, hours=1)
    refusal = _session(running).extension.refusal
    assert refusal is not None
    assert refusal.startswith("The slice is reserved for others from")
    assert "3:00" in refusal or "15:00" in refusal, "in the site's time zone"


def test_a_quiet_session_shows_since_when_and_when_it_is_stopped(running: Bench) -> None:
    for _ in range(11):
        running.clock.step(minutes=5)
        lifetime.report(running.workbench, ANNA, 0, None)
        reconcile(running.workbench, None)
    idle = _session(running).idle
    assert idle is not None
    assert idle.since == NOON + HOUR
    assert idle.stops_at == NOON + 2 * HOUR
    assert idle.warning


def test_where_no_idle_rule_holds_there_is_none_to_show(running: Bench) -> None:
    running.with_policy(rules=(SessionRule("institution:thr", idle_minutes=0),))
    assert _session(running).idle is None


def test_a_gpu_that_fails_under_a_session_is_said_to_its_person(running: Bench) -> None:
    running.gpus.faults["fixed"] = "has fallen off the bus"
    problem = _session(running).problem
    assert problem is not None
    assert problem.startswith("The GPU of this session has failed")


def test_while_the_driver_cannot_be_read_all_else_is_still_shown(
    running: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(fresh: bool = False) -> Inventory:
        raise GpuDriverError(f"The driver cannot be read (fresh: {fresh}).")

    monkeypatch.setattr(running.gpus, "read", unreadable)
    session = _session(running)
    assert session.problem is None
    assert session.slice is not None
    assert (session.slice.gpu, session.slice.profile, session.slice.model) == (
        "fixed",
        "1g.10gb",
        "",
    )


def test_a_session_outlives_what_its_settings_said(running: Bench) -> None:
    running.with_catalogue(flavours=(), images=())
    session = _session(running)
    assert (session.flavour.title, session.image.title, session.cpus) == ("small", "base", 0)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Bench]:
    """A GPU that exists and is shared by four; what cannot be measured is not known."""
    shared = declared_gpu("real", H100, simulated=False, shares=4, devices=["GPU-one"])
    with bench_in(tmp_path, [shared]) as bench:
        flavours = tuple(
            replace(flavour, slices={H100: "shared-4"}) if flavour.name == "small" else flavour
            for flavour in bench.workbench.catalogue.flavours
        )
        bench.with_catalogue(flavours=flavours)
        bench.start(bench.person("Anna"))
        yield bench


def test_a_real_slice_shows_how_busy_it_is_and_that_it_is_shared(real: Bench) -> None:
    slice_ = _session(real).slice
    assert slice_ is not None
    assert (slice_.simulated, slice_.shared_by) == (False, 4)
    assert slice_.use == SliceUseView(memory_used_mib=None, processes=None, utilisation=None)
    lease = real.leases(ANNA)[0].slice
    assert lease is not None
    real.gpus.used[lease.label] = SliceUse(8000, 1, None)
    slice_ = _session(real).slice
    assert slice_ is not None
    assert slice_.use == SliceUseView(memory_used_mib=8000, processes=1, utilisation=None)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (EndReason.TIME_UP, "Your last session was stopped because its time was up."),
        (EndReason.IDLE, "Your last session was stopped because nothing ran in it."),
        (EndReason.ORPHANED, "Your last session was stopped because the hub had lost sight of it."),
    ],
)
def test_why_the_last_session_ended_is_said_if_nobody_asked_for_it(
    running: Bench, reason: EndReason, sentence: str
) -> None:
    session = _session(running).id
    sessions.ended(running.workbench, session, reason)
    last = _of(running).last_end
    assert last is not None
    assert (last.ended_at, last.sentence) == (NOON + HOUR, sentence)
    running.start(ANNA)
    assert _of(running).last_end is None
    running.clock.step(minutes=1)
    running.stop(ANNA)
    assert _of(running).last_end is None, "they did it themselves"


def test_a_start_that_failed_says_nothing_of_an_end(bench: Bench) -> None:
    granted = sessions.admit(bench.workbench, bench.person("Anna"), Request("small", "base"))
    sessions.ended(bench.workbench, granted.lease.session, EndReason.FAILED)
    assert _of(bench).last_end is None


def test_a_place_in_line_is_shown_until_it_ends_and_then_why_it_did(running: Bench) -> None:
    running.start(running.person("Otto"))
    running.queue(running.person("Ben"))
    ticket = _of(running, "thr--ben").ticket
    assert ticket is not None
    assert (ticket.flavour.title, ticket.place, ticket.before) == ("Small", 1, 0)
    assert ticket.due_back == NOON + 2 * HOUR
    assert (ticket.called, ticket.held_until) == (False, None)
    running.stop(ANNA)
    running.called()
    ticket = _of(running, "thr--ben").ticket
    assert ticket is not None
    assert ticket.called
    assert ticket.held_until == NOON + HOUR + timedelta(minutes=5)
    running.clock.step(minutes=5)
    running.called()
    shown = _of(running, "thr--ben")
    assert shown.ticket is None
    assert shown.last_end is not None
    assert shown.last_end.sentence.startswith("It was your turn, but your session did not start")


def test_a_wait_that_cannot_be_served_any_more_says_so(running: Bench) -> None:
    running.start(running.person("Otto"))
    running.queue(running.person("Ben"))
    running.with_catalogue(budgets=budgets(budget("thr", 10**9, 1)))
    running.stop(ANNA)
    running.called()
    last = _of(running, "thr--ben").last_end
    assert last is not None
    assert last.sentence.startswith("Your wait has ended")


def test_what_is_shared_with_ones_institution_is_listed(bench: Bench) -> None:
    dataset = Dataset(
        institution="iwe",
        name="windpark",
        version="1.0",
        title=Localized.same("Wind farm"),
        description=Localized.same("…"),
        nature="measured",
        publisher="IWE",
        origin="IWE",
        licence="CC-BY-4.0",
        licence_title="Creative Commons Attribution 4.0",
        steward="Eva",
        files=(DataFile("scada.parquet", "/nowhere/scada.parquet", 4_000),),
        shared_with=("thr",),
    )
    bench.with_catalogue(datasets=(dataset,))
    bench.person("Anna")
    bench.person("Eva", "iwe")
    (shown,) = _of(bench).datasets
    assert (shown.id, shown.path) == ("iwe/windpark", "/data/iwe/windpark/1.0")
    assert [(file.name, file.format, file.bytes) for file in shown.files] == [
        ("scada.parquet", "parquet", 4_000)
    ]
    assert _of(bench, "iwe--eva").datasets == ()


def test_the_wire_has_moments_with_a_zone_and_nothing_where_nothing_is(running: Bench) -> None:
    written = _of(running).model_dump(mode="json")
    assert written["session"]["ends_at"] == "2026-11-16T14:00:00Z"
    assert written["session"]["idle"] == {"since": None, "stops_at": None, "warning": False}
    assert written["ticket"] is None
    assert written["budget"]["ticks_per_gpu_hour"] == TICKS_PER_GPU_HOUR
    assert date.fromisoformat(written["served_at"][:10]) == NOON.date()
