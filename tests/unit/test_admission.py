"""What may be started: the start page and the check at start are the same function."""

from __future__ import annotations

from dataclasses import replace

import pytest
from labwerk_hub.domain.admission import (
    SHORTEST_SECONDS,
    Offer,
    Reason,
    Refusal,
    Request,
    Rules,
    find,
    offers,
)
from labwerk_hub.domain.budgets import Balance, Budget, Purse
from labwerk_hub.domain.catalogue import Catalogue, Flavour, Image
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.pool import Pool
from labwerk_hub.domain.reservations import Reservation
from labwerk_hub.domain.terms import SessionRule
from labwerk_hub.domain.texts import GpuHours
from labwerk_hub.domain.waiting import Occupied, Ticket, TicketState, Turn
from support.workbench import (
    H100,
    HOUR_MS,
    MINUTE_MS,
    NOON,
    budget,
    dynamic_gpu,
    fixed_gpu,
    flavour,
    image,
)

NOW = to_ms(NOON)
GPU = fixed_gpu("a", "1g.10gb@0", "1g.10gb@1", "3g.40gb@4")
FIRST, SECOND, LARGE = GPU.slices
SMALL, CPU = flavour("small", "1g.10gb"), flavour("cpu", longest_hours=12, default_hours=0)
BASE = image("base")
THR = budget("thr")
ASKED = Request("small", "base")
ALL = 10**9


def _due(slice_: Slice, minutes: int = 60) -> Occupied:
    ends_ms = NOW + minutes * MINUTE_MS
    return Occupied(slice_, ends_ms, ends_ms)


def _pool(
    *due: Occupied,
    gpus: tuple[Gpu, ...] = (GPU,),
    turns: tuple[Turn, ...] = (),
    reservations: tuple[Reservation, ...] = (),
    groups: frozenset[str] = frozenset(),
) -> Pool:
    return Pool(
        inventory=Inventory(gpus),
        held=tuple(occupied.slice for occupied in due),
        due=due,
        reservations=reservations,
        turns=turns,
        groups=groups,
        mix=(),
        profiles_of={"small": SMALL.slices},
        now_ms=NOW,
    )


def _purse(left: int, following: int | None = None, of: Budget = THR) -> Purse:
    """What is left now, and in the period after."""
    period = of.periods.at(NOW)
    later = of.periods.at(period.end_ms)
    return Purse(
        Balance(of, period, granted=left, used=0, held=0, budget_left=ALL),
        Balance(of, later, following, 0, 0, ALL) if following is not None else None,
    )


def _offers(
    pool: Pool,
    left: int = ALL,
    rules: Rules | None = None,
    wanted: Flavour = SMALL,
    shown: Image = BASE,
    of: Budget = THR,
) -> tuple[Offer, ...]:
    catalogue = Catalogue((), (), (), (wanted, CPU), (shown,), ())
    return offers(catalogue, pool, _purse(left, of=of), rules or Rules(pool.groups))


def _offer(pool: Pool, left: int = ALL, rules: Rules | None = None) -> Offer:
    found = find(_offers(pool, left, rules), ASKED)
    assert isinstance(found, Offer)
    return found


def _refusal(offer: Offer) -> Refusal:
    assert offer.refusal is not None
    return offer.refusal


def _turn(slice_: Slice, from_minutes: int, hours: int = 2) -> Turn:
    """Somebody in line who is promised ``slice_`` so many minutes from now."""
    ticket = Ticket("tk-1", "iwe--eva", "iwe", "small", "base", "de", TicketState.WAITING, NOW)
    from_ms = NOW + from_minutes * MINUTE_MS
    return Turn(ticket, 1, 0, slice_, from_ms, from_ms, from_ms + hours * HOUR_MS)


def _reservation(*slices: Slice, in_minutes: int) -> Reservation:
    return Reservation(
        id="rs-00000001",
        title="Lesson",
        flavour="small",
        group="course",
        from_ms=NOW + in_minutes * MINUTE_MS,
        to_ms=NOW + in_minutes * MINUTE_MS + 4 * HOUR_MS,
        release_after_ms=HOUR_MS,
        slices=slices,
        made_by="olga",
        made_ms=0,
    )


def test_an_offer_says_what_is_free_what_it_costs_and_how_long_the_budget_lasts() -> None:
    offer = _offer(_pool(_due(FIRST)), left=3 * 3600)
    assert offer.refusal is None
    assert (offer.free, offer.total) == (1, 2)
    assert offer.ticks_per_second == 3
    assert offer.lasts_seconds == offer.longest_seconds == offer.usual_seconds == 3600
    assert (offer.slice, offer.models, offer.shared_by) == (SECOND, (H100,), 1)
    assert offer.simulated


def test_a_session_first_ends_as_its_flavour_says_and_lasts_no_longer_than_it_allows() -> None:
    offer = _offer(_pool())
    assert (offer.usual_seconds, offer.longest_seconds) == (2 * 3600, 8 * 3600)


def test_a_group_s_rule_makes_its_sessions_shorter_and_no_budget_makes_them_longer() -> None:
    rules = Rules({"course"}, (SessionRule("course", default_hours=1, longest_hours=3),))
    offer = _offer(_pool(), rules=rules)
    assert (offer.usual_seconds, offer.longest_seconds) == (3600, 3 * 3600)


def test_a_full_pool_refuses_says_when_the_first_slice_is_due_back_and_lets_people_wait() -> None:
    offer = _offer(_pool(_due(FIRST, 120), _due(SECOND, 60)))
    refusal = _refusal(offer)
    assert refusal.reason is Reason.NO_SLICE_FREE
    assert refusal.until == from_ms(NOW + HOUR_MS)
    assert refusal.message.params == {"total": 2, "until": refusal.until}
    assert (offer.free, offer.slice, offer.may_wait, offer.before) == (0, None, True, 0)


def test_on_a_dynamic_gpu_a_place_is_due_back_when_all_that_stands_in_it_has_gone() -> None:
    gpu = dynamic_gpu("a")
    there = [_due(Slice("a", "1g.10gb", at, 1), 60 + at) for at in range(7)]
    wanted = flavour("small", "3g.40gb")
    offer = find(_offers(_pool(*there, gpus=(gpu,)), wanted=wanted), ASKED)
    assert isinstance(offer, Offer)
    assert _refusal(offer).until == from_ms(NOW + 63 * MINUTE_MS)


def test_where_people_may_not_wait_nobody_is_told_to() -> None:
    offer = _offer(_pool(_due(FIRST), _due(SECOND)), rules=Rules((), (), waiting=False))
    assert offer.refusal is not None
    assert not offer.may_wait


def test_who_asks_directly_does_not_take_what_somebody_in_line_is_called_for() -> None:
    offer = _offer(_pool(_due(FIRST), turns=(_turn(SECOND, 0),)))
    assert _refusal(offer).reason is Reason.NO_SLICE_FREE
    assert (offer.free, offer.may_wait, offer.before) == (0, True, 1)


def test_what_is_promised_to_the_line_later_is_lent_until_then() -> None:
    offer = _offer(_pool(_due(FIRST), turns=(_turn(SECOND, 40),)))
    assert offer.refusal is None
    assert offer.usual_seconds == offer.longest_seconds == 40 * 60


def test_what_is_promised_sooner_than_a_session_is_worth_is_refused_as_reserved() -> None:
    offer = _offer(_pool(_due(FIRST), turns=(_turn(SECOND, 14),)))
    refusal = _refusal(offer)
    assert refusal.reason is Reason.RESERVED
    assert refusal.message.params == {"from": from_ms(NOW + 14 * MINUTE_MS)}
    assert offer.may_wait


def test_a_reservation_shortens_other_people_s_sessions_and_not_its_members_own() -> None:
    reserved = (_reservation(FIRST, SECOND, in_minutes=30),)
    outside = _offer(_pool(reservations=reserved))
    inside = _offer(_pool(reservations=reserved, groups=frozenset({"course"})))
    assert (outside.longest_seconds, inside.longest_seconds) == (30 * 60, 8 * 3600)


def test_while_a_reservation_runs_its_members_get_in_and_others_do_not() -> None:
    reserved = (_reservation(FIRST, SECOND, in_minutes=-10),)
    outside = _offer(_pool(reservations=reserved))
    inside = _offer(_pool(reservations=reserved, groups=frozenset({"course"})))
    assert _refusal(outside).reason is Reason.NO_SLICE_FREE
    assert inside.refusal is None
    assert inside.slice in (FIRST, SECOND)


def test_what_a_reservation_has_not_used_when_its_grace_is_over_is_everybody_s() -> None:
    offer = _offer(_pool(reservations=(_reservation(FIRST, SECOND, in_minutes=-60),)))
    assert offer.refusal is None
    assert offer.longest_seconds == 8 * 3600


def test_a_budget_that_is_nearly_used_up_refuses_whether_or_not_something_is_free() -> None:
    enough, short = 3 * SHORTEST_SECONDS, 3 * SHORTEST_SECONDS - 1
    assert _offer(_pool(), left=enough).refusal is None
    for pool in (_pool(), _pool(_due(FIRST), _due(SECOND))):
        offer = _offer(pool, left=short)
        assert _refusal(offer).reason is Reason.BUDGET_USED_UP
        assert not offer.may_wait


def test_what_costs_nothing_can_be_had_without_a_budget() -> None:
    offer = find(_offers(_pool(), left=0), Request("cpu", "base"))
    assert isinstance(offer, Offer)
    assert (offer.refusal, offer.lasts_seconds, offer.free, offer.total) == (None, None, None, None)
    assert offer.usual_seconds == 12 * 3600


def test_an_image_that_is_not_built_is_shown_and_nobody_waits_for_it() -> None:
    pool = _pool(_due(FIRST), _due(SECOND))
    (offer, _) = _offers(pool, shown=image("base", None))
    assert _refusal(offer).reason is Reason.IMAGE_MISSING
    assert not offer.may_wait


def test_an_image_that_needs_more_memory_is_refused_with_the_figures() -> None:
    (offer, _) = _offers(_pool(), shown=replace(image("base"), memory_gib=64))
    refusal = _refusal(offer)
    assert refusal.reason is Reason.IMAGE_TOO_LARGE
    assert refusal.message.params == {"needed": 64, "has": offer.flavour.memory_gib}
    assert not offer.may_wait


@pytest.mark.parametrize(
    ("gpu", "sentence"),
    [
        (fixed_gpu("a", "3g.40gb@4"), "No GPU of this pool can be cut into such a slice."),
        (
            replace(GPU, fault="has fallen off the bus"),
            "The GPUs that could be cut into such a slice have failed. Operators can see why.",
        ),
    ],
)
def test_a_flavour_that_no_gpu_serves_is_refused_with_the_reason_not_hidden(
    gpu: Gpu, sentence: str
) -> None:
    offer = _offer(_pool(gpus=(gpu,)))
    refusal = _refusal(offer)
    assert (refusal.reason, refusal.message.msgid) == (Reason.NO_SUCH_SLICE, sentence)
    assert not offer.may_wait


def test_a_place_that_only_a_stranger_s_instance_holds_is_due_back_nobody_knows_when() -> None:
    pool = replace(_pool(), held=(FIRST, SECOND))
    refusal = _refusal(_offer(pool))
    assert (refusal.reason, refusal.until) == (Reason.NO_SLICE_FREE, None)
    assert refusal.message.params == {"total": 2}


def test_a_choice_that_is_not_on_the_page_is_refused() -> None:
    found = find(_offers(_pool()), Request("huge" * 100, "base"))
    assert isinstance(found, Refusal)
    assert found.reason is Reason.UNKNOWN_CHOICE
    assert found.message.params == {"flavour": "huge" * 10, "image": "base"}


def test_a_persons_balance_is_bounded_by_what_the_budget_has_for_everybody() -> None:
    def left(used: int, budget_left: int) -> int:
        period = THR.periods.at(NOW)
        return Balance(THR, period, 100, used=used, held=20, budget_left=budget_left).left

    assert (left(10, 50), left(10, 500), left(90, 500)) == (50, 70, 0)


def test_a_refusal_for_want_of_budget_names_what_is_left_and_what_is_missing() -> None:
    refusal = _refusal(_offer(_pool(), left=864))
    params = refusal.message.params
    assert params["budget"] == THR.title
    # A quarter of an hour of the small slice is 2700 ticks; 864 are a hundredth of a GPU-hour,
    # to which the missing 1836 are rounded up, so that asking for as much is enough.
    assert (params["left"], params["missing"]) == (GpuHours(864), GpuHours(3 * 864))


def test_where_the_budget_allows_it_a_session_runs_without_budget_on_what_is_free() -> None:
    generous = budget("thr", over_use=True)
    found = find(_offers(_pool(), left=0, of=generous), ASKED)
    assert isinstance(found, Offer)
    assert (found.over_use, found.refusal, found.lasts_seconds) == (True, None, 0)
    assert found.usual_seconds == 2 * 3600
    full = find(_offers(_pool(_due(FIRST), _due(SECOND)), left=0, of=generous), ASKED)
    assert isinstance(full, Offer)
    assert full.over_use
    assert full.may_wait


def test_a_session_over_a_periods_end_needs_what_both_periods_have() -> None:
    rate, hour = 3, 3600
    near = THR.periods.at(NOW).end_ms - hour * 1000  # an hour before the month's end
    assert _purse(rate * hour * 2).pays_seconds(rate, near) == hour
    assert _purse(rate * hour * 2, rate * 600).pays_seconds(rate, near) == hour + 600
    assert _purse(rate * 1800, rate * hour).pays_seconds(rate, near) == 1800
    assert _purse(rate * 1800, rate * hour).missing_ticks(rate, hour, near) == rate * 1800


def test_an_offer_that_real_and_simulated_gpus_serve_says_which_would_be_handed_out() -> None:
    gpus = (fixed_gpu("real", "1g.10gb@0"), fixed_gpu("sim", "1g.10gb@0"))
    gpus = (replace(gpus[0], simulated=False), replace(gpus[1], simulated=True))
    first = find(_offers(_pool(gpus=gpus)), ASKED)
    second = find(_offers(_pool(_due(gpus[0].slices[0]), gpus=gpus)), ASKED)
    neither = find(_offers(_pool(*(_due(gpu.slices[0]) for gpu in gpus), gpus=gpus)), ASKED)
    assert isinstance(first, Offer)
    assert isinstance(second, Offer)
    assert isinstance(neither, Offer)
    assert first.slice is not None
    assert (first.simulated, first.partly_simulated) == (first.slice.gpu == "sim", True)
    assert (second.simulated, second.partly_simulated) == (True, True)
    assert (neither.simulated, neither.partly_simulated) == (False, True)


def test_while_the_driver_is_silent_what_needs_no_gpu_can_be_had() -> None:
    pool = replace(_pool(), inventory=Inventory((), readable=False))
    small, cpu = find(_offers(pool), ASKED), find(_offers(pool), Request("cpu", "base"))
    assert isinstance(small, Offer)
    assert small.refusal is not None
    assert "cannot be asked" in small.refusal.message.msgid
    assert isinstance(cpu, Offer)
    assert cpu.refusal is None
