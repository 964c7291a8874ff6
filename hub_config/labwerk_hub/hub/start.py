"""The start page's content: offers as two questions, and the answers as a request.

The services offer every flavour with every image; people are asked for the one and the
other. Nothing is decided here: what may be had is what the offers say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from labwerk_hub.domain.admission import Offer, Reason, Refusal, Request
from labwerk_hub.domain.catalogue import Image
from labwerk_hub.services.sessions import StartPage

#: Refusals that are shown with the image; all others are the flavour's.
_FOR_THE_IMAGE = (Reason.IMAGE_MISSING, Reason.IMAGE_TOO_LARGE)


@dataclass(frozen=True)
class FlavourChoice:
    """A flavour as one answer: its best offer, and why not if it cannot be had now."""

    offer: Offer
    refusal: Refusal | None
    chosen: bool

    @property
    def name(self) -> str:
        """The answer's value."""
        return self.offer.flavour.name

    @property
    def waits(self) -> bool:
        """Whether choosing it means to stand in line."""
        return self.refusal is not None and self.offer.may_wait

    @property
    def possible(self) -> bool:
        """Whether it can be chosen: it can be had, or waited for."""
        return self.refusal is None or self.offer.may_wait


@dataclass(frozen=True)
class ImageChoice:
    """An image as one answer; ``wants_gpu`` if it is for GPUs and the flavour has none."""

    image: Image
    refusal: Refusal | None
    chosen: bool
    wants_gpu: bool


@dataclass(frozen=True)
class Choices:
    """Both questions. ``missed`` is what the person had last time and cannot have now.

    It may be that they can wait for it.
    """

    flavours: tuple[FlavourChoice, ...]
    images: tuple[ImageChoice, ...]
    missed: Offer | None

    @property
    def instead(self) -> FlavourChoice | None:
        """What is chosen now."""
        return next((flavour for flavour in self.flavours if flavour.chosen), None)

    @property
    def possible(self) -> bool:
        """Whether there is something to start."""
        return any(flavour.possible for flavour in self.flavours) and any(
            image.refusal is None for image in self.images
        )


def choices(page: StartPage, selected: Request | None = None, *, instead: bool = True) -> Choices:
    """The questions for ``page``, answered with ``selected``, or as they were last time.

    If that flavour cannot be had, the nearest that can is chosen instead: with a GPU if
    that one had one, and of the price next to it. If none can be had, it is one that can
    be waited for. Not so without ``instead``, which is for what is selected on a page that
    is open: it stays selected as long as it can be had or waited for, and nobody shall
    start what they never saw.
    """
    wanted = selected or page.last
    by_flavour = _grouped(page.offers, lambda offer: offer.flavour.name)
    best = [_best(group, wanted) for group in by_flavour]
    previous = next((o for o in best if wanted and o.flavour.name == wanted.flavour), None)
    chosen = _nearest(best, previous) if instead else _still(previous)
    images = [_with_flavour(group, chosen) for group in _by_image(page.offers)]
    image = _chosen_image(images, wanted, instead=instead or selected is None)
    return Choices(
        flavours=tuple(FlavourChoice(o, o.refusal, o is chosen) for o in best),
        images=tuple(
            ImageChoice(o.image, _image_refusal(o), o.image.name == image, _wants_gpu(o))
            for o in images
        ),
        missed=previous if previous is not None and previous is not chosen else None,
    )


def options_from_form(formdata: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What the form says, as JupyterHub keeps it; what is missing stays empty.

    Nothing is checked here: admission refuses what is not offered, however it was asked.
    """
    return {key: (formdata.get(key) or [""])[0] for key in ("flavour", "image", "wait", "payer")}


def _grouped(offers: Iterable[Offer], key: Callable[[Offer], str]) -> list[list[Offer]]:
    groups: dict[str, list[Offer]] = {}
    for offer in offers:
        groups.setdefault(key(offer), []).append(offer)
    return list(groups.values())


def _by_image(offers: Iterable[Offer]) -> list[list[Offer]]:
    return _grouped(offers, lambda offer: offer.image.name)


def _with_flavour(group: list[Offer], chosen: Offer | None) -> Offer:
    """The offer that stands for an image: the one with the flavour that is chosen."""
    flavour = chosen.flavour.name if chosen else ""
    return next((offer for offer in group if offer.flavour.name == flavour), group[0])


def _best(group: list[Offer], wanted: Request | None) -> Offer:
    """The offer that stands for a group: one that can be had, with the wanted image if so."""

    def rank(offer: Offer) -> tuple[bool, bool, bool]:
        return (
            offer.refusal is not None,
            not offer.may_wait,
            wanted is None or offer.image.name != wanted.image,
        )

    return min(group, key=rank)


def _nearest(best: list[Offer], previous: Offer | None) -> Offer | None:
    possible = [offer for offer in best if offer.refusal is None]
    possible = possible or [offer for offer in best if offer.may_wait]
    if previous is None or not possible:
        return possible[0] if possible else None

    def distance(offer: Offer) -> tuple[bool, bool, int]:
        return (
            offer is not previous,
            offer.flavour.needs_gpu != previous.flavour.needs_gpu,
            abs(offer.ticks_per_second - previous.ticks_per_second),
        )

    return min(possible, key=distance)


def _still(selected: Offer | None) -> Offer | None:
    """What is selected on an open page, unless it has become impossible."""
    if selected is None or (selected.refusal is not None and not selected.may_wait):
        return None
    return selected


def _chosen_image(images: list[Offer], wanted: Request | None, *, instead: bool) -> str | None:
    possible = [o.image.name for o in images if _image_refusal(o) is None]
    if wanted is not None and (wanted.image in possible or not instead):
        return wanted.image if wanted.image in possible else None
    return possible[0] if possible else None


def _wants_gpu(offer: Offer) -> bool:
    """Not so where the image was built for machines without: it says so itself."""
    image = offer.image
    return image.for_gpus and image.lacks is None and not offer.flavour.needs_gpu


def _image_refusal(offer: Offer) -> Refusal | None:
    """A refusal for the image's sake; one for the flavour's is shown with the flavour."""
    refusal = offer.refusal
    return refusal if refusal and refusal.reason in _FOR_THE_IMAGE else None
