"""What the workbench says about a session, and how it looks in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from labwerk import show
from labwerk.texts import duration, moment, number, say


@dataclass(frozen=True)
class Use:
    """How busy a slice is; None where the hardware cannot say, which is not 0."""

    memory_used_mib: int | None
    processes: int | None
    utilisation: float | None
    """A share of one."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Use:
        """From the service's answer."""
        return cls(**{field.name: value[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Slice:
    """The part of a GPU that a session holds."""

    label: str
    gpu: str
    model: str
    profile: str
    units: int
    units_total: int
    memory_mib: int | None
    """None where the memory is not known."""
    simulated: bool
    """There is no such device: the slice is reserved and charged, but computes nothing."""
    shared_by: int
    """How many sessions may share it in time, this one included; memory is not kept apart."""
    use: Use | None
    """None where there is nothing to measure: the slice is simulated, or the driver is silent."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Slice:
        """From the service's answer."""
        plain = {field.name: value[field.name] for field in fields(cls) if field.name != "use"}
        return cls(**plain, use=Use.from_json(value["use"]) if value["use"] else None)


@dataclass(frozen=True)
class Session:
    """One running notebook server."""

    id: str
    flavour: str
    image: str
    slice: Slice | None
    cpus: float
    memory_gib: int
    started_at: datetime
    ends_at: datetime
    longest_ends_at: datetime
    """The end that no extension goes beyond."""
    extendable_until: datetime | None
    """The end that an extension would give now; None if there can be none."""
    refusal: str | None
    """Why there can be none now."""
    idle_since: datetime | None
    """Since when nothing has run; None while something does, or if there is no idle rule."""
    stops_at: datetime | None
    """When the session is stopped unless something runs; None if that is not to be expected."""
    problem: str | None
    """What is wrong with the GPU, in the reader's language."""
    waiting_behind: int
    """How many people wait for a slice like this one."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Session:
        """From the service's answer."""
        idle = value["idle"] or {"since": None, "stops_at": None}
        return cls(
            id=value["id"],
            flavour=value["flavour"]["title"],
            image=value["image"]["title"],
            slice=Slice.from_json(value["slice"]) if value["slice"] else None,
            cpus=value["cpus"],
            memory_gib=value["memory_gib"],
            started_at=datetime.fromisoformat(value["started_at"]),
            ends_at=datetime.fromisoformat(value["ends_at"]),
            longest_ends_at=datetime.fromisoformat(value["longest_ends_at"]),
            extendable_until=_moment(value["extension"]["until"]),
            refusal=value["extension"]["refusal"],
            idle_since=_moment(idle["since"]),
            stops_at=_moment(idle["stops_at"]),
            problem=value["problem"],
            waiting_behind=value["waiting_behind"],
        )

    def __repr__(self) -> str:
        return show.as_text(_facts(self))

    def _repr_html_(self) -> str:
        return show.as_html(_facts(self))


def _facts(session: Session) -> show.Facts:
    """What this session has, since when and for how long."""
    left = session.ends_at - datetime.now(UTC)
    simulated = session.slice is not None and session.slice.simulated
    notes = [session.problem or ""]
    if simulated:
        notes.append(
            say("No GPU is behind this slice: it is limited and charged like a real one only.")
        )
    return show.Facts(
        session.flavour + (" – " + say("simulated") if simulated else ""),
        (
            (say("Slice"), _slice(session.slice)),
            *_use(session.slice),
            (
                say("Computer"),
                say(
                    "%(cpus)s CPU, %(memory)s GiB of memory",
                    cpus=number(session.cpus),
                    memory=number(session.memory_gib),
                ),
            ),
            (say("Image"), session.image),
            (say("Started"), moment(session.started_at)),
            (
                say("Ends"),
                say(
                    "%(when)s (%(left)s left)",
                    when=moment(session.ends_at),
                    left=duration(left),
                ),
            ),
            (say("At the latest"), moment(session.longest_ends_at)),
            *_idle(session),
        ),
        " ".join(filter(None, notes)),
    )


def _use(held: Slice | None) -> list[tuple[str, str]]:
    """What is measured of a real slice; what cannot be is not shown as 0."""
    if held is None or held.simulated:
        return []
    use, unknown = held.use, say("not measurable")
    if use is None:
        return [(say("In use"), unknown)]
    memory = use.memory_used_mib
    return [
        (
            say("GPU memory in use"),
            unknown if memory is None else say("%(memory)s GiB", memory=number(memory / 1024, 2)),
        ),
        (say("GPU processes"), unknown if use.processes is None else number(use.processes, 0)),
        (
            say("GPU at work"),
            unknown if use.utilisation is None else f"{number(use.utilisation * 100, 0)} %",
        ),
    ]


def _idle(session: Session) -> list[tuple[str, str]]:
    if session.idle_since is None:
        return []
    rows = [(say("Idle since"), moment(session.idle_since))]
    if session.stops_at is not None:
        rows.append((say("Stops unless something runs"), moment(session.stops_at)))
    return rows


def _slice(held: Slice | None) -> str:
    if held is None:
        return say("no GPU")
    parts = [
        held.label,
        say("%(units)s of %(total)s units", units=held.units, total=held.units_total),
    ]
    if held.memory_mib is not None:
        parts.append(say("%(memory)s GiB of GPU memory", memory=number(held.memory_mib / 1024, 2)))
    if held.shared_by > 1:
        parts.append(say("shared by up to %(sessions)s sessions", sessions=held.shared_by))
    return ", ".join(parts)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
