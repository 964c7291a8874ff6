"""The start page's two questions, and which answers are given beforehand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from labwerk_hub.adapters.declared import declared_gpu
from labwerk_hub.domain.admission import Reason, Refusal, Request, Rules, offers
from labwerk_hub.domain.budgets import Balance, Purse
from labwerk_hub.domain.catalogue import Catalogue, Flavour, Image
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice
from labwerk_hub.domain.people import Role
from labwerk_hub.domain.pool import Pool
from labwerk_hub.domain.texts import Localized, Message
from labwerk_hub.domain.waiting import Occupied
from labwerk_hub.hub.start import Choices, choices, options_from_form
from labwerk_hub.services.sessions import StartPage
from support.accounts import person
from support.workbench import budget

H100 = "H100-80GB"
GPU = declared_gpu("a", H100, ["1g.10gb@0", "2g.20gb@2", "3g.40gb@4"], simulated=True)
SMALL_SLICE, MEDIUM_SLICE, LARGE_SLICE = GPU.slices
NOW, SOON = 1_795_000_000_000, 1_795_003_600_000
ANNA = person(roles=frozenset({Role.MEMBER}))


def _flavour(name: str, **slices: str) -> Flavour:
    return Flavour(name, Localized.same(name), 1, 3, 8, {H100: slices["h100"]} if slices else {})


FLAVOURS = (
    _flavour("small", h100="1g.10gb"),
    _flavour("medium", h100="2g.20gb"),
    _flavour("large", h100="3g.40gb"),
    _flavour("cpu"),
)
BASE = Image("base", Localized.same("Base"), Localized.same("…"), "labwerk/base:1")
TORCH = Image("torch", Localized.same("PyTorch"), Localized.same("…"), "labwerk/torch:1")
HEAVY = replace(TORCH, memory_gib=4)
UNBUILT = Image("rapids", Localized.same("RAPIDS"), Localized.same("…"), None)


def _page(
    *held: Slice,
    last: Request | None = None,
    left: int = 10**9,
    waiting: bool = False,
    gpu: Gpu = GPU,
) -> StartPage:
    """The start page with these slices held; by default nobody may wait for them."""
    catalogue = Catalogue((), (), (), FLAVOURS, (BASE, TORCH, UNBUILT), ())
    thr = budget("thr")
    november = thr.periods.at(NOW)
    purse = Purse(Balance(thr, november, granted=left, used=0, held=0, budget_left=10**9))
    pool = Pool(
        inventory=Inventory((gpu,)),
        held=held,
        due=tuple(Occupied(slice_, SOON, SOON) for slice_ in held),
        reservations=(),
        turns=(),
        groups=frozenset(),
        mix=(),
        profiles_of={flavour.name: flavour.slices for flavour in FLAVOURS},
        now_ms=NOW,
    )
    rules = Rules(frozenset(), waiting=waiting)
    return StartPage(ANNA, purse, (purse,), offers(catalogue, pool, purse, rules), last)


def _chosen(shown: Choices) -> tuple[str | None, str | None]:
    flavour = next((f.name for f in shown.flavours if f.chosen), None)
    image = next((i.image.name for i in shown.images if i.chosen), None)
    return flavour, image


def test_each_flavour_and_each_image_is_asked_once() -> None:
    shown = choices(_page())
    assert [f.name for f in shown.flavours] == ["small", "medium", "large", "cpu"]
    assert [i.image.name for i in shown.images] == ["base", "torch", "rapids"]


def test_somebody_new_finds_the_first_that_can_be_had_chosen() -> None:
    assert _chosen(choices(_page())) == ("small", "base")
    assert _chosen(choices(_page(SMALL_SLICE))) == ("medium", "base")


def test_the_choice_of_last_time_is_chosen_again() -> None:
    shown = choices(_page(last=Request("large", "torch")))
    assert _chosen(shown) == ("large", "torch")
    assert shown.missed is None


@pytest.mark.parametrize(
    ("held", "instead"),
    [
        ((MEDIUM_SLICE,), "small"),
        ((MEDIUM_SLICE, SMALL_SLICE), "large"),
        ((MEDIUM_SLICE, SMALL_SLICE, LARGE_SLICE), "cpu"),
    ],
)
def test_if_it_cannot_be_had_the_nearest_is_chosen_and_the_page_says_so(
    held: tuple[Slice, ...], instead: str
) -> None:
    shown = choices(_page(*held, last=Request("medium", "base")))
    assert _chosen(shown) == (instead, "base")
    assert shown.missed is not None
    assert shown.missed.flavour.name == "medium"
    assert shown.instead is not None
    assert shown.instead.name == instead


def test_nothing_is_chosen_instead_of_what_is_selected_on_an_open_page() -> None:
    shown = choices(_page(SMALL_SLICE), Request("small", "torch"), instead=False)
    assert _chosen(shown) == (None, "torch")
    assert shown.missed is not None
    assert shown.possible


def test_nothing_is_chosen_on_an_open_page_where_nothing_is_selected() -> None:
    page = _page(last=Request("small", "base"))
    assert _chosen(choices(page, Request("", "base"), instead=False)) == (None, "base")


def test_what_is_selected_on_an_open_page_stays_selected() -> None:
    page = _page(last=Request("small", "base"))
    assert _chosen(choices(page, Request("large", "torch"), instead=False)) == ("large", "torch")


def test_an_image_that_is_not_built_makes_no_flavour_impossible() -> None:
    shown = choices(_page(last=Request("small", "rapids")))
    assert all(f.refusal is None for f in shown.flavours)
    refusals = {i.image.name: i.refusal for i in shown.images}
    assert refusals["base"] is None
    assert refusals["rapids"] is not None
    assert refusals["rapids"].reason is Reason.IMAGE_MISSING
    assert _chosen(shown) == ("small", "base")


def _with_torch(torch: Image, selected: Request, *, instead: bool) -> Choices:
    page = _page()
    shown = tuple(
        replace(o, image=torch, refusal=None if o.flavour.memory_gib >= torch.memory_gib else R)
        if o.image.name == "torch"
        else o
        for o in page.offers
    )
    return choices(replace(page, offers=shown), selected, instead=instead)


R = Refusal(Reason.IMAGE_TOO_LARGE, Message("…"))


def test_an_image_that_needs_more_memory_is_refused_beside_the_flavour_that_is_chosen() -> None:
    shown = _with_torch(HEAVY, Request("cpu", "torch"), instead=True)
    assert {i.image.name: i.refusal for i in shown.images}["torch"] is R
    assert all(f.refusal is None for f in shown.flavours)
    assert _chosen(shown) == ("cpu", "base")


def test_an_open_page_chooses_no_other_image_by_itself() -> None:
    shown = _with_torch(HEAVY, Request("cpu", "torch"), instead=False)
    assert _chosen(shown) == ("cpu", None)


@pytest.mark.parametrize(
    ("flavour", "lacks", "hint"),
    [("small", None, False), ("cpu", None, True), ("cpu", Localized.same("no cuDF"), False)],
)
def test_an_image_for_gpus_says_so_beside_a_flavour_without_one(
    flavour: str, lacks: Localized | None, hint: bool
) -> None:
    torch = replace(TORCH, for_gpus=True, lacks=lacks)
    shown = _with_torch(torch, Request(flavour, "base"), instead=True)
    assert {i.image.name: i.wants_gpu for i in shown.images}["torch"] is hint


def test_a_full_flavour_blames_no_image() -> None:
    shown = choices(_page(SMALL_SLICE))
    assert [i.refusal is None for i in shown.images] == [True, True, False]
    assert shown.flavours[0].refusal is not None
    assert shown.flavours[0].refusal.reason is Reason.NO_SLICE_FREE


def test_without_a_budget_what_costs_nothing_can_still_be_started() -> None:
    shown = choices(_page(left=0))
    assert _chosen(shown) == ("cpu", "base")
    assert shown.possible


def test_a_choice_that_is_no_longer_offered_is_forgotten() -> None:
    shown = choices(_page(last=Request("gone", "gone")))
    assert _chosen(shown) == ("small", "base")
    assert shown.missed is None


def test_the_form_is_read_as_it_is_and_what_is_missing_is_empty() -> None:
    sent = {"flavour": ["small"], "image": ["base"], "wait": ["1"], "_xsrf": ["x"]}
    assert options_from_form(sent) == {
        "flavour": "small",
        "image": "base",
        "wait": "1",
        "payer": "",
    }
    assert set(options_from_form({"flavour": []}).values()) == {""}
    assert options_from_form({"payer": ["project/rotor"]})["payer"] == "project/rotor"


def test_what_is_full_can_be_chosen_by_whoever_may_wait() -> None:
    small, medium, *_ = choices(_page(SMALL_SLICE, waiting=True)).flavours
    assert (small.possible, small.waits) == (True, True)
    assert (medium.possible, medium.waits) == (True, False)
    full = choices(_page(SMALL_SLICE)).flavours[0]
    assert (full.possible, full.waits) == (False, False)


def test_nobody_waits_unasked_while_something_like_it_is_free() -> None:
    shown = choices(_page(MEDIUM_SLICE, last=Request("medium", "base"), waiting=True))
    assert _chosen(shown) == ("small", "base")
    assert shown.missed is not None
    assert shown.missed.may_wait


def test_where_nothing_is_free_the_choice_of_last_time_is_waited_for() -> None:
    held = (SMALL_SLICE, MEDIUM_SLICE, LARGE_SLICE)
    page = _page(*held, last=Request("medium", "torch"), waiting=True)
    only_gpus = replace(page, offers=tuple(o for o in page.offers if o.flavour.needs_gpu))
    shown = choices(only_gpus)
    assert _chosen(shown) == ("medium", "torch")
    assert shown.missed is None
    assert shown.possible


def test_what_fills_up_on_an_open_page_stays_selected_if_it_can_be_waited_for() -> None:
    page = _page(SMALL_SLICE, waiting=True)
    shown = choices(page, Request("small", "torch"), instead=False)
    assert _chosen(shown) == ("small", "torch")
    assert shown.missed is None


def test_what_no_gpu_can_serve_any_more_is_not_waited_for() -> None:
    broken = replace(GPU, fault="is lost")
    shown = choices(_page(waiting=True, gpu=broken, last=Request("small", "base")))
    assert _chosen(shown) == ("cpu", "base")
    assert not shown.flavours[0].possible
