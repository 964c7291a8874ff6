"""The pool in figures, read at one moment from the database and the driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from labwerk_hub.domain.board import Kind, Shape, Sums, fitting
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.quotas import DiskUse, FolderKind, Fullness, How, fullness
from labwerk_hub.domain.reservations import Reservation
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.services.tables import Wait
from labwerk_hub.services.workbench import Workbench


class State(StrEnum):
    """What is the matter with slices and units."""

    FREE = "free"
    HELD = "held"
    CLAIMED = "claimed"
    FAULTY = "faulty"
    UNCUT = "uncut"


@dataclass(frozen=True)
class Figures:
    """Everything that is measured; times in milliseconds.

    ``slices`` is by (flavour, state), ``gpus`` by (model, whether it is well), ``units`` by
    (model, state); ``fragmentation`` by flavour, see :func:`_fragmentation`. ``folders`` counts
    homes and projects by (kind, how full), ``folder_bytes`` is what they hold by (kind, who
    sees to the limit); both as last measured.
    """

    slices: Mapping[tuple[str, State], int]
    gpus: Mapping[tuple[str, bool], int]
    units: Mapping[tuple[str, State], int]
    sessions: Mapping[str, int]
    waiting: Mapping[str, int]
    oldest_wait_ms: int
    waits: Mapping[str, Wait]
    outcomes: Mapping[str, int]
    fragmentation: Mapping[str, float]
    folders: Mapping[tuple[FolderKind, Fullness], int]
    folder_bytes: Mapping[tuple[FolderKind, How], int]


def figures(workbench: Workbench) -> Figures:
    """The figures of now. Raises GpuDriverError or DatabaseError if they cannot be read."""
    now_ms = to_ms(workbench.clock())
    shape = Shape(workbench.inventory.read())
    with workbench.database.reading() as tx:
        held = tx.holdings.masks()
        reservations = tx.reservations.current(now_ms)
        sessions = tx.holdings.sessions([f.name for f in workbench.catalogue.flavours])
        tickets = [ticket for ticket in tx.tickets.open() if ticket.state is TicketState.WAITING]
        waits, outcomes = tx.tickets.waits(), tx.outcomes.all()
        uses = tx.storage_uses.all()
    profiles_of = {f.name: f.slices for f in workbench.catalogue.flavours if f.needs_gpu}
    claimed = {
        flavour: list(_claimed(of_flavour, held, now_ms))
        for flavour in profiles_of
        if (of_flavour := [r for r in reservations if r.flavour == flavour])
    }
    standing = shape.sums(shape.masks(held))
    open_ = shape.sums(shape.masks(held, [s for slices in claimed.values() for s in slices]))
    return Figures(
        slices={
            (flavour, state): count
            for flavour, profiles in profiles_of.items()
            for state, count in {
                State.FREE: open_.free(profiles),
                State.HELD: sessions.get(flavour, 0),
                State.CLAIMED: len(claimed.get(flavour, ())),
                State.FAULTY: _faulty(shape, profiles),
            }.items()
        },
        gpus=_gpus(shape),
        units=_units(shape, standing, open_),
        sessions={f.name: sessions.get(f.name, 0) for f in workbench.catalogue.flavours},
        waiting=dict.fromkeys(profiles_of, 0) | Counter(ticket.flavour for ticket in tickets),
        oldest_wait_ms=_oldest(tickets, now_ms),
        # What has not happened yet is told as 0, or the first time would be no increase.
        waits=dict.fromkeys(profiles_of, Wait(0, 0)) | dict(waits),
        outcomes=dict.fromkeys(("granted", "waiting"), 0) | dict(outcomes),
        fragmentation={
            flavour: _fragmentation(open_, profiles) for flavour, profiles in profiles_of.items()
        },
        folders=Counter(
            (use.folder.kind, fullness(use, workbench.policy.quotas.warn_percent)) for use in uses
        ),
        folder_bytes=_folder_bytes(uses),
    )


def _folder_bytes(uses: Iterable[DiskUse]) -> Mapping[tuple[FolderKind, How], int]:
    found: Counter[tuple[FolderKind, How]] = Counter()
    for use in uses:
        found[use.folder.kind, use.how] += use.used_bytes or 0
    return found


def _claimed(
    reservations: Iterable[Reservation], held: Mapping[str, int], now_ms: int
) -> Iterator[Slice]:
    """What is kept now and not taken yet."""
    for reservation in reservations:
        if reservation.from_ms <= now_ms < reservation.released_ms:
            yield from (s for s in reservation.slices if not held.get(s.gpu, 0) & s.mask)


def _oldest(tickets: Iterable[Ticket], now_ms: int) -> int:
    return max((now_ms - ticket.taken_ms for ticket in tickets), default=0)


def _faulty(shape: Shape, profiles: Mapping[str, str]) -> int:
    """How many slices there would be on the GPUs that have a fault."""
    return sum(
        kind.count * fitting(replace(kind.gpu, fault=None), profiles, 0)
        for kind in shape.kinds
        if kind.gpu.fault is not None
    )


def _gpus(shape: Shape) -> dict[tuple[str, bool], int]:
    counts = {(model, well): 0 for model in shape.models for well in (True, False)}
    for kind in shape.kinds:
        counts[kind.gpu.model.name, kind.gpu.fault is None] += kind.count
    return counts


def _units(shape: Shape, standing: Sums, open_: Sums) -> dict[tuple[str, State], int]:
    """Units by model and state; they add up to all units of the model's GPUs."""
    counts = {(model, state): 0 for model in shape.models for state in State}
    for kind in shape.kinds:
        if kind.gpu.fault is not None:
            counts[kind.gpu.model.name, State.FAULTY] += kind.count * kind.gpu.model.units
    for (number, mask), count in standing.counts.items():
        kind = shape.kinds[number]
        if kind.gpu.fault is None:
            model, every = kind.gpu.model, (1 << kind.gpu.model.units) - 1
            counts[model.name, State.HELD] += count * (mask & every).bit_count()
            counts[model.name, State.UNCUT] += count * (every & ~mask & ~kind.fallow).bit_count()
    for model_name in shape.models:
        free, _ = open_.units(model_name)
        beside_claims, _ = standing.units(model_name)
        counts[model_name, State.FREE] = free
        counts[model_name, State.CLAIMED] = beside_claims - free
    return counts


def _fragmentation(sums: Sums, profiles: Mapping[str, str]) -> float:
    """Of the free units that a flavour's places cover: the share in which none fits any more.

    0 where every free unit can still be part of such a slice, and where none is free.
    """
    free = usable = 0
    for (number, mask), count in sums.counts.items():
        kind = sums.shape.kinds[number]
        cover, size = _cover(kind, profiles)
        free += count * (cover & ~mask).bit_count()
        usable += count * size * fitting(kind.gpu, profiles, mask)
    return 1 - usable / free if free else 0.0


def _cover(kind: Kind, profiles: Mapping[str, str]) -> tuple[int, int]:
    """The units that a flavour's places cover on such a GPU, and the size of one place."""
    profile = profiles.get(kind.gpu.model.name)
    if profile is None or kind.gpu.fault is not None:
        return 0, 0
    places = kind.gpu.candidates(profile)
    cover = 0
    for place in places:
        cover |= place.mask
    return cover, places[0].size if places else 0
