"""What may be started now: the start page's offers, and the check at start.

:func:`offers` is the only place that decides. The page shows what it returns; a start is
granted only if the very same function, in the transaction that takes the lease, offers it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from labwerk_hub.domain.budgets import Purse
from labwerk_hub.domain.catalogue import Catalogue, Flavour, Image
from labwerk_hub.domain.gpu import Gpu, Slice
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.domain.placement import Placement
from labwerk_hub.domain.pool import Pool
from labwerk_hub.domain.terms import SessionRule, term
from labwerk_hub.domain.texts import GpuHours, Message, Param

#: A session that the budget could not carry for this long is not begun.
SHORTEST_SECONDS = 15 * 60
#: A hundredth of a GPU-hour, in ticks: what is missing is rounded up to it where it is shown.
_SHOWN_TICKS = 864


class Reason(StrEnum):
    """Why something cannot be started; stable, for metrics and tests."""

    NO_SLICE_FREE = "no-slice-free"
    NO_SUCH_SLICE = "no-such-slice"
    RESERVED = "reserved"
    BUDGET_USED_UP = "budget-used-up"
    UNKNOWN_PAYER = "unknown-payer"
    NOT_ENTITLED = "not-entitled"
    UNKNOWN_CHOICE = "unknown-choice"
    IMAGE_MISSING = "image-missing"
    IMAGE_TOO_LARGE = "image-too-large"
    ENGINE_UNREACHABLE = "engine-unreachable"
    ALREADY_RUNNING = "already-running"
    NOT_RUNNING = "not-running"
    OTHERS_WAIT = "others-wait"
    LONGEST = "longest"
    NOT_YET = "not-yet"


#: What passes by itself, so that it makes sense to wait for it.
_PASSING = (Reason.NO_SLICE_FREE, Reason.RESERVED)


@dataclass(frozen=True)
class Refusal:
    """A reason, a sentence, and until when it is expected to hold (None: not known)."""

    reason: Reason
    message: Message
    until: datetime | None = None


@dataclass(frozen=True)
class Request:
    """What a person asks for, by the names of a flavour and an image.

    With ``wait`` they take a place in line if nothing is free. ``payer`` is the id of the
    budget that is to pay; empty: the one that paid last, or their institution's.
    """

    flavour: str
    image: str
    wait: bool = False
    payer: str = ""


@dataclass(frozen=True)
class Rules:
    """What decides how long a person's sessions last, and whether people may wait."""

    groups: Collection[str]
    session_rules: tuple[SessionRule, ...] = ()
    waiting: bool = True


@dataclass(frozen=True)
class Offer:
    """One flavour with one image.

    ``free`` of ``total`` slices can be taken now (None without a GPU). A second costs
    ``ticks_per_second``: what the slice that would be handed out costs, or the cheapest
    where none is free; it is ``simulated`` if that slice is (``partly_simulated``: others, or
    some of them, are). ``lasts_seconds`` is how long what is left of the budget pays for
    it (None: it costs nothing). A session first ends after ``usual_seconds`` and lasts
    ``longest_seconds`` at most with this budget, and ``allowed_seconds`` with any;
    ``promised_from`` is when it must have ended because the
    slice is promised to others, where that is what bounds it. Who ``may_wait`` for it stands
    behind ``before`` others. With ``over_use`` the budget does not pay for it, and it ends
    as soon as somebody waits.
    """

    flavour: Flavour
    image: Image
    free: int | None
    total: int | None
    models: tuple[str, ...]
    simulated: bool
    partly_simulated: bool
    shared_by: int
    ticks_per_second: int
    lasts_seconds: int | None
    usual_seconds: int
    longest_seconds: int
    allowed_seconds: int
    refusal: Refusal | None
    slice: Slice | None = None
    promised_from: datetime | None = None
    may_wait: bool = False
    before: int = 0
    expected: datetime | None = None
    over_use: bool = False


def offers(catalogue: Catalogue, pool: Pool, purse: Purse, rules: Rules) -> tuple[Offer, ...]:
    """Every flavour with every image: what it costs, and why not, where not."""
    images = catalogue.images
    found = (_of(f, images[0], pool, purse, rules) for f in catalogue.flavours if images)
    # What a flavour can be had for does not depend on the image.
    return tuple(_with(offer, image) for offer in found for image in images)


def find(all_offers: Iterable[Offer], request: Request) -> Offer | Refusal:
    """The offer that ``request`` names, or that there is none; it may have its own refusal."""
    for offer in all_offers:
        if (offer.flavour.name, offer.image.name) == (request.flavour, request.image):
            return offer
    return Refusal(
        Reason.UNKNOWN_CHOICE,
        Message(
            "There is no “%(flavour)s” with the image “%(image)s”. Please choose from the page.",
            {"flavour": request.flavour[:40], "image": request.image[:40]},
        ),
    )


def _of(flavour: Flavour, image: Image, pool: Pool, purse: Purse, rules: Rules) -> Offer:
    lasting = term(flavour, rules.groups, rules.session_rules)
    gpus = pool.inventory.matching(flavour.slices) if flavour.needs_gpu else []
    placement = pool.place(flavour, lasting.usual_seconds) if gpus else None
    rate = _rate(flavour, pool, placement)
    lasts = purse.pays_seconds(rate, pool.now_ms) if rate else None
    # Not beyond its periods: a project that is over has nobody who answers for it.
    over_use = (
        lasts is not None
        and lasts < SHORTEST_SECONDS
        and purse.budget.over_use
        and purse.balance.period.is_open
    )
    allowed = lasting.longest_seconds
    paid = allowed if lasts is None or over_use else min(allowed, lasts)
    promised = None
    if placement is not None and placement.until_ms is not None:
        open_for = max(0, (placement.until_ms - pool.now_ms) // 1000)
        promised = from_ms(placement.until_ms) if open_for < paid else None
        allowed = min(allowed, open_for)
    longest = min(paid, allowed)
    unpaid = None if over_use else _unpaid(rate, purse, pool.now_ms)
    refusal = _refusal(flavour, pool, bool(gpus), placement, unpaid, longest)
    waits = refusal is not None and refusal.reason in _PASSING
    return Offer(
        flavour=flavour,
        image=image,
        free=pool.free(flavour) if flavour.needs_gpu else None,
        total=pool.total(flavour) if flavour.needs_gpu else None,
        models=tuple(dict.fromkeys(gpu.model.name for gpu in gpus)),
        simulated=_is_simulated(gpus, placement),
        partly_simulated=len({gpu.simulated for gpu in gpus}) > 1,
        shared_by=max((gpu.shared_by(flavour.slices[gpu.model.name]) for gpu in gpus), default=1),
        ticks_per_second=rate,
        lasts_seconds=lasts,
        usual_seconds=min(lasting.usual_seconds, longest),
        longest_seconds=longest,
        allowed_seconds=allowed,
        over_use=over_use,
        refusal=refusal,
        slice=placement.slice if placement else None,
        promised_from=promised,
        may_wait=waits and rules.waiting,
        before=len(pool.waiting_for(flavour)) if waits else 0,
    )


def _with(offer: Offer, image: Image) -> Offer:
    """The same with another image, which may not be there, or ask for more memory."""
    refusal = _image_refusal(offer.flavour, image)
    if refusal is None:
        return replace(offer, image=image)
    return replace(offer, image=image, refusal=refusal, may_wait=False)


def _image_refusal(flavour: Flavour, image: Image) -> Refusal | None:
    if image.tag is None:
        return Refusal(
            Reason.IMAGE_MISSING,
            Message("This image has not been built on this machine yet. Please tell an operator."),
        )
    if image.memory_gib > flavour.memory_gib:
        return Refusal(
            Reason.IMAGE_TOO_LARGE,
            Message(
                "This image needs %(needed)s GiB of memory, and this machine has %(has)s GiB. "
                "Please choose a larger machine.",
                {"needed": image.memory_gib, "has": flavour.memory_gib},
            ),
        )
    return None


def _is_simulated(gpus: list[Gpu], placement: Placement | None) -> bool:
    if placement is not None:
        return placement.gpu.simulated
    return bool(gpus) and all(gpu.simulated for gpu in gpus)


def _rate(flavour: Flavour, pool: Pool, placement: Placement | None) -> int:
    """Ticks a second of the slice that would be handed out, or of the cheapest there is."""
    if not flavour.needs_gpu:
        return flavour.ticks
    if placement is not None:
        return placement.gpu.ticks_per_second(placement.slice)
    return min(
        (
            gpu.ticks_per_second(slice_)
            for gpu in pool.inventory.matching(flavour.slices)
            for slice_ in gpu.candidates(flavour.slices[gpu.model.name])
        ),
        default=0,
    )


def _refusal(
    flavour: Flavour,
    pool: Pool,
    can_be_cut: bool,
    placement: Placement | None,
    unpaid: Refusal | None,
    longest: int,
) -> Refusal | None:
    if flavour.needs_gpu and not can_be_cut:
        return _nowhere(flavour, pool)
    if unpaid is not None:
        return unpaid
    if not flavour.needs_gpu:
        return None
    if placement is None:
        return _all_held(flavour, pool)
    if longest < SHORTEST_SECONDS and placement.until_ms is not None:
        return Refusal(
            Reason.RESERVED,
            Message(
                "What is free is promised to others from %(from)s on.",
                {"from": from_ms(placement.until_ms)},
            ),
        )
    return None


def _unpaid(rate: int, purse: Purse, now_ms: int) -> Refusal | None:
    """That the budget does not pay for the shortest session, and how much is missing."""
    missing = purse.missing_ticks(rate, SHORTEST_SECONDS, now_ms) if rate else 0
    if not missing:
        return None
    params: dict[str, Param] = {"budget": purse.budget.title, "minutes": SHORTEST_SECONDS // 60}
    if not purse.balance.period.is_open:
        return Refusal(
            Reason.BUDGET_USED_UP,
            Message("“%(budget)s” has no budget at this time. Choose another one.", params),
        )
    return Refusal(
        Reason.BUDGET_USED_UP,
        Message(
            "“%(budget)s” has %(left)s left for you: %(missing)s too little for %(minutes)s "
            "minutes of this. Choose something smaller or another budget, or ask for more.",
            params
            | {
                "left": GpuHours(purse.balance.left),
                "missing": GpuHours(-(-missing // _SHOWN_TICKS) * _SHOWN_TICKS),
            },
        ),
    )


def _nowhere(flavour: Flavour, pool: Pool) -> Refusal:
    """No GPU that is well can serve the flavour; it matters whether a broken one could."""
    broken = any(
        gpu.fault is not None and gpu.candidates(flavour.slices.get(gpu.model.name, ""))
        for gpu in pool.inventory.gpus
    )
    if not pool.inventory.readable:
        sentence = Message(
            "The GPUs cannot be asked just now. Sessions without a GPU can be started."
        )
    elif broken:
        sentence = Message(
            "The GPUs that could be cut into such a slice have failed. Operators can see why."
        )
    else:
        sentence = Message("No GPU of this pool can be cut into such a slice.")
    return Refusal(Reason.NO_SUCH_SLICE, sentence)


def _all_held(flavour: Flavour, pool: Pool) -> Refusal:
    """Nothing is free; the sentence says when the first slice is due back at the latest."""
    ends = [
        _freed_ms(slice_, pool)
        for gpu in pool.inventory.matching(flavour.slices)
        for slice_ in gpu.candidates(flavour.slices[gpu.model.name])
    ]
    known = [end for end in ends if end is not None]
    total = pool.total(flavour)
    if not known:  # what stands there is not ours, or is promised to others
        return Refusal(
            Reason.NO_SLICE_FREE,
            Message("None of the %(total)s such slices can be had now.", {"total": total}),
        )
    until = from_ms(min(known))
    if total == 1:
        sentence = Message(
            "The only such slice is in use. It is due back %(until)s at the latest.",
            {"until": until},
        )
    else:
        sentence = Message(
            "All %(total)s of these slices are in use. "
            "The next one is due back %(until)s at the latest.",
            {"total": total, "until": until},
        )
    return Refusal(Reason.NO_SLICE_FREE, sentence, until)


def _freed_ms(slice_: Slice, pool: Pool) -> int | None:
    """When no lease holds a unit of ``slice_`` any more; None if none holds one now."""
    return max(
        (
            held.ends_ms
            for held in pool.due
            if held.slice.gpu == slice_.gpu and held.slice.mask & slice_.mask
        ),
        default=None,
    )
