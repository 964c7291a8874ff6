"""What the engine did with sessions' containers, taken down while it happens.

The engine's own log of events is short; a long run needs somebody who listens all along.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.engine import Engine, Run


@dataclass(frozen=True)
class Happening:
    """One event of a session's container; ``action`` is Docker's word, time in seconds."""

    time: float
    action: str
    session: str


@dataclass
class Watch:
    """Everything that happened since the watch began."""

    happened: list[Happening] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def note(self, happening: Happening) -> None:
        """One more."""
        with self._news:
            self.happened.append(happening)
            self._news.notify_all()

    def next(self, action: str, seconds: float) -> bool:
        """Wait for the next event of this kind; False if none came in time."""
        with self._news:
            known = len(self.happened)
            return self._news.wait_for(
                lambda: any(h.action == action for h in self.happened[known:]), seconds
            )

    def runs(self) -> list[Run]:
        """Every run of a session's container."""
        found: dict[str, Run] = {}
        with self._news:
            for h in self.happened:
                if h.action == "start":
                    found[h.session] = Run(h.session, h.time, None)
                elif h.action == "die" and h.session in found:
                    found[h.session] = Run(h.session, found[h.session].started, h.time)
        return list(found.values())


@contextmanager
def watching(engine: Engine) -> Iterator[Watch]:
    """Listen to the engine while this is open."""
    watch = Watch()
    stream = engine.client.events(
        since=int(time.time()), decode=True, filters={"type": "container"}
    )

    def listen() -> None:
        for event in stream:
            session = event["Actor"]["Attributes"].get("labwerk.session")
            if session:
                watch.note(Happening(event["timeNano"] / 1e9, event["Action"], session))

    thread = threading.Thread(target=listen, name="engine-watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stream.close()
        thread.join(timeout=10)
