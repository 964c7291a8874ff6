"""The service's loops: whatever fails, the next look comes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest
from labwerk_hub.api.hub import Hub
from labwerk_hub.api.loops.daily import DailyLoop
from labwerk_hub.api.loops.loop import Loop, end
from labwerk_hub.api.loops.metering import MeteringLoop
from labwerk_hub.errors import EngineUnreachableError
from support.workbench import Bench

_PATIENCE = 30.0


class _Looking(Loop):
    """Looks as fast as it can; each look is the next of ``looks``, the last one for ever."""

    name = "looking"
    trouble = "Nothing is seen"

    def __init__(self, *looks: Callable[[], object], stuck_after: float = _PATIENCE) -> None:
        super().__init__(0.0, stuck_after=stuck_after)
        self.looks = list(looks)

    def look_once(self) -> None:
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        look()


def _unreachable() -> None:
    raise EngineUnreachableError("The engine does not answer.")


def _mistaken() -> None:
    raise ZeroDivisionError


def test_a_look_that_fails_is_told_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = threading.Event()
    loop = _Looking(_unreachable, _mistaken, seen.set)
    loop.start()
    assert seen.wait(_PATIENCE)
    assert loop.is_alive
    asyncio.run(end([loop], _PATIENCE))
    assert not loop.is_alive
    told, raised = caplog.records
    assert told.getMessage() == ("Nothing is seen, tried again soon: The engine does not answer.")
    assert told.exc_info is None, "what is understood needs no traceback"
    assert raised.exc_info is not None


def test_the_end_waits_for_the_looks_that_are_under_way_and_tells_all_at_once() -> None:
    begun, told, over = threading.Semaphore(0), threading.Barrier(3), threading.Semaphore(0)

    def look(loop: Loop) -> None:
        begun.release()
        while not loop.is_stopping():
            pass
        told.wait(_PATIENCE)  # none passes before all are told
        over.release()

    loops = [_Looking() for _ in range(told.parties)]
    for loop in loops:
        loop.looks = [partial(look, loop)]
        loop.start()
    for _ in loops:
        assert begun.acquire(timeout=_PATIENCE)
    asyncio.run(end(loops, _PATIENCE))
    assert all(over.acquire(blocking=False) for _ in loops)
    assert not any(loop.is_alive for loop in loops)


def test_a_look_that_does_not_end_holds_the_end_up_no_longer_than_it_may(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        go_on.wait(_PATIENCE)

    loop = _Looking(stuck)
    loop.start()
    assert begun.wait(_PATIENCE)
    asyncio.run(end([loop], 0.0))
    assert loop.is_alive
    assert [record.getMessage() for record in caplog.records] == [
        "looking is left in the middle of a look"
    ]
    go_on.set()
    asyncio.run(end([loop], _PATIENCE))
    assert not loop.is_alive


def test_a_loop_whose_look_does_not_end_counts_as_stuck() -> None:
    go_on = threading.Event()
    loop = _Looking(lambda: go_on.wait(_PATIENCE), stuck_after=0.0)
    loop.start()
    assert not loop.is_alive
    go_on.set()
    asyncio.run(end([loop], _PATIENCE))


def test_what_is_due_daily_is_done_though_something_else_fails(bench: Bench) -> None:
    done: list[str] = []
    loop = DailyLoop(
        bench.workbench,
        (lambda _: _unreachable(), lambda _: _mistaken(), lambda _: done.append("sealed")),
    )
    loop.look_once()
    assert done == ["sealed"]


def test_once_the_service_ends_no_further_session_is_stopped(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.start(bench.person("Anna"))
    away = Hub("http://127.0.0.1:9/hub/api", "")
    loop = MeteringLoop(bench.workbench, away, 30)
    bench.clock.step(hours=24)  # her time is up
    assert loop.look_once().to_stop
    assert "is to be stopped, tried again soon" in caplog.text
    caplog.clear()
    loop.tell_to_end()
    assert loop.look_once().to_stop
    assert "is to be stopped" not in caplog.text
