"""What is told to those who wait: when a session is likely over, and who is likely to come."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from labwerk_hub.adapters.declared import models
from labwerk_hub.domain.expectation import FUTURES, History, Past, likely_end, likely_ends
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice
from labwerk_hub.domain.waiting import Occupied, Ticket, TicketState, Turn, lines, plan

MINUTE = 60_000
HOUR = 60 * MINUTE
PATIENCE = 4 * HOUR
NOW = 1_000 * HOUR
H100 = "H100-80GB"


def _ticket(number: int, institution: str, taken_ms: int) -> Ticket:
    name = f"tk-{number:012x}"
    return Ticket(name, name, institution, "small", "base", "en", TicketState.WAITING, taken_ms)


def _plan(
    tickets: Sequence[Ticket],
    occupied: Sequence[Occupied],
    now_ms: int,
    futures: Sequence[Sequence[Ticket]] = (),
) -> list[Turn]:
    """The plan of one GPU that is cut into sevenths at start, for four hours each."""
    gpu = Gpu("dynamic-0", models()[H100], simulated=True, dynamic=True)
    profiles = {"small": {H100: "1g.10gb"}}
    inventory, lasts = Inventory((gpu,)), {"small": 4 * HOUR}
    return plan(tickets, inventory, profiles, occupied, [], now_ms, lasts, futures=futures)


@given(st.lists(st.integers(1, 20 * HOUR)), st.integers(0, 10 * HOUR), st.integers(0, 5 * HOUR))
def test_a_session_is_likely_over_after_now_and_by_its_end(
    durations: list[int], age: int, left: int
) -> None:
    ends = likely_ends(NOW, NOW - age, NOW + left, durations, number=3)
    assert len(ends) == FUTURES
    for end in (likely_end(NOW, NOW - age, NOW + left, durations), *ends):
        assert NOW <= end <= NOW + left


def test_the_longer_a_session_lasts_the_later_it_is_likely_over() -> None:
    durations = [10 * MINUTE, 2 * HOUR, 10 * MINUTE, 3 * HOUR, 10 * MINUTE]
    assert likely_end(NOW, NOW, NOW + 4 * HOUR, durations) == NOW + 10 * MINUTE
    after = likely_end(NOW, NOW - 20 * MINUTE, NOW + 4 * HOUR, durations)
    assert after == NOW - 20 * MINUTE + 3 * HOUR


def test_without_a_history_a_session_is_taken_to_last_to_its_end() -> None:
    assert likely_end(NOW, NOW, NOW + HOUR, []) == NOW + HOUR


def test_the_first_of_many_slices_comes_back_earlier_than_a_session_usually_ends() -> None:
    durations = [n * MINUTE for n in range(1, 121)]
    ends = NOW + 4 * HOUR
    occupied = [
        Occupied(
            Slice("dynamic-0", "1g.10gb", start, 1),
            ends,
            likely_end(NOW, NOW, ends, durations),
            likely_ends(NOW, NOW, ends, durations, start),
        )
        for start in range(7)
    ]
    (turn,) = _plan([_ticket(0, "a", NOW)], occupied, NOW)
    assert turn.from_ms == ends
    assert turn.expected_ms is not None
    assert NOW < turn.expected_ms < NOW + 30 * MINUTE


def _past(flavour: str, began: str, lasted_ms: int, day: int = 1) -> Past:
    hour, minute = map(int, began.split(":"))
    midnight = NOW - NOW % (24 * HOUR)
    at = midnight - day * 24 * HOUR + hour * HOUR + minute * MINUTE
    return Past("a", flavour, at, lasted_ms)


def test_sessions_that_began_at_the_same_time_of_the_day_say_how_long_one_lasts() -> None:
    class_hours = [
        _past("small", "10:15", 95 * MINUTE, day) for day in range(1, 6) for _ in "12345678"
    ]
    evenings = [_past("small", "23:50", 4 * HOUR, day) for day in range(1, 6) for _ in "12345678"]
    history = History([*class_hours, *evenings])
    midnight = NOW - NOW % (24 * HOUR)
    assert set(history.durations("small", midnight + 10 * HOUR)) == {95 * MINUTE}
    assert set(history.durations("small", midnight + 10 * MINUTE)) == {4 * HOUR}
    assert history.durations("large", midnight) == []


def test_whoever_came_in_these_hours_on_past_days_is_expected_today() -> None:
    midnight = NOW - NOW % (24 * HOUR)
    now = midnight + 10 * HOUR
    history = History(
        [
            _past("small", "09:59", HOUR),
            _past("small", "10:20", HOUR),
            _past("large", "11:30", HOUR),
            _past("whole", "12:01", HOUR),
            _past("medium", "10:30", HOUR, day=3),
        ]
    )
    comers = [[(p.flavour, p.started_ms - now) for p in day] for day in history.comers(now)]
    assert comers == [
        [("small", 20 * MINUTE), ("large", 90 * MINUTE)],
        [("medium", 30 * MINUTE)],
    ]


def test_who_will_be_served_first_although_they_come_later_makes_the_expected_start_later() -> None:
    """Twenty of one institution wait; every day somebody of another comes soon."""
    now = NOW - NOW % (24 * HOUR) + 10 * HOUR
    history = History(
        [replace(_past("small", "10:03", 4 * HOUR, day), institution="b") for day in range(1, 9)]
    )
    tickets = [_ticket(n, "a", now) for n in range(20)]
    ends = [now + (n + 1) * 10 * MINUTE for n in range(7)]
    occupied = [
        Occupied(Slice("dynamic-0", "1g.10gb", n, 1), end + HOUR, end, (end,) * FUTURES)
        for n, end in enumerate(ends)
    ]
    shares = {"a": 1.0, "b": 1.0}
    futures = lines(tickets, history, {}, shares, now, PATIENCE)
    assert len(futures) == FUTURES
    alone = [turn.expected_ms for turn in _plan(tickets, occupied, now)]
    joined = [turn.expected_ms for turn in _plan(tickets, occupied, now, futures)]
    assert alone[:6] == ends[:6]
    assert joined[:6] == [ends[0], *ends[2:7]]
