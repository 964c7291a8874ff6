"""What runs now: for `status`, as text and as JSON."""

from __future__ import annotations

import contextlib

from pydantic import BaseModel, ConfigDict

from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.machine import engine, firewall
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.readiness import answering
from labwerk_hub.machine.sessions import RunningSession, running_sessions
from labwerk_hub.machine.supervisor import Supervisor
from labwerk_hub.settings import Settings


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class EngineStatus(_Model):
    """The container engine; ``started_by_labwerk`` is why `down` would stop it."""

    answers: bool
    host: str
    version: str | None
    started_by_labwerk: bool


class ProgramStatus(_Model):
    """One program: the supervisor's word, its process, and whether it answers."""

    state: str
    pid: int | None
    answers: bool


class Status(_Model):
    """Everything `status --json` tells. ``ready``: people can sign in and start sessions."""

    url: str
    ready: bool
    engine: EngineStatus
    firewall: bool
    programs: dict[str, ProgramStatus]
    #: None if the engine does not answer.
    sessions: list[RunningSession] | None


def status(settings: Settings, places: Places, host: str) -> Status:
    """Look at everything once."""
    states = {state.name: state for state in Supervisor(places).states()}
    programs = {
        name: ProgramStatus(
            state=states[name].state if name in states else _unsupervised(answers),
            pid=states[name].pid or None if name in states else None,
            answers=answers,
        )
        for name, answers in answering(settings, places).items()
    }
    found = _engine(places, host)
    guarded = firewall.is_in_place(settings.network.bridge)
    return Status(
        url=settings.network.public_url,
        ready=found.answers and guarded and all(p.answers for p in programs.values()),
        engine=found,
        firewall=guarded,
        programs=programs,
        sessions=running_sessions(places, host) if found.answers else None,
    )


def _unsupervised(answers: bool) -> str:
    """The word for a program that no supervisor knows; `up` brings one back."""
    return "UNSUPERVISED" if answers else "STOPPED"


def _engine(places: Places, host: str) -> EngineStatus:
    version, ours = None, engine.started_engine(places) is not None
    with contextlib.suppress(EngineUnreachableError):  # said by `answers`
        version = engine.facts(host).version
    return EngineStatus(
        answers=version is not None, host=host, version=version, started_by_labwerk=ours
    )


def as_text(status: Status) -> str:
    """The status as people read it."""
    engine_text = f"{status.engine.version} at {status.engine.host}"
    lines = [
        f"Labwerk   {status.url}   {'ready' if status.ready else 'not ready'}",
        f"engine    {engine_text if status.engine.answers else 'does not answer'}",
        f"firewall  {'in place' if status.firewall else 'rules missing; run `up`'}",
    ]
    for name, program in status.programs.items():
        answers = "answers" if program.answers else "does not answer"
        lines.append(f"{name:9} {program.state.lower()}, {answers}")
    if status.sessions is None:
        return "\n".join([*lines, "sessions  unknown"])
    lines.append(f"sessions  {len(status.sessions)}")
    lines += [f"  {s.id}  {s.person}  {s.slice}" for s in status.sessions]
    return "\n".join(lines)
