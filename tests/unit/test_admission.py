"""What may be started: the start page and the check at start are the same function."""

from datetime import UTC, datetime

from labwerk_hub.adapters.declared import declared_gpu
from labwerk_hub.domain.admission import HeldSlice, Offer, Reason, Refusal, Request, find, offers
from labwerk_hub.domain.catalogue import Catalogue, Flavour, Image
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.domain.ledger import Balance
from labwerk_hub.domain.texts import Localized

SOON = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
LATER = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
H100 = "H100-80GB"
GPU = declared_gpu("a", H100, ["1g.10gb@0", "1g.10gb@1", "3g.40gb@4"], simulated=True)
SMALL = Flavour("small", Localized.same("Small"), 1, 3, 8, {H100: "1g.10gb"})
CPU = Flavour("cpu", Localized.same("CPU"), 1, 3, 12)
IMAGE = Image("base", Localized.same("Base"), Localized.same("…"), "labwerk/base:1")
ASKED = Request("small", "base")


def _balance(left: int) -> Balance:
    return Balance("2026-11", granted=left, used=0, held=0, institution_left=10**9)


def _offers(
    *held: HeldSlice, left: int = 10**9, image: Image = IMAGE, flavour: Flavour = SMALL
) -> tuple[Offer, ...]:
    catalogue = Catalogue((), {}, (), (), (flavour, CPU), (image,), ())
    return offers(catalogue, Inventory((GPU,)), held, _balance(left))


def _refusal(*held: HeldSlice, left: int = 10**9, image: Image = IMAGE) -> Refusal:
    found = find(_offers(*held, left=left, image=image), ASKED)
    assert isinstance(found, Refusal)
    return found


def test_an_offer_says_what_is_free_what_it_costs_and_how_long_the_budget_lasts() -> None:
    offer = find(_offers(HeldSlice(GPU.slices[0], SOON), left=3 * 3600), ASKED)
    assert isinstance(offer, Offer)
    assert (offer.free, offer.total) == (1, 2)
    assert offer.ticks_per_second == 3
    assert offer.lasts_seconds == offer.longest_seconds == 3600
    assert offer.slice == GPU.slices[1]
    assert offer.simulated


def test_a_session_is_never_longer_than_its_flavour_allows() -> None:
    offer = find(_offers(), ASKED)
    assert isinstance(offer, Offer)
    assert offer.longest_seconds == 8 * 3600


def test_a_full_pool_refuses_and_says_when_the_first_slice_is_due_back() -> None:
    refusal = _refusal(HeldSlice(GPU.slices[0], LATER), HeldSlice(GPU.slices[1], SOON))
    assert refusal.reason is Reason.NO_SLICE_FREE
    assert refusal.until == SOON
    assert refusal.message.params["total"] == 2


def test_a_budget_that_is_nearly_used_up_refuses_before_the_pool_does() -> None:
    assert _refusal(left=3 * 899).reason is Reason.BUDGET_USED_UP


def test_what_costs_nothing_can_be_had_without_a_budget() -> None:
    offer = find(_offers(left=0), Request("cpu", "base"))
    assert isinstance(offer, Offer)
    assert offer.lasts_seconds is None
    assert offer.free is None


def test_an_image_that_is_not_built_is_shown_and_refused() -> None:
    unbuilt = Image("base", Localized.same("Base"), Localized.same("…"), None)
    assert _refusal(image=unbuilt).reason is Reason.IMAGE_MISSING


def test_a_flavour_that_no_gpu_serves_is_refused_not_hidden() -> None:
    odd = Flavour("small", Localized.same("Small"), 1, 3, 8, {"A30-24GB": "1g.6gb"})
    found = find(_offers(flavour=odd), ASKED)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.NO_SLICE_FREE


def test_a_choice_that_is_not_on_the_page_is_refused() -> None:
    found = find(_offers(), Request("huge", "base"))
    assert isinstance(found, Refusal)
    assert found.reason is Reason.UNKNOWN_CHOICE


def test_the_balance_is_bounded_by_the_institutions_budget() -> None:
    assert Balance("p", granted=100, used=10, held=20, institution_left=50).left == 50
    assert Balance("p", granted=100, used=10, held=20, institution_left=500).left == 70
    assert Balance("p", granted=100, used=90, held=20, institution_left=500).left == 0
