"""The board: every GPU as its units in space and time, for members and for operators.

A page of it is read with one query for the leases on the page's GPUs, beside what
:mod:`.pool_sums` knows of the whole pool, so that a pool of ten thousand GPUs is as quick to
look at as one of ten. What a reader may know is decided here: members see whose institution
holds a slice, operators see the person and the session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from labwerk_hub.domain import board
from labwerk_hub.domain.board import Holding, Place, PlaceState, Sums
from labwerk_hub.domain.gpu import Gpu, Slice
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.reservations import Reservation
from labwerk_hub.services.board_views import (
    Board,
    FlavourView,
    GoneView,
    GpuView,
    HolderView,
    ModelView,
    PlaceView,
    ReservationView,
    ReservedView,
    Span,
)
from labwerk_hub.services.pool_sums import PoolSums, PoolTotals
from labwerk_hub.services.views import Named
from labwerk_hub.services.workbench import Workbench

PAGE = 20
HOURS = (12, 24)
#: The ruler above the bars has a mark at every such clock time, in hours.
_RULER = {12: 3, 24: 6}


class Show(StrEnum):
    """Which GPUs to list."""

    ALL = "all"
    FREE = "free"
    FAULTY = "faulty"


@dataclass(frozen=True)
class Query:
    """What a reader wants to see; ``page`` counts from 1, ``model`` empty is any."""

    model: str = ""
    show: Show = Show.ALL
    page: int = 1
    hours: int = 24


@dataclass(frozen=True)
class _Reading:
    """Everything of one look at a page of the pool."""

    totals: PoolTotals
    listed: Sequence[Gpu]
    matching: int
    holdings: Sequence[Holding]
    gone: Sequence[Holding]
    reservations: Sequence[Reservation]


def show(
    workbench: Workbench, sums: PoolSums, viewer: Person | None, query: Query, language: str
) -> Board:
    """The board as ``viewer`` may see it (None: as a member), texts in ``language``.

    Raises GpuDriverError or DatabaseError if it cannot be read.
    """
    now = workbench.clock()
    reading = _read(workbench, sums.read(), query, to_ms(now))
    reader = _Reader(workbench, viewer, language, now, query.hours)
    held, kept = board.by_gpu(reading.holdings), _kept(reading.reservations)
    return Board(
        served_at=now,
        operator=reader.operator,
        hours=query.hours,
        ruler=reader.ruler(),
        flavours=tuple(_flavours(workbench, reading.totals, language)),
        models=tuple(_models(reading.totals.sums)),
        reservations=tuple(reader.reservation(r) for r in reading.reservations if reader.soon(r)),
        gone=tuple(reader.gone(holding) for holding in reading.gone),
        gpus=tuple(
            reader.gpu(gpu, held.get(gpu.name, ()), kept.get(gpu.name, ()))
            for gpu in reading.listed
        ),
        model=query.model,
        show=query.show.value,
        page=_page(query.page, reading.matching),
        pages=_pages(reading.matching),
        matching=reading.matching,
    )


def _read(workbench: Workbench, totals: PoolTotals, query: Query, now_ms: int) -> _Reading:
    matching = _matching(totals, query)
    first = (_page(query.page, len(matching)) - 1) * PAGE
    listed = matching[first : first + PAGE]
    known = totals.shape.kind_of
    # Sessions on a GPU that died are listed with it; these have no GPU to be listed with.
    lost = [gpu for gpu in totals.held if gpu not in known][:PAGE]
    with workbench.database.reading() as tx:
        found = tx.holdings.on([gpu.name for gpu in listed] + lost)
        reservations = tx.reservations.current(now_ms)
    return _Reading(
        totals=totals,
        listed=listed,
        matching=len(matching),
        holdings=[h for h in found if h.slice.gpu in known],
        gone=[h for h in found if h.slice.gpu not in known],
        reservations=reservations,
    )


def _matching(totals: PoolTotals, query: Query) -> Sequence[Gpu]:
    gpus: Sequence[Gpu] = totals.shape.inventory.gpus
    if query.model:
        gpus = [gpu for gpu in gpus if gpu.model.name == query.model]
    if query.show is Show.FAULTY:
        gpus = [gpu for gpu in gpus if gpu.fault is not None]
    elif query.show is Show.FREE:
        gpus = [gpu for gpu in gpus if board.is_free(gpu, totals.taken.get(gpu.name, 0))]
    return gpus


def _pages(matching: int) -> int:
    return max(1, -(-matching // PAGE))


def _page(wanted: int, matching: int) -> int:
    return min(max(1, wanted), _pages(matching))


def _kept(reservations: Sequence[Reservation]) -> dict[str, list[tuple[Slice, Reservation]]]:
    found: dict[str, list[tuple[Slice, Reservation]]] = {}
    for reservation in reservations:
        for slice_ in reservation.slices:
            found.setdefault(slice_.gpu, []).append((slice_, reservation))
    return found


def _flavours(workbench: Workbench, totals: PoolTotals, language: str) -> list[FlavourView]:
    sums = totals.sums
    return [
        FlavourView(
            name=flavour.name,
            title=flavour.title.in_language(language),
            free=sums.free(flavour.slices) if flavour.needs_gpu else None,
            total=sums.total(flavour.slices) if flavour.needs_gpu else None,
            sessions=totals.sessions.get(flavour.name, 0),
            waiting=totals.waiting.get(flavour.name, 0),
        )
        for flavour in workbench.catalogue.flavours
    ]


def _models(sums: Sums) -> list[ModelView]:
    gpus: Counter[str] = Counter()
    faulty: Counter[str] = Counter()
    simulated: Counter[str] = Counter()
    for kind in sums.shape.kinds:
        name = kind.gpu.model.name
        gpus[name] += kind.count
        faulty[name] += kind.count if kind.gpu.fault is not None else 0
        simulated[name] += kind.count if kind.gpu.simulated else 0
    found = []
    for name in gpus:
        free, total = sums.units(name)
        found.append(
            ModelView(
                name=name,
                gpus=gpus[name],
                faulty=faulty[name],
                units_free=free,
                units=total,
                simulated=simulated[name],
            )
        )
    return found


class _Reader:
    """What one reader is shown of places, in their language."""

    def __init__(
        self,
        workbench: Workbench,
        viewer: Person | None,
        language: str,
        now: datetime,
        hours: int,
    ) -> None:
        self.language = language
        self.operator = viewer is not None and Role.OPERATOR in viewer.roles
        self._name = viewer.name if viewer is not None else ""
        self._zone = workbench.policy.zone
        self._now, self._now_ms = now, to_ms(now)
        self._span_ms, self._hours = hours * 3_600_000, hours
        catalogue = workbench.catalogue
        self._institutions = {i.name: i.title.in_language(language) for i in catalogue.institutions}
        self._flavours = {f.name: f.title.in_language(language) for f in catalogue.flavours}
        self._courses = {c.roster: c.title.in_language(language) for c in catalogue.courses}

    def gpu(
        self,
        gpu: Gpu,
        holdings: Sequence[Holding],
        kept: Collection[tuple[Slice, Reservation]],
    ) -> GpuView:
        """A GPU with all its units."""
        shares = max((board.sharers(slice_.profile) for slice_ in gpu.slices), default=1)
        return GpuView(
            name=gpu.name,
            model=gpu.model.name,
            units=gpu.model.units,
            simulated=gpu.simulated,
            dynamic=gpu.dynamic,
            shared_by=shares,
            faulty=gpu.fault is not None,
            fault_said=f"{gpu.name} {gpu.fault}." if gpu.fault and self.operator else None,
            places=tuple(self._place(place, kept) for place in board.places(gpu, holdings)),
        )

    def gone(self, holding: Holding) -> GoneView:
        """A lease on a GPU that the pool does not have any more."""
        return GoneView(
            gpu=holding.slice.gpu,
            profile=holding.slice.profile,
            holder=self._holder(holding),
            ends_at=from_ms(holding.ends_ms),
        )

    def reservation(self, reservation: Reservation) -> ReservationView:
        """A reservation as everybody may see it."""
        return ReservationView(
            id=reservation.id,
            title=reservation.title,
            group=self._group(reservation.group),
            flavour=self._flavours.get(reservation.flavour, reservation.flavour),
            slices=len(reservation.slices),
            from_at=from_ms(reservation.from_ms),
            to_at=from_ms(reservation.to_ms),
        )

    def soon(self, reservation: Reservation) -> bool:
        """Whether it begins within the bars' span."""
        return reservation.from_ms < self._now_ms + self._span_ms

    def ruler(self) -> tuple[Span, ...]:
        """The full clock hours to mark above the bars."""
        step = _RULER[self._hours]
        local = self._now.astimezone(self._zone).replace(minute=0, second=0, microsecond=0)
        first = local + timedelta(hours=step - local.hour % step)
        marks = (first + timedelta(hours=step * n) for n in range(self._hours // step + 1))
        return tuple(
            Span(at=mark, begins=share, ends=share)
            for mark in marks
            if 0 < (share := self._share(to_ms(mark))) < 1
        )

    def _place(self, place: Place, kept: Collection[tuple[Slice, Reservation]]) -> PlaceView:
        holding = place.holding
        bar = None
        if holding is not None and place.state is not PlaceState.ENDING:
            bar = Span(at=from_ms(holding.ends_ms), begins=0.0, ends=self._share(holding.ends_ms))
        return PlaceView(
            start=place.start,
            size=place.size,
            profile=place.profile,
            state=place.state.value,
            holder=self._holder(holding) if holding is not None else None,
            until=bar,
            reserved=tuple(
                self._reserved(slice_, reservation)
                for slice_, reservation in kept
                if slice_.mask & place.mask and self.soon(reservation)
            ),
        )

    def _reserved(self, slice_: Slice, reservation: Reservation) -> ReservedView:
        return ReservedView(
            title=reservation.title,
            profile=slice_.profile,
            first_unit=slice_.start,
            last_unit=slice_.start + slice_.size - 1,
            from_at=from_ms(reservation.from_ms),
            to_at=from_ms(reservation.to_ms),
            begins=self._share(reservation.from_ms),
            ends=self._share(reservation.to_ms),
        )

    def _holder(self, holding: Holding) -> HolderView:
        """Who holds it: the institution to members, the person to operators and themselves."""
        yours = holding.person == self._name
        told = self.operator or yours
        return HolderView(
            institution=Named(
                name=holding.institution,
                title=self._institutions.get(holding.institution, holding.institution),
            ),
            yours=yours,
            person=holding.display_name if told else None,
            user=holding.person if self.operator else None,
            flavour=self._flavours.get(holding.flavour, holding.flavour) if told else None,
            session=holding.session if told else None,
            since=from_ms(holding.since_ms) if told else None,
        )

    def _group(self, group: str) -> str:
        """A group in words: an institution's or a course's title, else the provider's name."""
        institution = group.removeprefix("institution:")
        if institution != group:
            return self._institutions.get(institution, institution)
        return self._courses.get(group, group)

    def _share(self, moment_ms: int) -> float:
        """Where a moment is on the bars: 0 is now, 1 the end of the span."""
        share = (moment_ms - self._now_ms) / self._span_ms
        return round(min(max(share, 0.0), 1.0), 4)
