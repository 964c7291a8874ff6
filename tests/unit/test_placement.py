"""Where a slice goes, on every model, whatever happens to the pool."""

import pytest
from labwerk_hub.adapters.declared import models
from labwerk_hub.domain.gpu import WHOLE, Gpu, Inventory, Slice, shared_model
from labwerk_hub.domain.placement import Claim, Placement, capacity, place, room
from support.pool import Board, Place, plain, rules
from support.random_pool import RandomPool

H100, RTX, A30 = "H100-80GB", "RTX-PRO-6000-Blackwell-96GB", "A30-24GB"
OPERATIONS = 100_000
SEED = 1


def _dynamic(name: str, model: str = H100, fault: str | None = None) -> Gpu:
    return Gpu(name, models()[model], simulated=True, dynamic=True, fault=fault)


def _at(gpu: str, profile: str, start: int, model: str = H100) -> Slice:
    return Slice(gpu, profile, start, models()[model].profile(profile).size)


def _inventory(*gpus: Gpu) -> Inventory:
    return Inventory(gpus)


def _label(placement: Placement | None) -> str | None:
    return placement.slice.label if placement else None


# Whatever happens


@pytest.mark.parametrize("model", models())
def test_nothing_is_ever_held_twice_or_placed_illegally_and_promises_are_kept(model: str) -> None:
    pool = RandomPool(model, SEED)
    for number in range(OPERATIONS):
        try:
            pool.step()
        except Exception as error:
            error.add_note(
                f"RandomPool({model!r}, {SEED}), operation {number}, seen {dict(pool.seen)}"
            )
            raise
    # A test in which little happens would pass, too.
    assert pool.seen["placed"] > OPERATIONS // 10
    assert pool.seen["full"] > OPERATIONS // 20
    assert pool.seen["promises kept"] > OPERATIONS // 200
    assert min(pool.seen[kind] for kind in ("crash", "reboot", "lose", "fall_off")) > 100


# Every layout


@pytest.mark.parametrize("model", models())
def test_as_many_full_layouts_are_known_as_nvidia_has(model: str) -> None:
    judge = rules()[model]
    assert len(judge.full_layouts(plain(judge.cuts))) == (78 if judge.units == 8 else 5)


def test_without_the_double_memory_profile_there_are_the_nineteen_of_the_guide() -> None:
    judge = rules()["A100-40GB"]
    names = [name for name in plain(judge.cuts) if name != "1g.10gb"]
    assert len(judge.full_layouts(names)) == 19


@pytest.mark.parametrize("model", models())
def test_every_full_layout_can_be_made_in_any_order_where_it_is_wanted(model: str) -> None:
    inventory = _inventory(_dynamic("gpu", model))
    for number, layout in enumerate(sorted(map(sorted, rules()[model].full_layouts()))):
        board, held = Board(rules()[model]), set[Slice]()
        for profile, start in layout if number % 2 else reversed(layout):
            wanted = _at("gpu", profile, start, model)
            found = place(inventory, {model: profile}, held, preferred={wanted})
            assert found is not None
            assert found.slice == wanted, (layout, found)
            board.make((profile, start))
            held.add(found.slice)
        assert all(place(inventory, {model: name}, held) is None for name in rules()[model].cuts)


@pytest.mark.parametrize("model", models())
def test_every_full_layout_comes_about_by_starts_and_stops_alone(model: str) -> None:
    inventory, judge = _inventory(_dynamic("gpu", model)), rules()[model]
    names = plain(judge.cuts)
    reached: set[frozenset[Place]] = set()
    ahead = [frozenset[Place]()]
    while ahead:
        layout = ahead.pop()
        held = [_at("gpu", profile, start, model) for profile, start in layout]
        found = (place(inventory, {model: name}, held) for name in names)
        after = [layout | {(f.slice.profile, f.slice.start)} for f in found if f]
        after += (layout - {gone} for gone in layout)
        ahead += (other for other in after if other not in reached)
        reached.update(after)
    assert judge.full_layouts(names) <= reached


# The score


def test_small_slices_leave_the_large_places_whole() -> None:
    inventory = _inventory(_dynamic("a"), _dynamic("b"))
    held: list[Slice] = [_at("b", "3g.40gb", 4)]
    for _ in range(4):
        found = place(inventory, {H100: "1g.10gb"}, held)
        assert found is not None
        held.append(found.slice)
    assert all(slice_.gpu == "b" for slice_ in held)
    assert room(inventory, {H100: "7g.80gb"}, held) == 1


def test_what_is_usually_asked_for_decides_what_is_kept() -> None:
    # 4g can only stand at 0, so a 2g at 0 or 2 would be in its way.
    inventory = _inventory(_dynamic("a"))
    halves = [({H100: "4g.40gb"}, 1.0)]
    assert _label(place(inventory, {H100: "2g.20gb"}, [], mix=halves)) == "a/2g.20gb@4"
    # 1g can stand at 0 to 6, so that a half from 4 on takes three of its places, one from 0 four.
    smalls = [({H100: "1g.10gb"}, 1.0)]
    assert _label(place(inventory, {H100: "3g.40gb"}, [], mix=smalls)) == "a/3g.40gb@4"


def test_a_fixed_slice_goes_before_an_instance_that_would_take_places() -> None:
    fixed = Gpu("z", models()[H100], simulated=True, slices=(_at("z", "1g.10gb", 0),))
    found = place(_inventory(_dynamic("a"), fixed), {H100: "1g.10gb"}, [])
    assert _label(found) == "z/1g.10gb@0"


def test_the_tightest_gpu_of_those_with_a_fixed_layout_is_filled_first() -> None:
    def gpu(name: str) -> Gpu:
        slices = (_at(name, "1g.10gb", 0), _at(name, "1g.10gb", 1), _at(name, "3g.40gb", 4))
        return Gpu(name, models()[H100], simulated=True, slices=slices)

    held = [_at("b", "3g.40gb", 4)]
    found = place(_inventory(gpu("a"), gpu("b")), {H100: "1g.10gb"}, held)
    assert _label(found) == "b/1g.10gb@1"


def test_of_gpus_that_are_shared_in_time_the_one_with_the_fewest_sharers_is_taken() -> None:
    model = shared_model(models()[H100], 4)

    def gpu(name: str) -> Gpu:
        slices = tuple(Slice(name, "shared-4", start, 1) for start in range(4))
        return Gpu(name, model, simulated=True, slices=slices)

    inventory = _inventory(gpu("a"), gpu("b"))
    found = place(inventory, {H100: "shared-4"}, [Slice("a", "shared-4", 3, 1)])
    assert found is not None
    assert found.slice.gpu == "b"
    assert capacity(inventory, {H100: "shared-4"}) == 8


# Who can be served by what


def test_a_flavour_is_served_by_any_model_that_it_names() -> None:
    rtx = _dynamic("rtx", RTX)
    wanted = {H100: "7g.80gb", RTX: "2g.48gb"}
    inventory = _inventory(_dynamic("h100"), rtx, _dynamic("a30", A30))
    assert capacity(inventory, wanted) == 3
    held = [_at("h100", "1g.10gb", 6)]
    assert room(inventory, wanted, held) == 2
    found = place(inventory, wanted, held)
    assert found is not None
    assert found.gpu is rtx


def test_a_gpu_that_is_cut_at_start_is_not_handed_out_undivided() -> None:
    assert place(_inventory(_dynamic("a")), {H100: WHOLE}, []) is None
    whole = Gpu("b", models()[H100], simulated=True, slices=(_at("b", WHOLE, 0),))
    assert _label(place(_inventory(_dynamic("a"), whole), {H100: WHOLE}, [])) == "b/whole@0"


def test_nothing_goes_to_a_broken_gpu_but_it_counts_as_part_of_the_pool() -> None:
    inventory = _inventory(_dynamic("a", fault="has fallen off the bus"))
    assert place(inventory, {H100: "1g.10gb"}, []) is None
    assert room(inventory, {H100: "1g.10gb"}, []) == 0
    assert capacity(inventory, {H100: "1g.10gb"}) == 7


def test_the_engines_count_where_the_units_would_suffice() -> None:
    # All media engines of the GPU belong to one instance: nothing that needs one fits beside.
    inventory, held = _inventory(_dynamic("a", RTX)), [_at("a", "1g.24gb+me.all", 0, RTX)]
    assert room(inventory, {RTX: "1g.24gb"}, held) == 0
    assert room(inventory, {RTX: "1g.24gb-me"}, held) == 3


def test_what_somebody_else_made_on_a_gpu_is_respected() -> None:
    foreign = _at("a", "3g.40gb", 0)
    inventory = _inventory(_dynamic("a"))
    assert room(inventory, {H100: "1g.10gb"}, [foreign]) == 3
    assert room(inventory, {H100: "7g.80gb"}, [foreign]) == 0


# Promises


def test_a_promise_that_begins_later_ends_the_lease_and_is_avoided_while_there_is_room() -> None:
    fixed = tuple(_at("a", "1g.10gb", start) for start in range(7))
    inventory = _inventory(Gpu("a", models()[H100], simulated=True, slices=fixed))
    claims = [Claim(slice_, 100 + slice_.start, 1000) for slice_ in fixed[1:]]
    wanted = {H100: "1g.10gb"}
    first = place(inventory, wanted, [], claims=claims, wanted_ms=500)
    assert first is not None
    assert (first.slice, first.until_ms) == (fixed[0], None)
    # None of the others is free for so long: of those the longest.
    second = place(inventory, wanted, [fixed[0]], claims=claims, wanted_ms=500)
    assert second is not None
    assert (second.slice, second.until_ms) == (fixed[6], 106)
    # A short one goes wherever it is over in time.
    third = place(inventory, wanted, [fixed[0], fixed[6]], claims=claims, wanted_ms=101)
    assert third is not None
    assert third.until_ms is not None
    assert third.until_ms >= 101


def test_a_promise_holds_from_its_beginning_to_its_end_and_not_at_its_end() -> None:
    inventory, claim = _inventory(_dynamic("a")), Claim(_at("a", "7g.80gb", 0), 100, 200)
    wanted = {H100: "1g.10gb"}
    found = {at: room(inventory, wanted, [], [claim], at) for at in (99, 100, 199, 200)}
    assert found == {99: 7, 100: 0, 199: 0, 200: 7}
    assert place(inventory, wanted, [], claims=[claim], now_ms=150) is None
    last = place(inventory, wanted, [], claims=[claim], now_ms=99)
    assert last is not None
    assert last.until_ms == 100


def test_a_lease_on_promised_units_leaves_the_rest_of_the_promise_as_it_is() -> None:
    # Somebody of the group took a small slice in the half that is kept for it.
    inventory, claim = _inventory(_dynamic("a")), Claim(_at("a", "3g.40gb", 4), 100, 200)
    held = [_at("a", "1g.10gb", 4)]
    assert room(inventory, {H100: "1g.10gb"}, held, [claim], now_ms=100) == 4
    assert room(inventory, {H100: "1g.10gb"}, held, [claim], now_ms=200) == 6


def test_a_promise_is_kept_where_only_the_model_forbids_two_of_a_kind() -> None:
    # One instance with the media engines a GPU: the units beside it are of no use to another.
    inventory, promised = _inventory(_dynamic("a")), Claim(_at("a", "1g.10gb+me", 0), 100, 200)
    now = place(inventory, {H100: "1g.10gb+me"}, [], claims=[promised], wanted_ms=10)
    assert now is not None
    assert now.until_ms == 100
    assert place(inventory, {H100: "1g.10gb+me"}, [], claims=[promised], now_ms=100) is None
    assert room(inventory, {H100: "1g.10gb"}, [], [promised], now_ms=100) == 6


def test_who_has_a_reservation_gets_its_slice_first_of_all() -> None:
    inventory, own = _inventory(_dynamic("a"), _dynamic("b")), _at("b", "1g.10gb", 2)
    found = place(inventory, {H100: "1g.10gb"}, [], preferred={own})
    assert found is not None
    assert found.slice == own
    found = place(inventory, {H100: "1g.10gb"}, [own], preferred={own})
    assert found is not None
    assert found.slice != own
