"""A workbench on a real SQLite file, with declared GPUs and a clock that a test sets.

Engine and storage are the simulated ones of :mod:`support.simulated`. What the hub and the
hub service do around the services (create and start a container, ask for a start when
somebody is called) is here in as few lines as it takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from labwerk_hub.adapters.declared import DeclaredGpus, declared_gpu
from labwerk_hub.adapters.sql import SqlDatabase, migrate
from labwerk_hub.domain.admission import Request
from labwerk_hub.domain.budgets import Budget, BudgetKind, Figures
from labwerk_hub.domain.catalogue import Catalogue, Flavour, Image
from labwerk_hub.domain.container import Limits
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice
from labwerk_hub.domain.leases import EndReason, Lease
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR, used
from labwerk_hub.domain.people import Identity, Institution
from labwerk_hub.domain.periods import Months
from labwerk_hub.domain.texts import Localized
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.errors import GpuBusyError, GpuFaultError
from labwerk_hub.services import line, metering, people, sessions, waiting
from labwerk_hub.services.ports import SliceUse
from labwerk_hub.services.workbench import Done, Policy, WaitingPolicy, Workbench

from support.simulated import FolderStorage, SimulatedEngine

H100 = "H100-80GB"
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def fixed_gpu(name: str = "fixed", *layout: str) -> Gpu:
    """A simulated H100 cut into ``layout`` once and for all; two small slices without one."""
    return declared_gpu(name, H100, layout or ["1g.10gb@0", "1g.10gb@1"], simulated=True)


def dynamic_gpu(name: str = "dynamic") -> Gpu:
    """A simulated H100 that is cut at each start."""
    return declared_gpu(name, H100, simulated=True, dynamic=True)


def flavour(name: str, profile: str = "", **values: int) -> Flavour:
    """A flavour of one profile of the H100, or without a GPU; 2 hours first, 8 at most."""
    terms = {"longest_hours": 8, "default_hours": 2, "idle_minutes": 60} | values
    slices = {H100: profile} if profile else {}
    return Flavour(name, Localized.same(name.title()), 1.0, 3, slices=slices, **terms)


def image(name: str, tag: str | None = "") -> Image:
    """An image; its tag is made up unless it has one, or None for one that is not built."""
    made = f"labwerk/{name}:1" if tag == "" else tag
    return Image(name, Localized.same(name.title()), Localized.same("…"), made)


def budget(
    name: str = "thr",
    ticks: int = 400 * TICKS_PER_GPU_HOUR,
    person_ticks: int | None = 60 * TICKS_PER_GPU_HOUR,
    kind: BudgetKind = BudgetKind.INSTITUTION,
    institution: str = "",
    **values: object,
) -> Budget:
    """A budget; an institution's, for calendar months, unless it says otherwise."""
    given: dict[str, object] = {"periods": Months(ZoneInfo("Europe/Berlin"))} | values
    return Budget(
        kind=kind,
        name=name,
        title=Localized.same(name.title()),
        institution=institution or name,
        ticks=ticks,
        person_ticks=person_ticks,
        **given,  # type: ignore[arg-type]
    )


def budgets(*of: Budget) -> dict[str, Budget]:
    """Budgets by their ids."""
    return {one.id: one for one in of}


CATALOGUE = Catalogue(
    institutions=(
        Institution("thr", Localized.same("TH Rhein"), ("th-rhein.example",)),
        Institution("iwe", Localized.same("IWE"), ("iwe.example",)),
    ),
    budgets=budgets(budget("thr"), budget("iwe")),
    projects=(),
    courses=(),
    flavours=(
        flavour("small", "1g.10gb"),
        flavour("medium", "2g.20gb"),
        flavour("large", "3g.40gb"),
        flavour("cpu", longest_hours=12, default_hours=0, idle_minutes=0),
    ),
    images=(image("base"), image("torch"), image("rapids", None)),
    datasets=(),
)
POLICY = Policy(
    zone=ZoneInfo("Europe/Berlin"),
    intent_timeout_seconds=180,
    instance="tests",
    service_url="http://10.213.0.1:8082/services/labwerk",
    limits=Limits(pids=100, tmp_bytes=2**20, network="labwerk"),
    language="en",
    idle_warning_seconds=600,
    waiting=WaitingPolicy(),
)


@dataclass
class Clock:
    """The time, as a test sets it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """The time now."""
        return self.now

    def step(self, **amounts: float) -> None:
        """Go on by ``minutes=5`` and the like."""
        self.now += timedelta(**amounts)

    @property
    def ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.now.timestamp() * 1000)


class RecordedGpus:
    """Declared GPUs, with what was asked for in order, and devices that a test makes fail.

    ``log`` has ``prepare LABEL`` and ``release LABEL``; slices in ``busy`` cannot be
    released; GPUs in ``faults`` (name → clause) are known to be broken, those in ``failing``
    only turn out to be when they are cut; ``used`` is how busy slices are.
    """

    def __init__(self, *gpus: Gpu) -> None:
        self._declared = DeclaredGpus(gpus)
        self.log: list[str] = []
        self.busy: set[str] = set()
        self.faults: dict[str, str] = {}
        self.failing: dict[str, str] = {}
        self.used: dict[str, SliceUse] = {}

    def read(self, fresh: bool = False) -> Inventory:
        """The GPUs, with their faults."""
        gpus = self._declared.read(fresh).gpus
        return Inventory(tuple(replace(g, fault=self.faults.get(g.name, g.fault)) for g in gpus))

    def prepare(self, slice_: Slice) -> str | None:
        """As declared GPUs do, unless the GPU is broken."""
        self.log.append(f"prepare {slice_.label}")
        if clause := self.faults.get(slice_.gpu) or self.failing.get(slice_.gpu):
            raise GpuFaultError(f"{slice_.gpu} {clause}.")
        return self._declared.prepare(slice_)

    def release(self, slice_: Slice) -> None:
        """As declared GPUs do, unless the GPU is broken or something still runs there."""
        self.log.append(f"release {slice_.label}")
        if clause := self.faults.get(slice_.gpu):
            raise GpuFaultError(f"{slice_.gpu} {clause}.")
        if slice_.label in self.busy:
            raise GpuBusyError(f"A process still lives in {slice_.label}.")
        self._declared.release(slice_)

    def use(self, slice_: Slice) -> SliceUse:
        """What the test says; not measurable if it says nothing."""
        return self.used.get(slice_.label, SliceUse())


@dataclass
class Bench:
    """A workbench and what stands around it."""

    workbench: Workbench
    clock: Clock
    engine: SimulatedEngine
    gpus: RecordedGpus
    storage: FolderStorage
    _people: int = field(default=0)

    def person(
        self, name: str, institution: str = "thr", *groups: str, locale: str | None = "en"
    ) -> str:
        """Somebody who has signed in; their hub user name."""
        self._people += 1
        identity = Identity(
            issuer="https://sso.example",
            subject=str(self._people),
            institution=institution,
            display_name=name,
            email=None,
            locale=locale,
            groups=frozenset(groups),
            roles=frozenset(),
        )
        return people.remember(self.workbench, identity).name

    def start(
        self, person: str, flavour: str = "small", image: str = "base", *, wait: bool = False
    ) -> Lease:
        """What the hub does for a start, up to the server's first answer."""
        granted = sessions.admit(self.workbench, person, Request(flavour, image, wait))
        self.run(granted)
        return self.lease(granted.lease.session)

    def run(self, granted: sessions.Granted) -> None:
        """Have the engine run what was granted."""
        self.engine.create(granted.spec.name, granted.spec.labels)
        self.engine.start(granted.spec.name)
        sessions.begun(self.workbench, granted.spec.name)

    def meter(self, session: str) -> None:
        """Have it charged up to now."""
        container = self.engine.session(session)
        assert container is not None
        metering.meter(self.workbench, container, self.clock.ms)

    def queue(self, person: str, flavour: str = "small", image: str = "base") -> Ticket:
        """Ask with "wait" while nothing is free; the ticket."""
        try:
            sessions.admit(self.workbench, person, Request(flavour, image, wait=True))
        except sessions.WaitingError as waits:
            return waits.ticket
        raise AssertionError(f"{person} was given a session")

    def stop(self, person: str) -> None:
        """What the hub does when somebody stops their server."""
        for lease in self.leases(person):
            sessions.ended(self.workbench, lease.session, EndReason.STOPPED)

    def lease(self, session: str) -> Lease:
        """A session's lease as the database has it."""
        with self.workbench.database.reading() as tx:
            found = tx.leases.get(session)
        assert found is not None
        return found

    def leases(self, person: str | None = None) -> list[Lease]:
        """Intended and live leases, of a person or all."""
        with self.workbench.database.reading() as tx:
            return tx.leases.unended_of(person) if person else tx.leases.unended()

    def holding(self) -> list[str]:
        """The slices that are held, by their labels."""
        with self.workbench.database.reading() as tx:
            return sorted(x.slice.label for x in tx.leases.holding() if x.slice is not None)

    def ticket(self, person: str) -> Ticket | None:
        """The person's open ticket."""
        with self.workbench.database.reading() as tx:
            return tx.tickets.open_of(person)

    def open_ticket(self, person: str) -> Ticket:
        """The same, where there must be one."""
        found = self.ticket(person)
        assert found is not None, f"{person} is not in line"
        return found

    def how_it_ended(self, person: str) -> TicketState:
        """What became of the person's last ticket, none of which is open."""
        assert self.ticket(person) is None, f"{person} is still in line"
        with self.workbench.database.reading() as tx:
            found = tx.tickets.last_ended_of(person)
        assert found is not None, f"{person} never was in line"
        return found.state

    def advance(self) -> list[str]:
        """Have the service advance the line; those who are called and have not started yet."""
        return [ticket.person for ticket in self.called()]

    def called(self) -> list[Ticket]:
        """The same as tickets; the hub takes every start on."""
        found = line.advance(self.workbench)
        for ticket in found:
            line.offered(self.workbench, ticket)
        return list(found)

    def view(self, person: str) -> waiting.WaitingView:
        """What the person in line is shown."""
        found = waiting.view_of(self.workbench, person)
        assert found is not None, f"{person} is not in line"
        return found

    def outcomes(self) -> dict[str, int]:
        """The counters of starts."""
        with self.workbench.database.reading() as tx:
            return dict(tx.outcomes.all())

    def figures(self, name: str = "institution/thr", period: str = "") -> Figures:
        """What the ledger has of a budget in this month, or in another period."""
        with self.workbench.database.reading() as tx:
            return tx.ledger.figures(name, period or self.clock.now.strftime("%Y-%m"))

    def used_by(self, person: str, name: str = "institution/thr", period: str = "") -> int:
        """What a person has used of a budget."""
        with self.workbench.database.reading() as tx:
            known = tx.people.by_name(person)
            assert known is not None
            account = used(known.pseudonym)
            found = tx.ledger.accounts(name, period or self.clock.now.strftime("%Y-%m"))
            return found.get(account, 0)

    def with_policy(self, **values: object) -> None:
        """Other values of the settings, from now on."""
        policy = replace(self.workbench.policy, **values)  # type: ignore[arg-type]
        self.workbench = replace(self.workbench, policy=policy)

    def with_catalogue(self, **values: object) -> None:
        """Another catalogue, from now on."""
        catalogue = replace(self.workbench.catalogue, **values)  # type: ignore[arg-type]
        self.workbench = replace(self.workbench, catalogue=catalogue, opened=Done(), carried=Done())


@contextmanager
def bench_in(
    folder: Path, gpus: Sequence[Gpu] | None = None, url: str | None = None
) -> Iterator[Bench]:
    """A bench whose folders are in ``folder``; with one fixed GPU of two slices.

    The database is there, too, unless the ``url`` of an empty one is named.
    """
    url = url or f"sqlite:///{folder / 'labwerk.sqlite'}"
    migrate(url)
    database = SqlDatabase(url, first_uid=200_000)
    clock = Clock()
    engine = SimulatedEngine(clock)
    storage = FolderStorage(folder)
    pool = RecordedGpus(*(gpus if gpus is not None else [fixed_gpu()]))
    workbench = Workbench(
        catalogue=CATALOGUE,
        policy=POLICY,
        database=database,
        engine=engine,
        inventory=pool,
        storage=storage,
        clock=clock,
    )
    try:
        yield Bench(workbench, clock, engine, pool, storage)
    finally:
        database.close()
