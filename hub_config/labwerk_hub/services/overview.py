"""What Lab, pages and the notebook client show: one view, from the ledger and the leases."""

from __future__ import annotations

from labwerk_hub.domain.catalogue import Dataset
from labwerk_hub.domain.entitlement import Entitlement
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.people import Person
from labwerk_hub.errors import LabwerkError, UnknownPersonError
from labwerk_hub.services import waiting
from labwerk_hub.services.budget_views import BudgetView, PayerView, budget_view, payer_view
from labwerk_hub.services.budgets import payers_of, paying, purse_of
from labwerk_hub.services.lifetime import grace_ends_ms
from labwerk_hub.services.offers import payer_of
from labwerk_hub.services.openings import open_now
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
from labwerk_hub.services.storage import StorageView, views_of
from labwerk_hub.services.views import Moment, Named, View
from labwerk_hub.services.workbench import Workbench


class PersonView(View):
    """Who it is about."""

    name: str
    display_name: str
    institution: Named
    language: str


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
    payers: tuple[PayerView, ...]
    datasets: tuple[DatasetView, ...]
    storage: tuple[StorageView, ...]
    served_at: Moment


def of_person(workbench: Workbench, person_name: str, language: str | None = None) -> Overview:
    """The overview of one person, texts in ``language`` (default: the person's own).

    Raises UnknownPersonError for nobody we know.
    """
    now = workbench.clock()
    inventory = inventory_of(workbench)
    open_now(workbench)
    with workbench.database.reading() as tx:
        leases = tx.leases.unended_of(person_name)
    lease = next((x for x in leases if x.state is LeaseState.LIVE), None)
    use = _use(workbench, inventory, lease)
    with workbench.database.reading() as tx:
        person = tx.people.by_name(person_name)
        who = _entitled(workbench, person)
        if person is None or who is None or not payers_of(workbench, who):
            raise UnknownPersonError(f"{person_name} is not known here; sign in at the hub first.")
        last = tx.people.last_request(person_name)
        budget = (
            paying(workbench, tx, leases[0])
            if leases
            else payer_of(workbench, who, "", last.payer if last is not None else "")
        )
        purses = [
            purse_of(workbench, tx, person, possible) for possible in payers_of(workbench, who)
        ]
        purse = purse_of(workbench, tx, person, budget)
        grace_ms = grace_ends_ms(workbench, tx, person, lease) if lease else None
        spoken = language or person.locale or workbench.policy.language
        session = (
            session_view(workbench, tx, inventory, person, lease, use, spoken) if lease else None
        )
        busy = bool(leases) or tx.tickets.open_of(person_name) is not None
        last_end = None if busy else end_view(workbench, tx, person_name, spoken)
        storage = views_of(workbench, tx, person_name, who.projects, spoken)
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
        budget=budget_view(purse, lease, grace_ms, now, workbench.catalogue, spoken),
        payers=tuple(payer_view(one, budget.id, workbench.catalogue, spoken) for one in purses),
        datasets=tuple(_dataset(workbench, dataset, spoken) for dataset in who.datasets),
        storage=storage,
        served_at=now,
    )


def _entitled(workbench: Workbench, person: Person | None) -> Entitlement | None:
    """What a person may use; None for nobody, and for whoever's institution has left."""
    try:
        return entitlement_of(workbench, person) if person is not None else None
    except KeyError:
        return None


def _use(workbench: Workbench, inventory: Inventory, lease: Lease | None) -> SliceUse | None:
    """How busy the session's slice is; None where nobody can tell."""
    if lease is None or lease.slice is None or lease.slice.gpu not in inventory.by_name:
        return None
    try:
        return workbench.inventory.use(lease.slice)
    except LabwerkError:
        return None


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
