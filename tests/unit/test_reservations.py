"""Reservations: never more than there is, never on top of each other, there when needed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labwerk_hub.adapters.declared import declared_gpu, models
from labwerk_hub.domain.admission import Reason
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice, illegal
from labwerk_hub.domain.placement import Claim, place
from labwerk_hub.domain.reservations import (
    Reservation,
    ahead,
    choose,
    claims,
    lost,
    occupied,
    preferred,
)
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.reservations import ReservationError
from support.lessons import keep_for_lesson
from support.workbench import Bench

H100 = "H100-80GB"
RTX = "RTX-PRO-6000-Blackwell-96GB"
LAYOUT = ["1g.10gb@0", "1g.10gb@1", "2g.20gb@2", "3g.40gb@4"]
SMALL = {H100: "1g.10gb", RTX: "1g.24gb"}
MEDIUM = {H100: "2g.20gb", RTX: "2g.48gb"}
LARGE = {H100: "3g.40gb", RTX: "4g.96gb"}
FLAVOURS = {"small": SMALL, "medium": MEDIUM, "large": LARGE}
POOL = Inventory(
    (
        declared_gpu("fixed", H100, LAYOUT, simulated=True),
        declared_gpu("cut", H100, simulated=True, dynamic=True),
        declared_gpu("twelve", RTX, simulated=True, dynamic=True),
    )
)
HOUR = 3_600_000


def _reservation(*slices: Slice, start: int = 10, end: int = 12) -> Reservation:
    return Reservation(
        id="rs-00000001",
        title="Lesson",
        flavour="small",
        group="course",
        from_ms=start * HOUR,
        to_ms=end * HOUR,
        release_after_ms=HOUR // 4,
        slices=slices,
        made_by="olga",
        made_ms=0,
    )


def test_a_whole_pool_can_be_kept_and_not_one_slice_more() -> None:
    assert [slice_.label for slice_ in choose(POOL, LARGE, 0, HOUR, ())] == [
        "cut/3g.40gb@4",
        "cut/3g.40gb@0",
        "fixed/3g.40gb@4",
        "twelve/4g.96gb@0",
    ]


def test_gpus_that_are_in_use_then_are_filled_first() -> None:
    busy = [Claim(Slice("fixed", "1g.10gb", 0, 1), HOUR, 3 * HOUR)]
    assert choose(POOL, SMALL, 2 * HOUR, 4 * HOUR, busy)[0].label == "fixed/1g.10gb@1"
    assert choose(POOL, SMALL, 3 * HOUR, 4 * HOUR, busy)[0].gpu == "cut"


def test_a_gpu_with_a_fault_is_not_counted_on() -> None:
    well = Inventory(tuple(replace(gpu, fault="has fallen off the bus") for gpu in POOL.gpus[:2]))
    assert choose(well, LARGE, 0, HOUR, ()) == []


def test_what_two_reservations_hold_one_after_the_other_is_held_for_a_longer_third() -> None:
    """Neither alone fills the GPU at any moment, but no unit is free for the whole span."""
    gpu = Inventory((declared_gpu("cut", H100, simulated=True, dynamic=True),))
    low, high = Slice("cut", "3g.40gb", 0, 4), Slice("cut", "3g.40gb", 4, 4)
    busy = occupied([_reservation(low, end=11), _reservation(high, start=11)])
    assert choose(gpu, LARGE, 10 * HOUR, 12 * HOUR, busy) == []
    assert choose(gpu, LARGE, 10 * HOUR, 11 * HOUR, busy) == [high]
    assert choose(gpu, LARGE, 11 * HOUR, 12 * HOUR, busy) == [low]


def test_units_that_are_held_and_still_in_a_reservation_do_not_spoil_the_gpu() -> None:
    slice_ = Slice("cut", "3g.40gb", 4, 4)
    stranger = Claim(Slice("cut", "1g.10gb", 4, 1), 0, 12 * HOUR)
    found = choose(POOL, LARGE, 11 * HOUR, 12 * HOUR, [*occupied([_reservation(slice_)]), stranger])
    assert Slice("cut", "3g.40gb", 0, 4) in found


def test_to_others_a_reservation_is_a_claim_until_the_grace_is_over() -> None:
    slice_ = Slice("fixed", "1g.10gb", 0, 1)
    reservation = _reservation(slice_)
    promised = [Claim(slice_, 10 * HOUR, 10 * HOUR + HOUR // 4)]
    assert claims([reservation], {"other"}, 9 * HOUR) == promised
    assert claims([reservation], {"other"}, 10 * HOUR) == promised
    assert claims([reservation], {"other"}, 10 * HOUR + HOUR // 4) == []
    assert preferred([reservation], {"other"}, 10 * HOUR) == frozenset()


def test_the_waiting_list_does_not_count_on_slices_that_a_group_may_still_come_for() -> None:
    """Else somebody in line were promised them from the grace's end on, which would cut short
    the session of a member who came in time.
    """
    slice_ = Slice("fixed", "1g.10gb", 0, 1)
    reservation = _reservation(slice_)
    assert ahead([reservation], 10 * HOUR) == [Claim(slice_, 10 * HOUR, 12 * HOUR)]
    assert ahead([reservation], reservation.released_ms) == []


def test_to_members_a_reservation_is_where_they_come_first() -> None:
    slice_ = Slice("fixed", "1g.10gb", 0, 1)
    reservation = _reservation(slice_)
    assert claims([reservation], {"course", "project"}, 10 * HOUR) == []
    assert preferred([reservation], {"course"}, 10 * HOUR) == {slice_}
    assert preferred([reservation], {"course"}, 9 * HOUR) == frozenset()
    assert preferred([reservation], {"course"}, 12 * HOUR) == frozenset()


def test_a_member_who_asks_for_another_flavour_is_kept_out_like_others() -> None:
    reservation = _reservation(Slice("cut", "1g.10gb", 0, 1))
    assert claims([reservation], {"course"}, 10 * HOUR, "large") != []
    assert preferred([reservation], {"course"}, 10 * HOUR, "large") == frozenset()
    assert claims([reservation], {"course"}, 10 * HOUR, "small") == []


def test_a_grace_longer_than_the_reservation_ends_with_it() -> None:
    reservation = replace(_reservation(), release_after_ms=5 * HOUR)
    assert reservation.released_ms == 12 * HOUR


def test_a_slice_that_cannot_be_had_any_more_is_told_with_its_reason() -> None:
    kept = [
        Slice("fixed", "1g.10gb", 0, 1),
        Slice("cut", "3g.40gb", 4, 4),
        Slice("old", "whole", 0, 8),
    ]
    assert lost(_reservation(*kept), POOL) == [(kept[2], "there is no GPU old any more")]
    fixed = declared_gpu("fixed", H100, ["3g.40gb@0"], simulated=True)
    broken = replace(POOL.gpus[1], fault="has fallen off the bus")
    assert [reason for _, reason in lost(_reservation(*kept[:2]), Inventory((fixed, broken)))] == [
        "fixed cannot be cut into it any more",
        "cut has fallen off the bus",
    ]


SPANS = st.tuples(st.integers(0, 20), st.integers(1, 8)).map(lambda s: (s[0], s[0] + s[1]))


@st.composite
def _occupations(draw: st.DrawFn) -> list[Claim]:
    """What may stand in the pool over a day: made by the very rule, one after the other."""
    busy: list[Claim] = []
    for _ in range(draw(st.integers(0, 8))):
        start, end = draw(SPANS)
        found = choose(POOL, FLAVOURS[draw(st.sampled_from(sorted(FLAVOURS)))], start, end, busy)
        if found:
            busy.append(Claim(draw(st.sampled_from(found)), start, end))
    return busy


def _together(gpu: Gpu, standing: list[Slice]) -> bool:
    """Whether these can stand on the GPU at one moment, told apart from `choose`."""
    disjoint = all(not a.mask & b.mask for a, b in combinations(standing, 2))
    return disjoint and (not gpu.dynamic or illegal(gpu.model, standing) is None)


@given(busy=_occupations(), span=SPANS, flavour=st.sampled_from(sorted(FLAVOURS)))
@settings(max_examples=300, deadline=None)
def test_what_is_kept_stands_legally_at_every_moment_of_its_span(
    busy: list[Claim], span: tuple[int, int], flavour: str
) -> None:
    found = choose(POOL, FLAVOURS[flavour], *span, busy)
    for moment in range(*span):
        for gpu in POOL.gpus:
            there = [c.slice for c in busy if c.from_ms <= moment < c.until_ms]
            standing = [slice_ for slice_ in (*there, *found) if slice_.gpu == gpu.name]
            assert _together(gpu, standing), (moment, standing)


@given(busy=_occupations(), span=SPANS, flavour=st.sampled_from(sorted(FLAVOURS)))
@settings(max_examples=200, deadline=None)
def test_no_other_choice_would_keep_more(
    busy: list[Claim], span: tuple[int, int], flavour: str
) -> None:
    profiles = FLAVOURS[flavour]
    found = choose(POOL, profiles, *span, busy)
    for gpu in POOL.gpus:
        ours = sum(slice_.gpu == gpu.name for slice_ in found)
        places = gpu.candidates(profiles[gpu.model.name])
        assert not any(
            all(
                _together(
                    gpu,
                    [
                        c.slice
                        for c in busy
                        if c.slice.gpu == gpu.name and c.from_ms <= moment < c.until_ms
                    ]
                    + list(more),
                )
                for moment in range(*span)
            )
            for more in combinations(places, ours + 1)
        )


@pytest.mark.parametrize("model", sorted(models()))
def test_an_empty_gpu_of_any_model_is_kept_to_its_last_place(model: str) -> None:
    gpu = Inventory((declared_gpu("cut", model, simulated=True, dynamic=True),))
    for profile in models()[model].profiles.values():
        found = choose(gpu, {model: profile.name}, 0, 1, ())
        assert len(found) == profile.max_instances, profile.name


@dataclass
class _Day:
    """A day of a pool: sessions of members and strangers come and go, by the real rules."""

    seed: int
    reservations: list[Reservation] = field(default_factory=list)
    held: dict[Slice, tuple[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def reserve(self, now: int) -> None:
        flavour, start = self.random.choice(sorted(FLAVOURS)), now + self.random.randrange(0, 40)
        span = start, start + self.random.randrange(5, 40)
        leases = [Claim(slice_, now, ends) for slice_, (_, ends) in self.held.items()]
        found = choose(POOL, FLAVOURS[flavour], *span, [*leases, *occupied(self._current(now))])
        count = self.random.randrange(1, 4)
        if len(found) >= count:
            name = f"rs-{len(self.reservations)}"
            self.reservations.append(
                Reservation(
                    name, name, flavour, f"group-of-{name}", *span, 5, tuple(found[:count]), "", now
                )
            )

    def start(self, now: int, group: str, flavour: str) -> bool:
        current = self._current(now)
        wanted = self.random.randrange(1, 30)
        found = place(
            POOL,
            FLAVOURS[flavour],
            self.held,
            claims=claims(current, {group}, now, flavour),
            now_ms=now,
            wanted_ms=wanted,
            preferred=preferred(current, {group}, now, flavour),
        )
        if found is None:
            return False
        end = now + wanted if found.until_ms is None else min(now + wanted, found.until_ms)
        self.held[found.slice] = group, end
        return True

    def over(self, now: int) -> None:
        self.held = {slice_: held for slice_, held in self.held.items() if held[1] > now}

    def _current(self, now: int) -> list[Reservation]:
        return [reservation for reservation in self.reservations if reservation.to_ms > now]


@pytest.mark.parametrize("seed", range(60))
def test_members_get_in_within_the_grace_and_afterwards_strangers_do(seed: int) -> None:
    """Whatever others did before: all that was kept can be had, and goes back unused."""
    day, released = _Day(seed), 0
    for now in range(200):
        day.over(now)
        if day.random.random() < 0.2:
            day.reserve(now)
        for _ in range(day.random.randrange(3)):
            day.start(now, "strangers", day.random.choice(sorted(FLAVOURS)))
        for reservation in day.reservations:
            if reservation.from_ms == now and day.random.random() < 0.5:
                for _ in reservation.slices:  # each of them, although the pool may be full
                    assert day.start(now, reservation.group, reservation.flavour)
            if reservation.released_ms <= now < reservation.to_ms:
                released += sum(
                    day.held.get(slice_, ("", 0))[0] == "strangers" for slice_ in reservation.slices
                )
            if reservation.from_ms <= now < reservation.released_ms:
                holders = [day.held.get(slice_, ("", 0))[0] for slice_ in reservation.slices]
                assert "strangers" not in holders
    for gpu in POOL.gpus:
        assert _together(gpu, [slice_ for slice_ in day.held if slice_.gpu == gpu.name])
    assert released, "no unused slice ever went back, so that was not tested"


# The whole way: kept by an operator, found by those who start


def _keep(bench: Bench, count: int = 2, *, in_minutes: int = 0, group: str = "course") -> None:
    start = bench.clock() + timedelta(minutes=in_minutes)
    keep_for_lesson(bench.workbench, start, count=count, group=group, grace_minutes=15)


def _refusal(bench: Bench, person: str) -> Reason:
    with pytest.raises(RefusedError) as refused:
        bench.start(person)
    return refused.value.refusal.reason


def test_a_course_finds_its_slices_and_strangers_find_them_taken(bench: Bench) -> None:
    _keep(bench)
    stranger = bench.person("Stranger")
    assert _refusal(bench, stranger) is Reason.NO_SLICE_FREE
    for name in ("Anna", "Ben"):
        bench.start(bench.person(name, "thr", "course"))
    assert len(bench.holding()) == 2


def test_an_institution_can_have_a_reservation_too(bench: Bench) -> None:
    _keep(bench, group="institution:thr")
    bench.start(bench.person("Anna"))


def test_who_starts_before_a_reservation_of_others_is_out_when_it_begins(bench: Bench) -> None:
    _keep(bench, in_minutes=60)
    lease = bench.start(bench.person("Stranger"))
    assert lease.ends_ms == bench.clock.ms + 60 * 60_000


def test_what_nobody_came_for_is_everybodys_after_the_grace(bench: Bench) -> None:
    _keep(bench)
    bench.start(bench.person("Anna", "thr", "course"))
    bench.clock.step(minutes=15)
    bench.start(bench.person("Stranger"))
    assert len(bench.holding()) == 2


def test_somebody_in_line_does_not_cut_a_members_session_short(bench: Bench) -> None:
    """What is promised to who waits begins where the reservation ends, not its grace."""
    _keep(bench)
    bench.queue(bench.person("Stranger"))
    for name in ("Anna", "Ben"):
        lease = bench.start(bench.person(name, "thr", "course"))
        assert lease.ends_ms == bench.clock.ms + 2 * HOUR


def test_a_session_that_runs_when_a_reservation_is_made_stays_and_is_counted(
    bench: Bench,
) -> None:
    bench.start(bench.person("Stranger"))
    with pytest.raises(ReservationError, match="Only 1 of the 2 asked for can be kept"):
        _keep(bench, in_minutes=60)
    _keep(bench, 1, in_minutes=60)
