"""The waiting list: fair between institutions, never starving, its plan kept to."""

import random
from collections.abc import Callable, Sequence
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from labwerk_hub.adapters.declared import declared_gpu, models
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice, illegal, shared_model
from labwerk_hub.domain.placement import Claim, place
from labwerk_hub.domain.waiting import (
    MOST_ROUNDS_OF_USE,
    NEVER_MS,
    ROUNDS,
    USUAL_TICKS,
    Occupied,
    Ticket,
    TicketState,
    Turn,
    fair_order,
    plan,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
PATIENCE = 4 * HOUR
NOW = 1_000 * HOUR
H100 = "H100-80GB"
A100 = "A100-40GB"
FLAVOURS = {
    "small": {H100: "1g.10gb", A100: "1g.5gb"},
    "media": {H100: "1g.10gb+me", A100: "1g.5gb+me"},
    "medium": {H100: "2g.20gb", A100: "2g.10gb"},
    "large": {H100: "3g.40gb", A100: "3g.20gb"},
    "whole": {H100: "7g.80gb", A100: "7g.40gb"},
    "share": {"shared": "shared-4"},
    "nowhere": {"no-such-model": "1g.10gb"},
    "cpu": {},
}
SESSION = {
    "small": 4 * HOUR,
    "media": 2 * HOUR,
    "medium": 4 * HOUR,
    "large": 3 * HOUR,
    "whole": 6 * HOUR,
    "share": 2 * HOUR,
}


def _ticket(number: int, institution: str, taken_ms: int, flavour: str = "small") -> Ticket:
    name = f"tk-{number:012x}"
    return Ticket(name, name, institution, flavour, "base", "en", TicketState.WAITING, taken_ms)


@st.composite
def _tickets(draw: st.DrawFn, flavours: Sequence[str] = ("small",)) -> list[Ticket]:
    entries = draw(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.integers(0, 3 * PATIENCE // MINUTE).map(lambda ago: NOW - ago * MINUTE),
                st.sampled_from(flavours),
            ),
            max_size=30,
        )
    )
    return [_ticket(n, *entry) for n, entry in enumerate(entries)]


_used = st.dictionaries(st.sampled_from("abc"), st.floats(0, 100 * USUAL_TICKS))
_weights = st.dictionaries(st.sampled_from("abc"), st.sampled_from([0.0, 1.0, 2.0, 5.0]))


def _order(
    tickets: Sequence[Ticket], used: dict[str, float], weights: dict[str, float]
) -> list[Ticket]:
    return fair_order(tickets, used, weights, NOW, PATIENCE)


# The order


@given(_tickets(), _used, _weights, st.randoms())
def test_everybody_keeps_exactly_one_place_however_the_list_was_read(
    tickets: list[Ticket], used: dict[str, float], weights: dict[str, float], chance: random.Random
) -> None:
    ordered = _order(tickets, used, weights)
    assert sorted(ordered, key=lambda t: t.id) == sorted(tickets, key=lambda t: t.id)
    shuffled = list(tickets)
    chance.shuffle(shuffled)
    assert _order(shuffled, used, weights) == ordered


@given(_tickets(), _used, _weights)
def test_inside_an_institution_who_comes_first_is_served_first(
    tickets: list[Ticket], used: dict[str, float], weights: dict[str, float]
) -> None:
    ordered = _order(tickets, used, weights)
    for institution in "abc":
        own = [(t.taken_ms, t.id) for t in ordered if t.institution == institution]
        assert own == sorted(own)


@given(_tickets(), _used, _weights)
def test_nobody_is_behind_a_ticket_that_was_taken_a_patience_later(
    tickets: list[Ticket], used: dict[str, float], weights: dict[str, float]
) -> None:
    ordered = _order(tickets, used, weights)
    for ahead, behind in combinations(ordered, 2):
        assert ahead.taken_ms <= behind.taken_ms + PATIENCE


@given(_tickets(), _used, _weights, st.integers(0, 40 * HOUR))
def test_who_stands_ahead_of_whom_does_not_change_by_time_alone(
    tickets: list[Ticket], used: dict[str, float], weights: dict[str, float], later: int
) -> None:
    again = fair_order(tickets, used, weights, NOW + later, PATIENCE)
    assert again == _order(tickets, used, weights)


@given(_tickets(), _used, _weights, st.sampled_from("abc"))
def test_a_newcomer_of_an_institution_in_line_changes_nothing_between_the_others(
    tickets: list[Ticket], used: dict[str, float], weights: dict[str, float], name: str
) -> None:
    tickets = [*tickets, _ticket(997, name, NOW)]
    newcomer = _ticket(998, name, NOW)
    with_newcomer = _order([*tickets, newcomer], used, weights)
    assert [t for t in with_newcomer if t != newcomer] == _order(tickets, used, weights)


@given(
    st.permutations(["a", "b", "c"]),
    st.lists(st.floats(0, 1000), min_size=3, max_size=3, unique=True),
)
def test_of_those_who_came_together_whoever_used_less_of_its_share_goes_first(
    names: list[str], ratios: list[float]
) -> None:
    weights = {"a": 3.0, "b": 2.0, "c": 1.0}
    used = {n: r * weights[n] * USUAL_TICKS for n, r in zip("abc", ratios, strict=True)}
    ordered = _order([_ticket(n, name, NOW) for n, name in enumerate(names)], used, weights)
    spent = [used[t.institution] / weights[t.institution] for t in ordered]
    assert spent == sorted(spent)


@given(st.integers(1, 5), st.integers(1, 5))
def test_institutions_that_wait_together_take_turns_in_proportion_to_their_shares(
    one: int, other: int
) -> None:
    tickets = [_ticket(n, name, NOW) for name in "ab" for n in range(100)]
    ordered = _order(tickets, {}, {"a": float(one), "b": float(other)})
    for length in range(1, 80):
        of_a = sum(ticket.institution == "a" for ticket in ordered[:length])
        assert abs(of_a - length * one / (one + other)) <= 1


@given(st.floats(0, 1000 * USUAL_TICKS), st.integers(0, 60))
def test_a_hundred_tickets_of_one_do_not_block_the_first_of_another(
    used: float, minutes_later: int
) -> None:
    hundred = [_ticket(n, "a", NOW - minutes_later * MINUTE) for n in range(100)]
    ordered = _order([*hundred, _ticket(100, "b", NOW)], {"b": used}, {"a": 1.0, "b": 1.0})
    place = [ticket.institution for ticket in ordered].index("b")
    # As many as there are rounds between the two arrivals, and what use may cost at most.
    assert place <= MOST_ROUNDS_OF_USE + minutes_later * MINUTE / (PATIENCE / ROUNDS) + 1


def test_a_ticket_from_a_clock_that_was_ahead_counts_as_taken_now() -> None:
    ahead, usual = _ticket(0, "a", NOW + 10 * PATIENCE), _ticket(1, "b", NOW)
    assert _order([ahead, usual], {"b": 2 * USUAL_TICKS}, {"a": 1.0, "b": 1.0}) == [ahead, usual]


# The plan


def _site(*gpus: str) -> Inventory:
    kinds: dict[str, Callable[[str], Gpu]] = {
        "dynamic": lambda name: Gpu(name, models()[H100], simulated=True, dynamic=True),
        "a100": lambda name: Gpu(name, models()[A100], simulated=True, dynamic=True),
        "fixed": lambda name: declared_gpu(
            name, H100, ["1g.10gb@0", "1g.10gb@1", "2g.20gb@2", "3g.40gb@4"], simulated=True
        ),
        "shared": _shared,
        "broken": lambda name: Gpu(
            name, models()[H100], simulated=True, dynamic=True, fault="fell off the bus"
        ),
    }
    return Inventory(tuple(kinds[kind](f"{kind}-{n}") for n, kind in enumerate(gpus)))


def _shared(name: str) -> Gpu:
    model = shared_model(models()[H100], 4)
    model = type(model)("shared", model.units, model.profiles)
    slices = tuple(Slice(name, "shared-4", start, 1) for start in range(4))
    return Gpu(name, model, simulated=True, slices=slices)


@st.composite
def _situations(
    draw: st.DrawFn,
) -> tuple[Inventory, list[Ticket], list[Occupied], list[Claim]]:
    inventory = _site(
        *draw(
            st.lists(
                st.sampled_from(["dynamic", "a100", "fixed", "shared", "broken"]),
                min_size=1,
                max_size=4,
            )
        )
    )
    names = draw(st.lists(st.sampled_from(list(SESSION)), max_size=12))
    held: list[Slice] = []
    occupied = []
    for flavour in names:
        found = place(inventory, FLAVOURS[flavour], held)
        if found is not None:
            ends = NOW + draw(st.integers(-1, 8)) * HOUR
            held.append(found.slice)
            likely = draw(st.integers(NOW, max(NOW, ends)))
            occupied.append(Occupied(found.slice, ends, min(likely, ends)))
    claims: list[Claim] = []
    for flavour in draw(st.lists(st.sampled_from(list(SESSION)), max_size=2)):
        found = place(inventory, FLAVOURS[flavour], [claim.slice for claim in claims])
        if found is not None:
            begins = NOW + draw(st.integers(-1, 6)) * HOUR
            claims.append(Claim(found.slice, begins, begins + draw(st.integers(1, 3)) * HOUR))
    return inventory, draw(_tickets(tuple(FLAVOURS))), occupied, claims


def _plan(
    inventory: Inventory,
    tickets: Sequence[Ticket],
    occupied: Sequence[Occupied] = (),
    claims: Sequence[Claim] = (),
) -> list[Turn]:
    return plan(tickets, inventory, FLAVOURS, occupied, claims, NOW, SESSION)


def _promised(turns: Sequence[Turn]) -> list[Claim]:
    return [claim for turn in turns if (claim := turn.claim) is not None]


@given(_situations())
def test_at_no_time_two_of_what_is_held_reserved_or_promised_share_a_unit_or_are_illegal(
    situation: tuple[Inventory, list[Ticket], list[Occupied], list[Claim]],
) -> None:
    inventory, tickets, occupied, claims = situation
    turns = _promised(_plan(inventory, tickets, occupied, claims))
    held = [Claim(o.slice, NOW, max(o.ends_ms, NOW + 1)) for o in occupied]
    for turn in turns:
        for moment in {turn.from_ms, *(c.from_ms for c in [*turns, *claims])}:
            if not turn.from_ms <= moment < turn.until_ms:
                continue
            beside = [
                c.slice
                for c in [*held, *claims, *turns]
                if c is not turn
                and c.slice.gpu == turn.slice.gpu
                and c.from_ms <= moment < c.until_ms
            ]
            gpu = inventory.gpu(turn.slice.gpu)
            assert gpu.fault is None
            assert all(not turn.slice.mask & slice_.mask for slice_ in beside)
            # A lease may run where a reservation is its own: those two may share units.
            if gpu.dynamic and not _overlap(beside):
                assert illegal(gpu.model, [*beside, turn.slice]) is None


def _overlap(slices: Sequence[Slice]) -> bool:
    return any(one.mask & other.mask for one, other in combinations(slices, 2))


@given(_situations())
def test_a_later_ticket_changes_nothing_for_an_earlier_one(
    situation: tuple[Inventory, list[Ticket], list[Occupied], list[Claim]],
) -> None:
    inventory, tickets, occupied, claims = situation
    turns = _plan(inventory, tickets, occupied, claims)
    for length in range(len(tickets)):
        assert _plan(inventory, tickets[:length], occupied, claims) == turns[:length]


@given(_situations())
def test_what_is_told_is_neither_before_now_nor_after_what_is_certain(
    situation: tuple[Inventory, list[Ticket], list[Occupied], list[Claim]],
) -> None:
    inventory, tickets, occupied, claims = situation
    for number, turn in enumerate(_plan(inventory, tickets, occupied, claims), start=1):
        assert turn.place == number
        assert turn.before < number
        servable = bool(inventory.matching(FLAVOURS[turn.ticket.flavour]))
        assert (turn.slice is not None) == servable
        if servable:
            assert turn.from_ms is not None
            assert turn.expected_ms is not None
            assert NOW <= turn.expected_ms <= turn.from_ms


@given(_situations())
def test_who_is_called_can_be_placed_beside_everything_that_is_held(
    situation: tuple[Inventory, list[Ticket], list[Occupied], list[Claim]],
) -> None:
    inventory, tickets, occupied, claims = situation
    held = [o.slice for o in occupied]
    for turn in _plan(inventory, tickets, occupied, claims):
        if turn.slice is not None and turn.from_ms is not None and turn.from_ms <= NOW:
            assert place(inventory, FLAVOURS[turn.ticket.flavour], held, claims=claims, now_ms=NOW)
            held.append(turn.slice)


def _held(gpu: str, profile: str, start: int, ends_ms: int) -> Occupied:
    size = models()[H100].profile(profile).size
    return Occupied(Slice(gpu, profile, start, size), ends_ms, ends_ms)


def test_a_small_ticket_may_go_before_a_big_one_only_where_it_is_over_in_time() -> None:
    inventory = _site("dynamic")
    held = [_held("dynamic-0", "3g.40gb", 4, NOW + 3 * HOUR)]
    whole = _ticket(0, "a", NOW, "whole")
    short = _ticket(1, "b", NOW, "media")  # 2 hours: over before the whole GPU is free
    long = _ticket(2, "b", NOW, "small")  # 4 hours: would outlast that
    turns = _plan(inventory, [whole, short, long], held)
    assert [turn.from_ms for turn in turns] == [NOW + 3 * HOUR, NOW, NOW + 9 * HOUR]


def test_a_reservation_is_not_outlasted() -> None:
    claim = Claim(Slice("dynamic-0", "7g.80gb", 0, 8), NOW + 3 * HOUR, NOW + 5 * HOUR)
    turns = _plan(
        _site("dynamic"), [_ticket(0, "a", NOW), _ticket(1, "a", NOW, "media")], claims=[claim]
    )
    assert [turn.from_ms for turn in turns] == [NOW + 5 * HOUR, NOW]


def test_a_profile_that_fits_once_on_a_gpu_waits_although_units_are_free() -> None:
    held = [_held("dynamic-0", "1g.10gb+me", 0, NOW + HOUR)]
    turns = _plan(_site("dynamic"), [_ticket(0, "a", NOW, "media")], held)
    assert turns[0].from_ms == NOW + HOUR


def test_the_sharers_of_a_gpu_are_as_many_as_its_shares() -> None:
    tickets = [_ticket(n, "a", NOW, "share") for n in range(5)]
    turns = _plan(_site("shared"), tickets)
    assert [turn.from_ms for turn in turns] == [NOW, NOW, NOW, NOW, NOW + 2 * HOUR]


def test_a_lease_that_is_over_but_still_there_keeps_its_slice() -> None:
    held = [_held("dynamic-0", "7g.80gb", 0, NOW - HOUR)]
    (turn,) = _plan(_site("dynamic"), [_ticket(0, "a", NOW)], held)
    assert turn.from_ms == NOW + 1


def test_what_never_ends_is_not_waited_for() -> None:
    held = [_held("dynamic-0", "1g.10gb", 0, NEVER_MS)]
    small, whole = _plan(
        _site("dynamic"), [_ticket(0, "a", NOW), _ticket(1, "a", NOW, "whole")], held
    )
    assert small.from_ms == NOW
    assert (whole.slice, whole.from_ms, whole.expected_ms, whole.claim) == (None,) * 4


def test_only_tickets_that_compete_count_as_before() -> None:
    kinds = ["small", "share", "whole", "nowhere", "share", "small"]
    tickets = [_ticket(n, "a", NOW, kind) for n, kind in enumerate(kinds)]
    turns = _plan(_site("dynamic", "shared"), tickets)
    assert [turn.before for turn in turns] == [0, 0, 1, 0, 1, 2]
    assert [turn.place for turn in turns] == [1, 2, 3, 4, 5, 6]


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_a_whole_gpu_comes_within_the_longest_lease_although_small_ones_keep_coming(
    chance: random.Random,
) -> None:
    """Small ones come every few minutes for a day, in line and beside it."""
    inventory, longest = _site("dynamic", "dynamic"), SESSION["small"]
    leases: dict[Slice, int] = {}
    waiting: list[Ticket] = []
    now, called = NOW, None
    for number in range(300):
        now += chance.randint(1, 10) * MINUTE
        leases = {slice_: ends for slice_, ends in leases.items() if ends > now}
        flavour = "small" if number != 60 else "whole"
        waiting.append(_ticket(number, chance.choice("abc"), now, flavour))
        ordered = fair_order(waiting, {}, {"a": 3.0, "b": 2.0, "c": 1.0}, now, PATIENCE)
        held = [Occupied(slice_, ends, ends) for slice_, ends in leases.items()]
        for turn in plan(ordered, inventory, FLAVOURS, held, [], now, SESSION):
            if turn.slice is not None and turn.from_ms is not None and turn.from_ms <= now:
                waiting.remove(turn.ticket)
                leases[turn.slice] = now + chance.randint(1, longest)
                if turn.ticket.flavour == "whole":
                    called = now - turn.ticket.taken_ms
    assert called is not None
    # Those whose turn is before its own may hold the GPU once more, for a lease each.
    assert called <= longest + PATIENCE
