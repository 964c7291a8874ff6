"""The whole pool for somebody at the machine: every GPU, who holds what, what is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from labwerk_hub.domain.board import Holding, by_gpu, places
from labwerk_hub.domain.gpu import Gpu
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.reservations import Reservation
from labwerk_hub.services.views import Moment, View
from labwerk_hub.services.workbench import Workbench


class Holder(View):
    """Who holds some units, and until when at the latest."""

    session: str
    person: str
    institution: str
    flavour: str
    since: Moment
    until: Moment


class Kept(View):
    """A reservation of ``size`` units from ``start``; unused, they go back at ``released_at``."""

    start: int
    size: int
    profile: str
    reservation: str
    title: str
    group: str
    from_at: Moment
    to_at: Moment
    released_at: Moment


class PlaceOnMap(View):
    """``size`` units from ``start``; ``state`` is a :class:`~labwerk_hub.domain.board.PlaceState`.

    ``profile`` is empty where nothing is cut.
    """

    start: int
    size: int
    profile: str
    state: str
    holder: Holder | None


class GpuOnMap(View):
    """A GPU with all its units; ``fault`` is a clause that follows its name."""

    name: str
    model: str
    units: int
    simulated: bool
    dynamic: bool
    shared: bool
    fault: str | None
    places: tuple[PlaceOnMap, ...]
    kept: tuple[Kept, ...]


class LostHold(View):
    """A lease on a GPU that is gone."""

    slice: str
    holder: Holder


class GpuMap(View):
    """What `labwerk gpus --json` tells."""

    at: Moment
    gpus: tuple[GpuOnMap, ...]
    lost: tuple[LostHold, ...]


def gpu_map(workbench: Workbench, *, is_installed: bool = True) -> GpuMap:
    """The pool as it is now; before anything is installed, nothing is held.

    Raises GpuDriverError or DatabaseError if it cannot be read.
    """
    now = workbench.clock()
    inventory = workbench.inventory.read(fresh=True)
    holdings: Sequence[Holding] = ()
    reservations: Sequence[Reservation] = ()
    if is_installed:
        with workbench.database.reading() as tx:
            holdings = tx.holdings.on(list(tx.holdings.masks()))
            reservations = tx.reservations.current(to_ms(now))
    held, kept = by_gpu(holdings), _kept(reservations)
    return GpuMap(
        at=now,
        gpus=tuple(
            _gpu(gpu, held.get(gpu.name, ()), kept.get(gpu.name, ())) for gpu in inventory.gpus
        ),
        lost=tuple(
            LostHold(slice=holding.slice.label, holder=_holder(holding))
            for holding in holdings
            if holding.slice.gpu not in inventory.by_name
        ),
    )


def _kept(reservations: Sequence[Reservation]) -> Mapping[str, Sequence[Kept]]:
    found: defaultdict[str, list[Kept]] = defaultdict(list)
    for reservation in reservations:
        for slice_ in reservation.slices:
            found[slice_.gpu].append(
                Kept(
                    start=slice_.start,
                    size=slice_.size,
                    profile=slice_.profile,
                    reservation=reservation.id,
                    title=reservation.title,
                    group=reservation.group,
                    from_at=from_ms(reservation.from_ms),
                    to_at=from_ms(reservation.to_ms),
                    released_at=from_ms(reservation.released_ms),
                )
            )
    return found


def _gpu(gpu: Gpu, holdings: Sequence[Holding], kept: Sequence[Kept]) -> GpuOnMap:
    return GpuOnMap(
        name=gpu.name,
        model=gpu.model.name,
        units=gpu.model.units,
        simulated=gpu.simulated,
        dynamic=gpu.dynamic,
        shared=any(gpu.shared_by(slice_.profile) > 1 for slice_ in gpu.slices),
        fault=gpu.fault,
        places=tuple(
            PlaceOnMap(
                start=place.start,
                size=place.size,
                profile=place.profile,
                state=place.state.value,
                holder=_holder(place.holding) if place.holding is not None else None,
            )
            for place in places(gpu, holdings)
        ),
        kept=tuple(kept),
    )


def _holder(holding: Holding) -> Holder:
    return Holder(
        session=holding.session,
        person=holding.person,
        institution=holding.institution,
        flavour=holding.flavour,
        since=from_ms(holding.since_ms),
        until=from_ms(holding.ends_ms),
    )
