"""A running session, and a wait for one, as Lab, pages and the notebook client show them."""

from __future__ import annotations

from datetime import datetime

from labwerk_hub.domain.gpu import Inventory, Slice
from labwerk_hub.domain.leases import EndReason, Lease
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import Message
from labwerk_hub.domain.waiting import TicketState
from labwerk_hub.services import lifetime
from labwerk_hub.services.extension import extension_of
from labwerk_hub.services.ports import SliceUse
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.views import Moment, Named, View
from labwerk_hub.services.waiting import WaitingView
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import render


class SliceUseView(View):
    """How busy a slice is; None where that cannot be measured, ``utilisation`` a share of one."""

    memory_used_mib: int | None
    processes: int | None
    utilisation: float | None


class SliceView(View):
    """A slice: ``units`` of the GPU's ``units_total``; ``memory_mib`` None if not known.

    ``shared_by`` sessions at most compute on it in turns; ``use`` is None if it is simulated.
    """

    label: str
    gpu: str
    model: str
    profile: str
    units: int
    units_total: int
    memory_mib: int | None
    simulated: bool
    shared_by: int = 1
    use: SliceUseView | None = None


class ExtensionView(View):
    """To when the end would be moved now; None, and why, if it cannot be."""

    until: Moment | None
    refusal: str | None


class IdleView(View):
    """Since when nothing runs and when the session is stopped for it (None: something does)."""

    since: Moment | None
    stops_at: Moment | None
    warning: bool


class SessionView(View):
    """A running session. ``idle`` is None without an idle rule, ``problem`` if all is well."""

    id: str
    flavour: Named
    image: Named
    slice: SliceView | None
    cpus: float
    memory_gib: int
    started_at: Moment
    ends_at: Moment
    longest_ends_at: Moment
    extension: ExtensionView
    idle: IdleView | None
    waiting_behind: int
    problem: str | None


class EndView(View):
    """How the last session ended, if that was not the person's own doing."""

    ended_at: Moment
    sentence: str


class TicketView(View):
    """A person's place in line."""

    id: str
    flavour: Named
    image: Named
    place: int
    before: int
    due_back: Moment | None
    expected: Moment | None
    called: bool
    held_until: Moment | None


def session_view(
    workbench: Workbench,
    tx: Transaction,
    inventory: Inventory,
    person: Person,
    lease: Lease,
    use: SliceUse | None,
    language: str,
) -> SessionView:
    """A live lease as people see it; ``use`` is None where nothing can be measured."""
    flavours = {flavour.name: flavour for flavour in workbench.catalogue.flavours}
    images = {image.name: image for image in workbench.catalogue.images}
    flavour, image = flavours.get(lease.flavour), images.get(lease.image)
    assert lease.started_ms is not None  # a live lease has begun
    extension = extension_of(workbench, tx, inventory, person, lease)
    refusal = extension.refusal
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
        slice=_slice(inventory, lease.slice, use) if lease.slice else None,
        cpus=flavour.cpus if flavour else 0,
        memory_gib=flavour.memory_gib if flavour else 0,
        started_at=from_ms(lease.started_ms),
        ends_at=from_ms(lease.ends_ms),
        longest_ends_at=from_ms(max(lease.longest_ms, lease.ends_ms)),
        extension=ExtensionView(
            until=_moment(extension.until_ms),
            refusal=_said(workbench, refusal.message, language) if refusal else None,
        ),
        idle=_idle(workbench, tx, person, lease),
        waiting_behind=extension.behind,
        problem=_problem(workbench, inventory, lease, language),
    )


def end_view(workbench: Workbench, tx: Transaction, person: str, language: str) -> EndView | None:
    """How the person's last session or wait ended; None if they know, since they did it."""
    lease, ticket = tx.leases.last_ended_of(person), tx.tickets.last_ended_of(person)
    ends: list[tuple[int, Message | None]] = []
    if lease is not None and lease.ended_ms is not None and lease.started_ms is not None:
        ends.append((lease.ended_ms, _ENDINGS.get(lease.end_reason)))
    if ticket is not None and ticket.ended_ms is not None:
        ends.append((ticket.ended_ms, _WAITS_ENDED.get(ticket.state)))
    ended_ms, sentence = max(ends, key=lambda end: end[0], default=(0, None))
    if sentence is None:
        return None
    return EndView(ended_at=from_ms(ended_ms), sentence=_said(workbench, sentence, language))


def ticket_view(view: WaitingView | None, language: str) -> TicketView | None:
    """A place in line as the wire has it."""
    if view is None:
        return None
    return TicketView(
        id=view.ticket.id,
        flavour=Named(name=view.flavour.name, title=view.flavour.title.in_language(language)),
        image=Named(name=view.image.name, title=view.image.title.in_language(language)),
        place=view.place,
        before=view.before,
        due_back=view.due_back,
        expected=view.expected,
        called=view.called,
        held_until=view.held_until,
    )


#: Ends that were not the person's own doing, in words.
_WAITS_ENDED = {
    TicketState.MISSED: Message(
        "It was your turn, but your session did not start in time. You can stand in line again."
    ),
    TicketState.REFUSED: Message(
        "Your wait has ended: what you waited for cannot be had any more, or your budget does "
        "not pay for it."
    ),
}
_ENDINGS: dict[EndReason | None, Message] = {
    EndReason.TIME_UP: Message("Your last session was stopped because its time was up."),
    EndReason.BUDGET: Message(
        "Your last session was stopped because the budget that paid for it was used up."
    ),
    EndReason.OVER_USE: Message(
        "Your last session, which ran without budget, has ended: its time was up, "
        "or somebody waited for its slice."
    ),
    EndReason.IDLE: Message("Your last session was stopped because nothing ran in it."),
    EndReason.NOT_COLLECTED: Message(
        "It was your turn and your session was started, but nobody came, "
        "so the next one in line got the slice."
    ),
    EndReason.ORPHANED: Message(
        "Your last session was stopped because the hub had lost sight of it."
    ),
    EndReason.LOST: Message(
        "Your last session ended without a trace, as after a restart of the machine."
    ),
}


def _idle(workbench: Workbench, tx: Transaction, person: Person, lease: Lease) -> IdleView | None:
    if not lifetime.term_of(workbench, person, lease).idle_seconds:
        return None
    found = lifetime.idle_of(workbench, person, lease, lifetime.activity_of(tx, lease))
    return IdleView(
        since=_moment(found.since_ms), stops_at=_moment(found.stops_at_ms), warning=found.warning
    )


def _problem(workbench: Workbench, inventory: Inventory, lease: Lease, language: str) -> str | None:
    """What is wrong with the session's GPU, for the one who uses it."""
    if lease.slice is None or not inventory.readable:  # nobody can tell just now
        return None
    gpu = inventory.by_name.get(lease.slice.gpu)
    if gpu is not None and gpu.fault is None:
        return None
    sentence = Message(
        "The GPU of this session has failed: what computes on it will not go on. "
        "Save your work and start another session."
    )
    return _said(workbench, sentence, language)


def _slice(inventory: Inventory, slice_: Slice, use: SliceUse | None) -> SliceView:
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
    measured = None
    if not gpu.simulated:
        known = use or SliceUse()
        measured = SliceUseView(
            memory_used_mib=known.memory_used_mib,
            processes=known.processes,
            utilisation=known.utilisation,
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
        shared_by=gpu.shared_by(slice_.profile),
        use=measured,
    )


def _said(workbench: Workbench, message: Message, language: str) -> str:
    return render(message, language, workbench.policy.zone)


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
