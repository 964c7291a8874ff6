"""The service's loops: whatever fails, the next look comes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from labwerk_hub.api.loops.daily import DailyLoop
from labwerk_hub.api.loops.loop import Loop
from labwerk_hub.errors import EngineUnreachableError
from support.workbench import Bench

_PATIENCE = 30.0


class _Looking(Loop):
    """Looks as fast as it can; each look is the next of ``looks``, the last one for ever."""

    name = "looking"
    trouble = "Nothing is seen"

    def __init__(self, *looks: Callable[[], object], stuck_after: float = _PATIENCE) -> None:
        super().__init__(0.0, stuck_after=stuck_after)
        self._looks = list(looks)

    def look_once(self) -> None:
        look = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
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
    loop.stop()
    assert not loop.is_alive
    told, raised = caplog.records
    assert told.getMessage() == ("Nothing is seen, tried again soon: The engine does not answer.")
    assert told.exc_info is None, "what is understood needs no traceback"
    assert raised.exc_info is not None


def test_a_stop_waits_for_the_look_that_is_under_way() -> None:
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go_on.wait(_PATIENCE)
        over.set()

    loop = _Looking(slow)
    loop.start()
    assert begun.wait(_PATIENCE)
    stopping = threading.Thread(target=loop.stop)
    stopping.start()
    while not loop.is_stopping():
        pass
    assert stopping.is_alive()
    go_on.set()
    stopping.join(_PATIENCE)
    assert over.is_set()


def test_a_loop_whose_look_does_not_end_counts_as_stuck() -> None:
    go_on = threading.Event()
    loop = _Looking(lambda: go_on.wait(_PATIENCE), stuck_after=0.0)
    loop.start()
    assert not loop.is_alive
    go_on.set()
    loop.stop()


def test_what_is_due_daily_is_done_though_something_else_fails(bench: Bench) -> None:
    done: list[str] = []
    loop = DailyLoop(
        bench.workbench,
        (lambda _: _unreachable(), lambda _: _mistaken(), lambda _: done.append("sealed")),
    )
    loop.look_once()
    assert done == ["sealed"]
