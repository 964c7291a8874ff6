"""The engine's own word on what ran, and ways to make it fail; independent of Labwerk."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import docker
from docker.models.containers import Container


@dataclass(frozen=True)
class Run:
    """One run of a session's container, in seconds since 1970; ``ended`` is None while it runs."""

    session: str
    started: float
    ended: float | None

    @property
    def seconds(self) -> float:
        """How long it ran, or has run until now."""
        return (self.ended or time.time()) - self.started


class Engine:
    """The tests' engine, seen from outside Labwerk."""

    def __init__(self) -> None:
        self.client = docker.from_env()
        self._pid = int(os.environ["LABWERK_TESTS_ENGINE_PID"])

    def sessions(self) -> list[Container]:
        """The containers that carry a session's label, running or not."""
        return self.client.containers.list(all=True, filters={"label": "labwerk.session"})

    def has_container_of(self, person: str) -> bool:
        """Whether any container of this person is there, running or not."""
        label = f"labwerk.person={person}"
        return bool(self.client.containers.list(all=True, filters={"label": label}))

    def session_of(self, person: str) -> Container:
        """The one container of the person with this hub user name."""
        (found,) = self.client.containers.list(filters={"label": f"labwerk.person={person}"})
        return found

    def runs(self, person: str, since: float) -> list[Run]:
        """Every run of the person's containers since then, from the engine's event log."""
        events = self.client.events(
            since=int(since),
            until=int(time.time()) + 1,
            decode=True,
            filters={"type": "container", "label": f"labwerk.person={person}"},
        )
        open_runs: dict[str, Run] = {}
        for event in events:
            session = event["Actor"]["Attributes"]["labwerk.session"]
            at = event["timeNano"] / 1e9
            if at < since:  # the engine is asked in whole seconds
                continue
            if event["Action"] == "start":
                open_runs[session] = Run(session, at, None)
            elif event["Action"] == "die" and session in open_runs:
                open_runs[session] = Run(session, open_runs[session].started, at)
        return list(open_runs.values())

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The engine does not answer; containers run on."""
        os.kill(self._pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)
