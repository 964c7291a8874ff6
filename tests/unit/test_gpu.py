"""Slices: what is legal, what is free, what it costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub.adapters.declared import declared_gpu, models
from labwerk_hub.domain.gpu import Inventory, Slice, free_slices, illegal

H100 = "H100-80GB"
RTX = "RTX-PRO-6000-Blackwell-96GB"


def _slice(model: str, profile: str, start: int) -> Slice:
    return Slice("gpu", profile, start, models()[model].profile(profile).size)


def test_the_usual_layout_of_an_eight_unit_gpu_is_legal() -> None:
    layout = [_slice(H100, "1g.10gb", 0), _slice(H100, "2g.20gb", 2), _slice(H100, "3g.40gb", 4)]
    assert illegal(models()[H100], layout) is None


def test_a_gpu_with_twelve_units_is_cut_by_its_own_geometry() -> None:
    layout = [_slice(RTX, "1g.24gb", 0), _slice(RTX, "1g.24gb", 3), _slice(RTX, "2g.48gb", 6)]
    assert illegal(models()[RTX], layout) is None
    assert sum(slice_.size for slice_ in layout) == 12


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        ([("3g.40gb", 2)], "3g.40gb cannot start at unit 2 (0, 4 are possible)"),
        ([("3g.40gb", 4), ("1g.10gb", 5)], "1g.10gb@5 overlaps another slice"),
        ([("1g.10gb+me", 0), ("1g.10gb+me", 1)], "at most 1 × 1g.10gb+me fit on one GPU"),
    ],
)
def test_an_illegal_layout_is_refused_with_its_reason(
    layout: list[tuple[str, int]], reason: str
) -> None:
    assert illegal(models()[H100], [_slice(H100, p, s) for p, s in layout]) == reason


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    reason = illegal(models()[H100], [Slice("gpu", "5g.50gb", 0, 5)])
    assert reason is not None
    assert "has no profile 5g.50gb" in reason
    assert "3g.40gb" in reason


def test_a_slice_costs_its_share_of_twenty_four_ticks() -> None:
    h100 = declared_gpu("a", H100, ["1g.10gb@0", "3g.40gb@4"], simulated=True)
    rtx = declared_gpu("b", RTX, ["1g.24gb@0", "2g.48gb@6"], simulated=True, weight=2)
    assert [h100.ticks_per_second(s) for s in h100.slices] == [3, 12]
    assert [rtx.ticks_per_second(s) for s in rtx.slices] == [12, 24]


def test_every_slice_of_every_model_costs_a_whole_number_of_ticks() -> None:
    for model in models().values():
        for profile in model.profiles.values():
            assert 24 * profile.size % model.units == 0, (model.name, profile.name)


def test_the_tightest_gpu_is_filled_first_so_that_large_slices_stay_whole() -> None:
    layout = ["1g.10gb@0", "1g.10gb@1", "3g.40gb@4"]
    gpus = tuple(declared_gpu(name, H100, layout, simulated=True) for name in ("a", "b"))
    held = [gpus[1].slices[2]]
    free = free_slices(Inventory(gpus), {H100: "1g.10gb"}, held)
    assert [slice_.label for _, slice_ in free][:2] == ["b/1g.10gb@0", "b/1g.10gb@1"]


@given(taken=st.sets(st.integers(0, 6)), data=st.data())
def test_a_free_slice_never_shares_a_unit_with_a_held_one(
    taken: set[int], data: st.DataObject
) -> None:
    gpu = declared_gpu("a", H100, [f"1g.10gb@{start}" for start in range(7)], simulated=True)
    held = [slice_ for slice_ in gpu.slices if slice_.start in taken]
    free = [slice_ for _, slice_ in free_slices(Inventory((gpu,)), {H100: "1g.10gb"}, held)]
    assert len(free) == 7 - len(held)
    if free:
        chosen = data.draw(st.sampled_from(free))
        assert all(not chosen.mask & other.mask for other in held)


def test_a_gpu_that_exists_must_name_its_devices() -> None:
    with pytest.raises(ValueError, match="devices must name one device for each of the 1 slices"):
        declared_gpu("a", H100, ["1g.10gb@0"], simulated=False)
