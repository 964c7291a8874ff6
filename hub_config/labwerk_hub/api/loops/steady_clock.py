"""A clock that is not believed at once when it jumps ahead."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

_log = logging.getLogger(__name__)
#: Seconds by which a clock may gain between two looks without being taken for wrong.
_SLACK = 10.0
#: Seconds for which a jump must stand before it counts: a machine that was suspended, or
#: whose clock was put right after its start, is on its new time after that.
_SETTLES = 600.0


@dataclass(frozen=True)
class _Jump:
    """Where the clock jumped to, and when by ``ran``."""

    ahead: float
    at: float


class SteadyClock:
    """The time of ``clock``, which for ten minutes does not follow it when it jumps ahead.

    Sessions would be charged and stopped, budgets carried over, and what is old removed, by a
    time that has not come yet. ``ran`` tells seconds that nobody can set. A clock that is put
    back is followed at once: whatever is due is due later then. For several threads.
    """

    def __init__(
        self, clock: Callable[[], datetime], ran: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._ran = ran
        self._lock = threading.Lock()
        #: Seconds that the clock, as it is believed, is before what ``ran`` tells.
        self._ahead: float | None = None
        self._jump: _Jump | None = None

    def __call__(self) -> datetime:
        """The time now, as far as it is believed."""
        with self._lock:
            now, ran = self._clock(), self._ran()
            ahead = now.timestamp() - ran
            if self._ahead is None or ahead <= self._ahead + _SLACK:
                self._ahead, self._jump = ahead, None
                return now
            if self._jump is None or abs(ahead - self._jump.ahead) > _SLACK:
                self._jump = _Jump(ahead, ran)
                _log.warning(
                    "The clock has jumped %.0f seconds ahead; it is followed if it stays there "
                    "for ten minutes. Was it set, or did the machine sleep?",
                    ahead - self._ahead,
                )
            if ran - self._jump.at >= _SETTLES:
                self._ahead, self._jump = ahead, None
                return now
            return datetime.fromtimestamp(self._ahead + ran, UTC)
