"""What Lab, pages and the notebook client show: one view, from the ledger and the leases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

from labwerk_hub.domain.catalogue import Dataset
from labwerk_hub.domain.gpu import Inventory, Slice
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR, Balance, period_end
from labwerk_hub.domain.metering import from_ms, ticks_between, to_ms
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services.offers import balance_of
from labwerk_hub.services.people import entitlement_of
from labwerk_hub.services.ports import Workbench


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(_utc, return_type=str)]


class UnknownPersonError(LabwerkError):
    """Nobody of that name has signed in here, or their institution has left."""

    code = "unknown-person"


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Named(_View):
    """Something with a name for programs and a title for people."""

    name: str
    title: str


class PersonView(_View):
    """Who it is about."""

    name: str
    display_name: str
    institution: Named
    language: str


class SliceView(_View):
    """A slice: ``units`` of the GPU's ``units_total``; ``memory_mib`` None if not known."""

    label: str
    gpu: str
    model: str
    profile: str
    units: int
    units_total: int
    memory_mib: int | None
    simulated: bool


class SessionView(_View):
    """A running session."""

    id: str
    flavour: Named
    image: Named
    slice: SliceView | None
    cpus: float
    memory_gib: int
    started_at: Moment
    ends_at: Moment


class BudgetView(_View):
    """The person's budget in ticks (``ticks_per_gpu_hour`` of them are a GPU-hour).

    ``held_ticks`` is what running sessions may still use; ``lasts_seconds`` how long what
    is held and left pays for the running session (None: it costs nothing, or none runs).
    """

    title: str
    period: str
    period_ends_at: Moment
    granted_ticks: int
    used_ticks: int
    held_ticks: int
    left_ticks: int
    ticks_per_second: int
    ticks_per_gpu_hour: int = TICKS_PER_GPU_HOUR
    lasts_seconds: int | None


class LicenceView(_View):
    """A licence by its SPDX name and its title."""

    spdx: str
    title: str


class FileView(_View):
    """One file of a dataset, its size in bytes."""

    name: str
    format: str
    bytes: int


class DatasetView(_View):
    """A dataset as mounted in the session."""

    id: str
    institution: Named
    name: str
    title: str
    description: str
    version: str
    nature: str
    publisher: str
    origin: str
    licence: LicenceView
    steward: str
    path: str
    files: tuple[FileView, ...]


class Overview(_View):
    """Everything a person's own panel shows."""

    person: PersonView
    session: SessionView | None
    budget: BudgetView
    datasets: tuple[DatasetView, ...]
    served_at: Moment


def of_person(workbench: Workbench, person_name: str, language: str | None = None) -> Overview:
    """The overview of one person, texts in ``language`` (default: the person's own).

    Raises UnknownPersonError for nobody we know.
    """
    now = workbench.clock()
    with workbench.database.reading() as tx:
        person = tx.people.by_name(person_name)
        leases = tx.leases.unended_of(person_name)
        if person is None or person.institution not in workbench.catalogue.budgets:
            raise UnknownPersonError(f"{person_name} is not known here; sign in at the hub first.")
        balance = balance_of(workbench, tx, person)
    spoken = language or person.locale or workbench.policy.language
    who = entitlement_of(workbench, person)
    lease = next((x for x in leases if x.state is LeaseState.LIVE), None)
    title = who.institution.title.in_language(spoken)
    return Overview(
        person=PersonView(
            name=person.name,
            display_name=person.display_name,
            institution=Named(name=who.institution.name, title=title),
            language=spoken,
        ),
        session=_session(workbench, lease, spoken) if lease else None,
        budget=_budget(workbench, balance, lease, title, now),
        datasets=tuple(_dataset(workbench, dataset, spoken) for dataset in who.datasets),
        served_at=now,
    )


def _session(workbench: Workbench, lease: Lease, language: str) -> SessionView:
    flavours = {flavour.name: flavour for flavour in workbench.catalogue.flavours}
    images = {image.name: image for image in workbench.catalogue.images}
    flavour, image = flavours.get(lease.flavour), images.get(lease.image)
    assert lease.started_ms is not None  # a live lease has begun
    return SessionView(
        id=lease.session,
        # What has left the settings since the start is shown by its name.
        flavour=Named(
            name=lease.flavour,
            title=flavour.title.in_language(language) if flavour else lease.flavour,
        ),
        image=Named(
            name=lease.image, title=image.title.in_language(language) if image else lease.image
        ),
        slice=_slice(workbench.inventory.read(), lease.slice) if lease.slice else None,
        cpus=flavour.cpus if flavour else 0,
        memory_gib=flavour.memory_gib if flavour else 0,
        started_at=from_ms(lease.started_ms),
        ends_at=from_ms(lease.ends_ms),
    )


def _slice(inventory: Inventory, slice_: Slice) -> SliceView:
    try:
        gpu = inventory.gpu(slice_.gpu)
        profile = gpu.model.profile(slice_.profile)
    except KeyError:  # the GPU has left the pool, or is cut otherwise, while the session runs
        return SliceView(
            label=slice_.label,
            gpu=slice_.gpu,
            model="",
            profile=slice_.profile,
            units=slice_.size,
            units_total=slice_.size,
            memory_mib=None,
            simulated=False,
        )
    return SliceView(
        label=f"{slice_.profile} · {gpu.model.name}",
        gpu=gpu.name,
        model=gpu.model.name,
        profile=slice_.profile,
        units=slice_.size,
        units_total=gpu.model.units,
        memory_mib=profile.memory_mib,
        simulated=gpu.simulated,
    )


def _budget(
    workbench: Workbench, balance: Balance, lease: Lease | None, title: str, now: datetime
) -> BudgetView:
    rate = lease.ticks_per_second if lease else 0
    # What has run since the last closed interval is used already, if not charged yet.
    running = 0
    if lease and lease.started_ms is not None and lease.metered_to_ms is not None:
        until = max(lease.metered_to_ms, to_ms(now))
        running = ticks_between(rate, lease.started_ms, lease.metered_to_ms, until)
    running = min(running, balance.held)
    return BudgetView(
        title=title,
        period=balance.period,
        period_ends_at=period_end(now, workbench.policy.zone),
        granted_ticks=balance.granted,
        used_ticks=balance.used + running,
        held_ticks=balance.held - running,
        left_ticks=balance.left,
        ticks_per_second=rate,
        lasts_seconds=(balance.left + balance.held - running) // rate if rate else None,
    )


def _dataset(workbench: Workbench, dataset: Dataset, language: str) -> DatasetView:
    institution = workbench.catalogue.institution(dataset.institution)
    return DatasetView(
        id=dataset.id,
        institution=Named(name=institution.name, title=institution.title.in_language(language)),
        name=dataset.name,
        title=dataset.title.in_language(language),
        description=dataset.description.in_language(language),
        version=dataset.version,
        nature=dataset.nature,
        publisher=dataset.publisher,
        origin=dataset.origin,
        licence=LicenceView(spdx=dataset.licence, title=dataset.licence_title),
        steward=dataset.steward,
        path=dataset.path,
        files=tuple(
            FileView(name=f.name, format=f.name.rpartition(".")[2].lower(), bytes=f.size)
            for f in dataset.files
        ),
    )
