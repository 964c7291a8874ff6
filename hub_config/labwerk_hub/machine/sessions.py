"""The sessions of this installation, as the engine tells them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labwerk_hub.adapters.docker import DockerEngine
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.run_as import run_as_user
from labwerk_hub.services.ports import ContainerState
from labwerk_hub.settings import Settings


class RunningSession(BaseModel):
    """A session whose container runs; ``started_at`` in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str
    person: str
    slice: str
    started_at: str | None


def running_sessions(places: Places, host: str) -> list[RunningSession]:
    """What runs now. Raises EngineUnreachableError if the engine cannot tell."""
    return [
        RunningSession(
            id=container.session,
            person=container.person,
            slice=container.slice_label,
            started_at=from_ms(container.started_ms).isoformat() if container.started_ms else None,
        )
        for container in DockerEngine(places.instance, host).sessions()
        if container.state is ContainerState.RUNNING
    ]


def end_all(settings: Settings, places: Places, log: Log) -> None:
    """Stop every session and close its charges, as the system user that owns the database."""
    run_as_user(settings, places, log, "settle")
