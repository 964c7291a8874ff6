"""Keeping slices for a group: made, listed, given up."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from labwerk_hub import formats
from labwerk_hub.domain.catalogue import Catalogue, Flavour
from labwerk_hub.domain.events import ROOT, EventKind
from labwerk_hub.domain.gpu import Inventory, Slice
from labwerk_hub.domain.leases import Lease
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.placement import Claim
from labwerk_hub.domain.reservations import LONGEST_MS, Reservation, choose, lost, occupied
from labwerk_hub.errors import LabwerkError
from labwerk_hub.services import audit
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

_FOREVER_MS = 1 << 62
_INSTITUTION = "institution:"
#: How a start may lie in the past: somebody reserves "from now on" and types for a while.
_TYPING = timedelta(minutes=5)


class ReservationError(LabwerkError):
    """A reservation that cannot be made, or one that there is not."""

    code = "reservation"


@dataclass(frozen=True)
class Wanted:
    """A reservation as somebody asks for it; see :class:`Reservation`."""

    title: str
    flavour: str
    group: str
    count: int
    start: datetime
    end: datetime
    release_after: timedelta


def current(workbench: Workbench) -> list[Reservation]:
    """Reservations that run or are to come, the earliest first."""
    with workbench.database.reading() as tx:
        return tx.reservations.current(to_ms(workbench.clock()))


def make(workbench: Workbench, wanted: Wanted, made_by: str, *, actor: str = ROOT) -> Reservation:
    """Keep slices as ``wanted``; ``actor`` is who does so in the audit chain.

    Raises ReservationError with a sentence that says what cannot be had and why; then
    nothing is kept at all.
    """
    wanted = replace(wanted, title=wanted.title.strip(), group=wanted.group.strip())
    flavour = _flavour(workbench.catalogue, wanted.flavour)
    _refuse_form(workbench, wanted)
    inventory = workbench.inventory.read(fresh=True)
    with workbench.database.writing() as tx:
        now_ms = to_ms(workbench.clock())
        found = _choose(workbench, tx, inventory, wanted, flavour, now_ms)
        reservation = Reservation(
            id=f"rs-{secrets.token_hex(4)}",
            title=wanted.title,
            flavour=flavour.name,
            group=wanted.group,
            from_ms=to_ms(wanted.start),
            to_ms=to_ms(wanted.end),
            release_after_ms=wanted.release_after // timedelta(milliseconds=1),
            slices=tuple(found),
            made_by=made_by,
            made_ms=now_ms,
        )
        tx.reservations.add(reservation)
        audit.record(
            workbench,
            tx,
            EventKind.RESERVATION,
            actor=actor,
            about=reservation.id,
            title=reservation.title,
            flavour=reservation.flavour,
            count=len(reservation.slices),
            from_ms=reservation.from_ms,
            to_ms=reservation.to_ms,
        )
    return reservation


def cancel(workbench: Workbench, identifier: str, *, actor: str = ROOT) -> Reservation:
    """Give a reservation up; its slices are everybody's at once.

    Raises ReservationError if there is no such one, or it is over.
    """
    with workbench.database.writing() as tx:
        now_ms = to_ms(workbench.clock())
        there = {r.id: r for r in tx.reservations.current(now_ms)}
        if not tx.reservations.cancel(identifier, now_ms):
            known = f"there are {', '.join(there)}" if there else "there is none"
            raise ReservationError(f"No reservation {identifier!r} runs or is to come; {known}.")
        audit.record(workbench, tx, EventKind.CANCELLATION, actor=actor, about=identifier)
        return there[identifier]


def problems(
    workbench: Workbench, inventory: Inventory, reservations: Iterable[Reservation]
) -> list[str]:
    """A sentence for each reservation that cannot be kept as it was made."""
    known = {flavour.name for flavour in workbench.catalogue.flavours}
    said = []
    for reservation in reservations:
        name = (
            f"Reservation {reservation.id} “{reservation.title}” ({_span(workbench, reservation)})"
        )
        remedy = f"cancel it (`reservations cancel {reservation.id}`) and make it anew"
        if reservation.flavour not in known:
            said.append(
                f"{name} is of the flavour {reservation.flavour!r}, which [[flavours]] no longer "
                f"has; {remedy}."
            )
        said += [
            f"{name} keeps {slice_.profile}@{slice_.start} of {slice_.gpu}, but {reason}; {remedy}."
            for slice_, reason in lost(reservation, inventory)
        ]
    return said


def _flavour(catalogue: Catalogue, name: str) -> Flavour:
    with_gpu = {flavour.name: flavour for flavour in catalogue.flavours if flavour.needs_gpu}
    if name in with_gpu:
        return with_gpu[name]
    known = ", ".join(with_gpu) or "none"
    if any(flavour.name == name for flavour in catalogue.flavours):
        raise ReservationError(
            f"The flavour {name!r} uses no GPU, so there is nothing to keep; with a GPU: {known}."
        )
    raise ReservationError(f"There is no flavour {name!r}; with a GPU there are {known}.")


def _refuse_form(workbench: Workbench, wanted: Wanted) -> None:
    """Raise ReservationError for what no pool in the world could keep."""
    now, longest = workbench.clock(), timedelta(milliseconds=LONGEST_MS)
    start, end = (_moment(workbench, moment) for moment in (wanted.start, wanted.end))
    problem = None
    if not wanted.title:
        problem = "A reservation needs a title, which people see on the board."
    elif wanted.count < 1:
        problem = f"{wanted.count} slices cannot be kept; ask for 1 or more."
    elif wanted.release_after < timedelta(0):
        problem = "Unused slices cannot go back before the reservation begins; ask for 0 or more."
    elif wanted.end <= wanted.start:
        problem = f"It would end ({end}) before it begins ({start}); are the two swapped?"
    elif wanted.start < now - _TYPING:
        problem = f"It would begin in the past: {start}, and it is {_moment(workbench, now)} now."
    elif wanted.end - wanted.start > longest:
        problem = f"From {start} to {end} is longer than the {longest.days} days there may be."
    if problem is not None:
        raise ReservationError(problem)
    _refuse_group(workbench.catalogue, wanted.group)


def _refuse_group(catalogue: Catalogue, group: str) -> None:
    """A provider's groups cannot be looked up; what is none for certain is refused."""
    remedy = "name a provider's group, such as 'course-ml4wind', or 'institution:NAME'"
    if not group or not group.isprintable():
        raise ReservationError(f"{group!r} is no group; {remedy}.")
    if group.startswith(_INSTITUTION):
        names = [institution.name for institution in catalogue.institutions]
        if group.removeprefix(_INSTITUTION) not in names:
            raise ReservationError(
                f"There is no institution {group.removeprefix(_INSTITUTION)!r}; "
                f"there are {', '.join(names)}."
            )
    # What the hub calls these people; the provider calls them otherwise.
    hub_names = {f"course:{course.name}": course.roster for course in catalogue.courses}
    hub_names |= {f"project:{project.name}": project.group for project in catalogue.projects}
    if group in hub_names:
        raise ReservationError(
            f"{group!r} is the hub's name of a group; {remedy}: here it is {hub_names[group]!r}."
        )


def _choose(
    workbench: Workbench,
    tx: Transaction,
    inventory: Inventory,
    wanted: Wanted,
    flavour: Flavour,
    now_ms: int,
) -> Sequence[Slice]:
    start_ms, end_ms = to_ms(wanted.start), to_ms(wanted.end)
    reserved = occupied(tx.reservations.current(now_ms))
    leases = [lease for lease in tx.leases.unended() if lease.slice is not None]

    def possible(pool: Inventory, *busy: Claim) -> list[Slice]:
        return choose(pool, flavour.slices, start_ms, end_ms, busy)

    held = _held(inventory, leases, now_ms)
    found = possible(inventory, *held, *reserved)
    if len(found) >= wanted.count:
        return found[: wanted.count]
    well = Inventory(tuple(replace(gpu, fault=None) for gpu in inventory.gpus))
    total, working = len(possible(well)), len(possible(inventory))
    beside = len(possible(inventory, *reserved))
    raise ReservationError(
        _shortage(workbench, wanted, flavour, leases, (total, working, beside, len(found)))
    )


def _held(inventory: Inventory, leases: Sequence[Lease], now_ms: int) -> list[Claim]:
    """What sessions hold until their ends, and instances that are nobody's of ours."""
    ours = {lease.slice for lease in leases}
    held = [Claim(x.slice, now_ms, x.ends_ms) for x in leases if x.slice is not None]
    return held + [
        Claim(instance, now_ms, _FOREVER_MS)
        for gpu in inventory.gpus
        for instance in gpu.instances
        if instance not in ours
    ]


def _shortage(
    workbench: Workbench,
    wanted: Wanted,
    flavour: Flavour,
    leases: Sequence[Lease],
    figures: tuple[int, int, int, int],
) -> str:
    """Why fewer than wanted; ``figures``: in the pool, that work, not reserved, possible."""
    total, working, beside, possible = figures
    title = f"{flavour.title.in_language('en')} ({flavour.name})"
    if total == 0:
        return f"No GPU of this pool can be cut into “{title}”; nothing can be kept."
    parts = [f"the pool has {total} of “{title}”"]
    if working < total:
        parts.append(f"{total - working} of them on GPUs with a fault")
    if beside < working:
        parts.append(f"{working - beside} kept for other reservations then")
    if possible < beside:
        last = max((from_ms(lease.ends_ms) for lease in leases), default=None)
        until = f", the last of which ends {_moment(workbench, last)} at the latest" if last else ""
        parts.append(f"{beside - possible} in the way of sessions that may last so long{until}")
    span = f"from {_moment(workbench, wanted.start)} to {_moment(workbench, wanted.end)}"
    only = f"Only {possible}" if possible else "None"
    return f"{only} of the {wanted.count} asked for can be kept {span}: {', '.join(parts)}."


def _span(workbench: Workbench, reservation: Reservation) -> str:
    start, end = (_moment(workbench, from_ms(x)) for x in (reservation.from_ms, reservation.to_ms))
    return f"{start} to {end}"


def _moment(workbench: Workbench, when: datetime) -> str:
    return formats.moment(when, "en", workbench.policy.zone, workbench.clock())
