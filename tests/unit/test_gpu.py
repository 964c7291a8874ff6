"""Slices: what is legal, what is free, what it costs."""

from random import Random

import pytest
from labwerk_hub.adapters.declared import declared_gpu, models
from labwerk_hub.domain.gpu import WHOLE, Gpu, Inventory, Slice, illegal, shared_model
from support.pool import rules

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


def test_a_gpu_that_is_cut_at_start_has_every_place_of_a_profile() -> None:
    gpu = Gpu("a", models()[H100], simulated=True, dynamic=True)
    assert [slice_.label for slice_ in gpu.candidates("2g.20gb")] == [
        "a/2g.20gb@0",
        "a/2g.20gb@2",
        "a/2g.20gb@4",
    ]
    assert gpu.candidates(WHOLE) == ()


def test_a_share_of_a_gpu_is_a_slice_of_a_model_whose_units_are_the_shares() -> None:
    model = shared_model(models()[H100], 5)
    shares = tuple(Slice("a", "shared-5", start, 1) for start in range(5))
    assert illegal(model, shares) is None
    assert illegal(model, [*shares, shares[0]]) == "shared-5@0 overlaps another slice"
    gpu = Gpu("a", model, simulated=True, slices=shares)
    assert gpu.shared_by("shared-5") == 5
    assert gpu.ticks_per_second(shares[0]) == 5  # 24 / 5, rounded up


def test_only_gpus_that_are_well_and_can_be_cut_so_match() -> None:
    fixed = declared_gpu("fixed", H100, ["3g.40gb@4"], simulated=True)
    dynamic = Gpu("dynamic", models()[H100], simulated=True, dynamic=True)
    broken = Gpu("broken", models()[H100], simulated=True, dynamic=True, fault="is gone")
    inventory = Inventory((fixed, dynamic, broken))
    assert inventory.matching({H100: "3g.40gb"}) == [fixed, dynamic]
    assert inventory.matching({H100: "1g.10gb"}) == [dynamic]
    assert inventory.matching({RTX: "1g.24gb"}) == []


@pytest.mark.parametrize("model", models())
def test_what_is_legal_agrees_with_rules_written_down_a_second_time(model: str) -> None:
    judge, chance = rules()[model], Random(model)
    places = judge.places()
    for _ in range(2000):
        chosen = chance.sample(places, chance.randrange(1, min(8, len(places))))
        legal = all(
            judge.objection(chosen[:number], place) is None for number, place in enumerate(chosen)
        )
        slices = [_slice(model, profile, start) for profile, start in chosen]
        assert (illegal(models()[model], slices) is None) == legal, chosen


def test_a_gpu_that_exists_must_name_its_devices() -> None:
    with pytest.raises(ValueError, match="devices must name one device for each of the 1 slices"):
        declared_gpu("a", H100, ["1g.10gb@0"], simulated=False)
