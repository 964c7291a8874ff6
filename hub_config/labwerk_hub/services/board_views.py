"""What the board shows, as frozen values; also its form in JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labwerk_hub.services.views import Moment, Named


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Span(_View):
    """A stretch of the bars, from 0 (now) to 1 (their end); ``at`` is the moment it is about."""

    at: Moment
    begins: float
    ends: float


class HolderView(_View):
    """Whose a lease is.

    Members see the institution alone; the rest is for operators and for the person.
    ``user`` is the hub's name of the person, for operators.
    """

    institution: Named
    yours: bool
    person: str | None
    user: str | None
    flavour: str | None
    session: str | None
    since: Moment | None


class ReservedView(_View):
    """A slice that is reserved within the bars' span."""

    title: str
    profile: str
    first_unit: int
    last_unit: int
    from_at: Moment
    to_at: Moment
    begins: float
    ends: float


class PlaceView(_View):
    """``size`` units of a GPU from ``start``; ``state`` is a domain PlaceState's value."""

    start: int
    size: int
    profile: str
    state: str
    holder: HolderView | None
    until: Span | None
    reserved: tuple[ReservedView, ...]


class GpuView(_View):
    """A GPU with all its units; ``fault_said`` is a sentence in English, for operators."""

    name: str
    model: str
    units: int
    simulated: bool
    dynamic: bool
    shared_by: int
    faulty: bool
    fault_said: str | None
    places: tuple[PlaceView, ...]


class GoneView(_View):
    """A lease on a GPU that the pool does not have any more."""

    gpu: str
    profile: str
    holder: HolderView
    ends_at: Moment


class ReservationView(_View):
    """Capacity that is kept for a group."""

    id: str
    title: str
    group: str
    flavour: str
    slices: int
    from_at: Moment
    to_at: Moment


class FlavourView(_View):
    """A flavour in the whole pool; ``free`` of ``total`` are None where it needs no GPU."""

    name: str
    title: str
    free: int | None
    total: int | None
    sessions: int
    waiting: int


class ModelView(_View):
    """A model in the whole pool; ``units`` are those that can be handed out at all.

    ``simulated`` of its ``gpus`` are.
    """

    name: str
    gpus: int
    faulty: int
    units_free: int
    units: int
    simulated: int


class Board(_View):
    """A page of the board: ``page`` of ``pages``, of ``matching`` GPUs in all."""

    served_at: Moment
    operator: bool
    hours: int
    ruler: tuple[Span, ...]
    flavours: tuple[FlavourView, ...]
    models: tuple[ModelView, ...]
    reservations: tuple[ReservationView, ...]
    gone: tuple[GoneView, ...]
    gpus: tuple[GpuView, ...]
    model: str
    show: str
    page: int
    pages: int
    matching: int
