"""Waiting for something that the machine does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T | None], seconds: float, what: str, every: float = 0.1) -> T:
    """Call ``look`` until it gives something true, at most for ``seconds``; AssertionError else."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s (last: {seen!r})")
        time.sleep(every)
