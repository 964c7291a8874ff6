"""What the engine did with sessions' containers, taken down while it happens.

The engine's own log of events is short; a long run needs somebody who listens all along.
When a container was started and has ended is what the engine keeps of it, if it is asked in
time, and else the event's time, which comes a little later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

import docker
import docker.errors

from support.engine import Engine, Run

#: What the engine keeps of a container when this has happened.
_KEPT = {"start": "StartedAt", "die": "FinishedAt"}


@dataclass(frozen=True)
class Happening:
    """One event of a session's container; ``action`` is Docker's word, time in seconds.

    ``kept`` is the time that the engine keeps of it, where it was asked in time.
    """

    time: float
    action: str
    session: str
    kept: float | None = None

    @property
    def at(self) -> float:
        """The better of both times."""
        return self.time if self.kept is None else self.kept


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
                    found[h.session] = Run(h.session, h.at, None)
                elif h.action == "die" and h.session in found:
                    found[h.session] = Run(h.session, found[h.session].started, h.at)
        return list(found.values())


@contextmanager
def watching(engine: Engine) -> Iterator[Watch]:
    """Listen to the engine while this is open."""
    watch = Watch()
    asking = docker.from_env()
    stream = engine.client.events(
        since=int(time.time()), decode=True, filters={"type": "container"}
    )

    def listen() -> None:
        for event in stream:
            session = event["Actor"]["Attributes"].get("labwerk.session")
            if session:
                action, at = event["Action"], event["timeNano"] / 1e9
                kept = _kept(asking, event["Actor"]["ID"], action)
                watch.note(Happening(at, action, session, kept))

    thread = threading.Thread(target=listen, name="engine-watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stream.close()
        thread.join(timeout=10)


def _kept(client: docker.DockerClient, container: str, action: str) -> float | None:
    if action not in _KEPT:
        return None
    with suppress(docker.errors.APIError):
        told = client.api.inspect_container(container)["State"][_KEPT[action]]
        at = datetime.fromisoformat(told).timestamp()
        return at if at > 0 else None
    return None
