"""What may be started now: the start page's offers, and the check at start.

:func:`offers` is the only place that decides. The page shows what it returns; a start is
granted only if the very same function, in the transaction that takes the lease, offers it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from labwerk_hub.domain.catalogue import Catalogue, Flavour, Image
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice, free_slices
from labwerk_hub.domain.ledger import Balance
from labwerk_hub.domain.texts import Message

#: A session that the budget could not carry for this long is not begun.
SHORTEST_SECONDS = 15 * 60


class Reason(StrEnum):
    """Why something cannot be started; stable, for metrics and tests."""

    NO_SLICE_FREE = "no-slice-free"
    BUDGET_USED_UP = "budget-used-up"
    NOT_ENTITLED = "not-entitled"
    UNKNOWN_CHOICE = "unknown-choice"
    IMAGE_MISSING = "image-missing"
    ENGINE_UNREACHABLE = "engine-unreachable"
    ALREADY_RUNNING = "already-running"


@dataclass(frozen=True)
class Refusal:
    """A reason, a sentence, and until when it is expected to hold (None: not known)."""

    reason: Reason
    message: Message
    until: datetime | None = None


@dataclass(frozen=True)
class Request:
    """What a person asks for, by the names of a flavour and an image."""

    flavour: str
    image: str


@dataclass(frozen=True)
class HeldSlice:
    """A slice in use and when its lease ends."""

    slice: Slice
    ends_at: datetime


@dataclass(frozen=True)
class Offer:
    """One flavour with one image.

    ``free`` of ``total`` slices can be taken now (None without a GPU). A second costs
    ``ticks_per_second``: what the slice that would be handed out costs, or the cheapest
    where none is free. ``lasts_seconds`` is how long what is left of the budget pays for
    it (None: it costs nothing). A session lasts ``longest_seconds`` at most.
    """

    flavour: Flavour
    image: Image
    free: int | None
    total: int | None
    models: tuple[str, ...]
    simulated: bool
    ticks_per_second: int
    lasts_seconds: int | None
    longest_seconds: int
    refusal: Refusal | None
    slice: Slice | None = None


def offers(
    catalogue: Catalogue, inventory: Inventory, held: Iterable[HeldSlice], balance: Balance
) -> tuple[Offer, ...]:
    """Every flavour with every image: what it costs, and why not, where not."""
    held = tuple(held)
    return tuple(
        _offer(flavour, image, inventory, held, balance)
        for flavour in catalogue.flavours
        for image in catalogue.images
    )


def find(all_offers: Iterable[Offer], request: Request) -> Offer | Refusal:
    """The offer that ``request`` names, or why there is none or it cannot be had."""
    for offer in all_offers:
        if (offer.flavour.name, offer.image.name) == (request.flavour, request.image):
            return offer.refusal or offer
    return Refusal(
        Reason.UNKNOWN_CHOICE,
        Message(
            "There is no “%(flavour)s” with the image “%(image)s”. Please choose from the page.",
            {"flavour": request.flavour[:40], "image": request.image[:40]},
        ),
    )


def _offer(
    flavour: Flavour,
    image: Image,
    inventory: Inventory,
    held: tuple[HeldSlice, ...],
    balance: Balance,
) -> Offer:
    matching = inventory.matching(flavour.slices)
    free = free_slices(inventory, flavour.slices, (holding.slice for holding in held))
    rate = _rate(flavour, free or matching)
    lasts = balance.left // rate if rate else None
    longest = flavour.longest_hours * 3600
    return Offer(
        flavour=flavour,
        image=image,
        free=len(free) if flavour.needs_gpu else None,
        total=len(matching) if flavour.needs_gpu else None,
        models=tuple(dict.fromkeys(gpu.model.name for gpu, _ in matching)),
        simulated=any(gpu.simulated for gpu, _ in matching),
        ticks_per_second=rate,
        lasts_seconds=lasts,
        longest_seconds=longest if lasts is None else min(longest, lasts),
        refusal=_refusal(flavour, image, matching, free, held, lasts),
        slice=free[0][1] if free else None,
    )


def _rate(flavour: Flavour, candidates: list[tuple[Gpu, Slice]]) -> int:
    if not flavour.needs_gpu:
        return flavour.ticks
    # The first free slice is the one that would be handed out.
    return candidates[0][0].ticks_per_second(candidates[0][1]) if candidates else 0


def _refusal(
    flavour: Flavour,
    image: Image,
    matching: list[tuple[Gpu, Slice]],
    free: list[tuple[Gpu, Slice]],
    held: tuple[HeldSlice, ...],
    lasts: int | None,
) -> Refusal | None:
    if image.tag is None:
        return Refusal(
            Reason.IMAGE_MISSING,
            Message("This image has not been built on this machine yet. Please tell an operator."),
        )
    if flavour.needs_gpu and not matching:
        return Refusal(
            Reason.NO_SLICE_FREE, Message("No GPU of this pool can be cut into such a slice.")
        )
    if lasts is not None and lasts < SHORTEST_SECONDS:
        return Refusal(
            Reason.BUDGET_USED_UP,
            Message(
                "Your budget for this month does not pay for another %(minutes)s minutes of this. "
                "Choose something smaller, or ask your institution for more.",
                {"minutes": SHORTEST_SECONDS // 60},
            ),
        )
    if flavour.needs_gpu and not free:
        return _all_held(matching, held)
    return None


def _all_held(matching: list[tuple[Gpu, Slice]], held: tuple[HeldSlice, ...]) -> Refusal:
    """Nothing is free; the sentence says when the first slice is due back."""

    def freed_at(slice_: Slice) -> datetime:
        return max(
            h.ends_at for h in held if h.slice.gpu == slice_.gpu and h.slice.mask & slice_.mask
        )

    until = min(freed_at(slice_) for _, slice_ in matching)
    return Refusal(
        Reason.NO_SLICE_FREE,
        Message(
            "All %(total)s of these slices are in use. "
            "The next one is due back %(until)s at the latest.",
            {"total": len(matching), "until": until},
        ),
        until,
    )
