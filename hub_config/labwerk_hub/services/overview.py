"""What Lab, pages and the notebook client show: one view, from the ledger and the leases."""

from __future__ import annotations

from datetime import datetime

from labwerk_hub.domain.catalogue import Dataset
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR, Balance, period_end
from labwerk_hub.domain.metering import ticks_between, to_ms
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import waiting
from labwerk_hub.services.offers import balance_of
from labwerk_hub.services.people import entitlement_of
from labwerk_hub.services.pool import inventory_of
from labwerk_hub.services.ports import SliceUse
from labwerk_hub.services.session_view import (
    EndView,
    SessionView,
    TicketView,
    end_view,
    session_view,
    ticket_view,
)
from labwerk_hub.services.views import Moment, Named, View
from labwerk_hub.services.workbench import Workbench


class UnknownPersonError(LabwerkError):
    """Nobody of that name has signed in here, or their institution has left."""

    code = "unknown-person"


class PersonView(View):
    """Who it is about."""

    name: str
    display_name: str
    institution: Named
    language: str


class BudgetView(View):
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


class LicenceView(View):
    """A licence by its SPDX name and its title."""

    spdx: str
    title: str


class FileView(View):
    """One file of a dataset, its size in bytes."""

    name: str
    format: str
    bytes: int


class DatasetView(View):
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


class Overview(View):
    """Everything a person's own panel shows."""

    person: PersonView
    session: SessionView | None
    last_end: EndView | None
    ticket: TicketView | None
    budget: BudgetView
    datasets: tuple[DatasetView, ...]
    served_at: Moment


def of_person(workbench: Workbench, person_name: str, language: str | None = None) -> Overview:
    """The overview of one person, texts in ``language`` (default: the person's own).

    Raises UnknownPersonError for nobody we know.
    """
    now = workbench.clock()
    inventory = inventory_of(workbench)
    with workbench.database.reading() as tx:
        leases = tx.leases.unended_of(person_name)
    lease = next((x for x in leases if x.state is LeaseState.LIVE), None)
    use = _use(workbench, inventory, lease)
    with workbench.database.reading() as tx:
        person = tx.people.by_name(person_name)
        if person is None or person.institution not in workbench.catalogue.budgets:
            raise UnknownPersonError(f"{person_name} is not known here; sign in at the hub first.")
        balance = balance_of(workbench, tx, person)
        spoken = language or person.locale or workbench.policy.language
        session = (
            session_view(workbench, tx, inventory, person, lease, use, spoken) if lease else None
        )
        busy = bool(leases) or tx.tickets.open_of(person_name) is not None
        last_end = None if busy else end_view(workbench, tx, person_name, spoken)
    who = entitlement_of(workbench, person)
    title = who.institution.title.in_language(spoken)
    return Overview(
        person=PersonView(
            name=person.name,
            display_name=person.display_name,
            institution=Named(name=who.institution.name, title=title),
            language=spoken,
        ),
        session=session,
        last_end=last_end,
        ticket=ticket_view(waiting.view_of(workbench, person_name), spoken),
        budget=_budget(workbench, balance, lease, title, now),
        datasets=tuple(_dataset(workbench, dataset, spoken) for dataset in who.datasets),
        served_at=now,
    )


def _use(workbench: Workbench, inventory: Inventory, lease: Lease | None) -> SliceUse | None:
    """How busy the session's slice is; None where nobody can tell."""
    if lease is None or lease.slice is None or lease.slice.gpu not in inventory.by_name:
        return None
    try:
        return workbench.inventory.use(lease.slice)
    except LabwerkError:
        return None


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
