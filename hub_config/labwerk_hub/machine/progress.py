"""Numbered steps on the terminal, each with its name and the time it took.

Standard library only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from labwerk_hub.machine.log import Log

#: How many steps `up` has, over both of its halves.
STEPS = 10


class Progress:
    """Counts steps and shows them; what happens inside goes to the log."""

    def __init__(
        self, log: Log, *, done: int = 0, total: int = STEPS, out: TextIO | None = None
    ) -> None:
        self.log = log
        self._done = done
        self._total = total
        self._out = out or sys.stdout
        self._open = False

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step; its line is closed with its time, or with "failed"."""
        self._done += 1
        self.log.say(f"== step {self._done}: {name}")
        self._begin(f"[{self._done:2}/{self._total}] {name} … ")
        began = time.monotonic()
        try:
            yield
        except BaseException:
            self._end("failed")
            raise
        took = time.monotonic() - began
        self.log.say(f"== step {self._done} took {took:.1f} s")
        self._end(f"{took:.1f} s")

    def note(self, text: str) -> None:
        """A line below the step that is under way."""
        self.log.say(text)
        if self._open:
            self._out.write("\n")
            self._open = False
        self._out.write(f"        {text}\n")
        self._out.flush()

    def _begin(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
        self._open = True

    def _end(self, text: str) -> None:
        self._out.write(f"{text}\n" if self._open else f"        {text}\n")
        self._out.flush()
        self._open = False
