"""The board: what stands on a GPU's units, the pool in sums, and who may see what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labwerk_hub.adapters.declared import models
from labwerk_hub.domain.board import Holding, Place, PlaceState, Shape, is_free, places
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice, shared_model
from labwerk_hub.domain.leases import LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.placement import place, room
from labwerk_hub.domain.reservations import Reservation
from labwerk_hub.services import board
from labwerk_hub.services.board import PAGE, Query, Show
from labwerk_hub.services.board_views import Board
from labwerk_hub.services.pool_sums import PoolSums
from support.hub_pages import Site, site_in
from support.workbench import H100, dynamic_gpu, fixed_gpu

LAYOUT = ("1g.10gb@0", "1g.10gb@1", "2g.20gb@2", "3g.40gb@4")
HOUR_MS = 3_600_000


def _holding(gpu: Gpu, place_: str, state: LeaseState = LeaseState.LIVE) -> Holding:
    profile, _, start = place_.partition("@")
    slice_ = Slice(gpu.name, profile, int(start), gpu.model.profile(profile).size)
    return Holding("lw-1", "thr--anna", "Anna", "thr", "small", slice_, state, 0, HOUR_MS)


def _states(found: Sequence[Place]) -> list[tuple[int, int, str, PlaceState]]:
    return [(p.start, p.size, p.profile, p.state) for p in found]


# -------------------------------------------------------------- units of a GPU


def test_a_fixed_gpu_shows_its_slices_and_the_units_in_none_of_them() -> None:
    gpu = fixed_gpu("a", "1g.10gb@0", "2g.20gb@2")
    assert _states(places(gpu, [_holding(gpu, "2g.20gb@2")])) == [
        (0, 1, "1g.10gb", PlaceState.FREE),
        (1, 1, "", PlaceState.UNCUT),
        (2, 2, "2g.20gb", PlaceState.HELD),
        (4, 4, "", PlaceState.UNCUT),
    ]


def test_a_dynamic_gpu_shows_leases_strange_instances_and_what_can_be_cut() -> None:
    gpu = dynamic_gpu("d")
    gpu = replace(gpu, instances=(Slice("d", "1g.10gb", 0, 1), Slice("d", "3g.40gb", 4, 4)))
    assert _states(places(gpu, [_holding(gpu, "1g.10gb@0")])) == [
        (0, 1, "1g.10gb", PlaceState.HELD),
        (1, 3, "", PlaceState.FREE),
        (4, 4, "3g.40gb", PlaceState.FOREIGN),
    ]


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (LeaseState.INTENDED, PlaceState.STARTING),
        (LeaseState.LIVE, PlaceState.HELD),
        (LeaseState.ENDED, PlaceState.ENDING),
    ],
)
def test_a_lease_is_shown_in_its_state(state: LeaseState, shown: PlaceState) -> None:
    gpu = fixed_gpu("a", *LAYOUT)
    assert places(gpu, [_holding(gpu, "2g.20gb@2", state)])[2].state is shown


def test_a_lease_outlives_the_layout_it_was_taken_from() -> None:
    gpu = fixed_gpu("a", "2g.20gb@0", "1g.10gb@2", "1g.10gb@3")
    older = _holding(gpu, "3g.40gb@0")
    assert _states(places(gpu, [older])) == [
        (0, 4, "3g.40gb", PlaceState.HELD),
        (4, 4, "", PlaceState.UNCUT),
    ]


@st.composite
def _pools(draw: st.DrawFn) -> tuple[Inventory, list[Slice]]:
    """A mixed pool and what is held on it, placed by the planner."""
    rtx = models()["RTX-PRO-6000-Blackwell-96GB"]
    kinds: dict[str, Callable[[str], Gpu]] = {
        "fixed": lambda name: fixed_gpu(name, *LAYOUT),
        "seven": lambda name: fixed_gpu(name, *(f"1g.10gb@{unit}" for unit in range(7))),
        "whole": lambda name: fixed_gpu(name, "whole@0"),
        "dynamic": dynamic_gpu,
        "broken": lambda name: replace(fixed_gpu(name, *LAYOUT), fault="is lost"),
        "shared": lambda name: Gpu(
            name,
            shared_model(models()[H100], 4),
            simulated=True,
            slices=tuple(Slice(name, "shared-4", share, 1) for share in range(4)),
        ),
        "twelve": lambda name: Gpu(name, rtx, simulated=True, dynamic=True),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=6))
    inventory = Inventory(tuple(kinds[kind](f"g{n}") for n, kind in enumerate(chosen)))
    held: list[Slice] = []
    for profiles in draw(st.lists(st.sampled_from(_WANTED), max_size=12)):
        if found := place(inventory, profiles, held):
            held.append(found.slice)
    return inventory, held


_WANTED: list[dict[str, str]] = [
    {H100: "1g.10gb", "RTX-PRO-6000-Blackwell-96GB": "1g.24gb"},
    {H100: "2g.20gb", "RTX-PRO-6000-Blackwell-96GB": "2g.48gb"},
    {H100: "3g.40gb"},
    {H100: "whole"},
    {H100: "shared-4"},
]


def _masks(held: Sequence[Slice]) -> dict[str, int]:
    masks: dict[str, int] = {}
    for slice_ in held:
        masks[slice_.gpu] = masks.get(slice_.gpu, 0) | slice_.mask
    return masks


@given(_pools())
@settings(max_examples=150, deadline=None)
def test_every_unit_of_every_gpu_is_in_exactly_one_place(
    pool: tuple[Inventory, list[Slice]],
) -> None:
    inventory, held = pool
    for gpu in inventory.gpus:
        here = [_holding(gpu, f"{s.profile}@{s.start}") for s in held if s.gpu == gpu.name]
        units = [u for p in places(gpu, here) for u in range(p.start, p.start + p.size)]
        assert units == list(range(gpu.model.units))


@given(_pools())
@settings(max_examples=150, deadline=None)
def test_the_sums_count_what_the_planner_could_hand_out(
    pool: tuple[Inventory, list[Slice]],
) -> None:
    inventory, held = pool
    shape = Shape(inventory)
    sums = shape.sums(shape.masks(_masks(held)))
    for profiles in _WANTED:
        assert sums.free(profiles) == room(inventory, profiles, held)
        assert sums.total(profiles) == room(inventory, profiles, [])
    for gpu in inventory.gpus:
        possible = any(room(Inventory((gpu,)), profiles, held) for profiles in _WANTED)
        assert is_free(gpu, _masks(held).get(gpu.name, 0)) >= possible


def test_free_units_are_those_that_can_be_handed_out() -> None:
    whole, seven = fixed_gpu("a", "whole@0"), fixed_gpu("b", *(f"1g.10gb@{u}" for u in range(7)))
    broken = replace(fixed_gpu("c", "whole@0"), fault="is lost")
    shape = Shape(Inventory((whole, seven, broken)))
    sums = shape.sums(shape.masks({"b": 0b111}, reserved=[Slice("b", "1g.10gb", 6, 1)]))
    assert sums.units(H100) == (8 + 3, 8 + 7)


# ------------------------------------------------------------------ the service


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as made:
        made.pool.have(fixed_gpu("a", *LAYOUT), fixed_gpu("b", *LAYOUT))
        yield made


def _shown(site: Site, viewer: Person | None, query: Query | None = None) -> Board:
    sums = PoolSums(site.workbench, seconds=0)
    return board.show(site.workbench, sums, viewer, query or Query(), "en")


def test_members_see_whose_institution_it_is_and_nobodys_name(site: Site) -> None:
    mira = site.person("Mira Conti", "it", institution="iwe")
    lease = site.hold(mira, "a", "2g.20gb@2", flavour="medium")
    shown = _shown(site, site.person())
    assert not shown.operator
    holder = shown.gpus[0].places[2].holder
    assert holder is not None
    assert holder.institution.title == "Institute for Wind Energy"
    told = shown.model_dump_json()
    assert "Mira" not in told
    assert "mira" not in told
    assert lease.session not in told


def test_operators_see_the_person_the_flavour_and_the_session(site: Site) -> None:
    mira = site.person("Mira Conti", "it", institution="iwe")
    lease = site.hold(mira, "a", "2g.20gb@2", flavour="medium")
    holder = _shown(site, site.person("Olga", "en", Role.OPERATOR)).gpus[0].places[2].holder
    assert holder is not None
    assert (holder.person, holder.user) == ("Mira Conti", mira.name)
    assert (holder.flavour, holder.session) == ("Medium GPU slice", lease.session)


def test_everybody_sees_their_own_lease_as_theirs(site: Site) -> None:
    anna = site.person()
    lease = site.hold(anna, "a", "1g.10gb@0")
    holder = _shown(site, anna).gpus[0].places[0].holder
    assert holder is not None
    assert holder.yours
    assert holder.session == lease.session
    assert holder.user is None


def test_an_end_is_drawn_where_it_lies_in_the_hours_ahead(site: Site) -> None:
    anna = site.person()
    site.hold(anna, "a", "1g.10gb@0", minutes=6 * 60)
    site.hold(anna, "a", "1g.10gb@1", minutes=60 * 60)
    ends = [
        [
            place_.until.ends
            for place_ in _shown(site, anna, query).gpus[0].places[:2]
            if place_.until
        ]
        for query in (Query(hours=24), Query(hours=12))
    ]
    assert ends[0] == [pytest.approx(0.25, abs=0.001), 1.0]
    assert ends[1] == [pytest.approx(0.5, abs=0.001), 1.0]


def test_a_reservation_is_on_its_units_and_in_the_list_until_it_is_over(site: Site) -> None:
    anna = site.person()
    now = to_ms(site.workbench.clock())
    soon = _reservation(site, "rs-00000001", now + 6 * HOUR_MS, Slice("a", "1g.10gb", 1, 1))
    _reservation(site, "rs-00000002", now + 30 * HOUR_MS, Slice("b", "1g.10gb", 1, 1))
    shown = _shown(site, anna)
    assert [r.id for r in shown.reservations] == [soon.id]
    assert shown.reservations[0].group == "Machine learning for wind energy"
    free, kept, *_ = shown.gpus[0].places
    assert not free.reserved
    assert kept.reserved[0].begins == pytest.approx(0.25, abs=0.001)
    assert kept.reserved[0].ends == pytest.approx(0.375, abs=0.001)
    assert not any(place_.reserved for place_ in shown.gpus[1].places)


def test_what_is_kept_for_somebody_now_is_not_free_until_its_grace_is_over(site: Site) -> None:
    anna = site.person()
    now = to_ms(site.workbench.clock())
    before = {f.name: f.free for f in _shown(site, anna).flavours}
    kept = Slice("a", "1g.10gb", 0, 1)
    _reservation(site, "rs-00000001", now - 1000, kept, release_after_ms=HOUR_MS)
    released = Slice("a", "1g.10gb", 1, 1)
    _reservation(site, "rs-00000002", now - HOUR_MS, released, release_after_ms=1000)
    after = {f.name: f.free for f in _shown(site, anna).flavours}
    assert (before["small"], after["small"]) == (4, 3)


def _reservation(
    site: Site, name: str, from_ms: int, slice_: Slice, release_after_ms: int = 0
) -> Reservation:
    made = Reservation(
        id=name,
        title="Course",
        flavour="small",
        group="course-ml4wind",
        from_ms=from_ms,
        to_ms=from_ms + 3 * HOUR_MS,
        release_after_ms=release_after_ms,
        slices=(slice_,),
        made_by=site.person().name,
        made_ms=from_ms,
    )
    with site.workbench.database.writing() as tx:
        tx.reservations.add(made)
    return made


def test_a_fault_is_everybodys_to_see_and_its_cause_the_operators(site: Site) -> None:
    broken = replace(fixed_gpu("b", *LAYOUT), fault="is lost (XID 79)")
    anna, olga = site.person(), site.person("Olga", "en", Role.OPERATOR)
    site.hold(anna, "b", "2g.20gb@2")
    site.pool.replace(broken)
    for viewer, said in ((anna, None), (olga, "b is lost (XID 79).")):
        shown = _shown(site, viewer, Query(show=Show.FAULTY))
        assert [gpu.name for gpu in shown.gpus] == ["b"]
        assert (shown.gpus[0].faulty, shown.gpus[0].fault_said) == (True, said)
        assert shown.gpus[0].places[2].holder is not None
        assert [(m.gpus, m.faulty, m.units_free) for m in shown.models] == [(2, 1, 8)]


def test_a_lease_on_a_gpu_that_has_left_is_not_lost_from_sight(site: Site) -> None:
    anna = site.person()
    site.hold(anna, "b", "2g.20gb@2")
    site.pool.have(fixed_gpu("a", *LAYOUT))
    shown = _shown(site, anna)
    assert [gpu.name for gpu in shown.gpus] == ["a"]
    assert [(gone.gpu, gone.profile, gone.holder.yours) for gone in shown.gone] == [
        ("b", "2g.20gb", True)
    ]


def test_a_flavour_counts_its_sessions_and_those_who_wait(site: Site) -> None:
    anna = site.person()
    site.hold(anna, "a", "1g.10gb@0")
    site.hold(anna, "a", "1g.10gb@1", state=LeaseState.ENDED)
    counts = {f.name: (f.free, f.total, f.sessions, f.waiting) for f in _shown(site, anna).flavours}
    # What has ended and is not given back yet is nobody's session, and not free either.
    assert counts["small"] == (2, 4, 1, 0)
    assert counts["cpu"] == (None, None, 0, 0)


def test_pages_hold_so_many_gpus_and_no_page_is_beyond_the_last(site: Site) -> None:
    site.pool.have(*(fixed_gpu(f"g{n:03}", *LAYOUT) for n in range(2 * PAGE + 1)))
    anna = site.person()
    first, last = _shown(site, anna), _shown(site, anna, Query(page=99))
    assert (first.page, first.pages, len(first.gpus)) == (1, 3, PAGE)
    assert (last.page, [gpu.name for gpu in last.gpus]) == (3, [f"g{2 * PAGE:03}"])


def test_only_gpus_with_something_free_are_listed_if_asked(site: Site) -> None:
    anna = site.person()
    for place_ in LAYOUT:
        site.hold(anna, "a", place_)
    assert [gpu.name for gpu in _shown(site, anna, Query(show=Show.FREE)).gpus] == ["b"]
    assert _shown(site, anna, Query(model="A30-24GB")).gpus == ()


def test_an_empty_pool_has_a_board_too(site: Site) -> None:
    site.pool.have()
    shown = _shown(site, None)
    assert (shown.gpus, shown.models, shown.pages) == ((), (), 1)
    assert {f.free for f in shown.flavours} == {0, None}


def test_the_sums_are_read_once_for_all_who_look_within_their_time(site: Site) -> None:
    anna = site.person()
    lasting = PoolSums(site.workbench, seconds=3600)
    before = lasting.read()
    site.hold(anna, "a", "1g.10gb@0")
    assert lasting.read() is before
    lasting.forget()
    assert lasting.read().held == {"a": 1}
    site.pool.have(fixed_gpu("c", *LAYOUT))
    assert lasting.read().shape.kind_of == {"c": 0}
