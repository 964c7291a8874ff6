"""The board's page, rendered as the hub renders it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from labwerk_hub.adapters.declared import models
from labwerk_hub.domain.gpu import Gpu, Slice, shared_model
from labwerk_hub.domain.leases import LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.reservations import Reservation
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.errors import GpuDriverError
from labwerk_hub.hub.board_handlers import PAGE_TEMPLATE, PARTS_TEMPLATE, query_of, shown_to
from labwerk_hub.services.board import Query, Show
from support.hub_pages import Site, site_in, soup, untranslated, words
from support.workbench import H100, dynamic_gpu, fixed_gpu

LAYOUT = ("1g.10gb@0", "1g.10gb@1", "2g.20gb@2", "3g.40gb@4")
HOUR_MS = 3_600_000
LONG = "Zentrum für Strömungsmechanik, Hochtemperaturwerkstoffe und Energiewandlung"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as made:
        yield made


def _mixed(site: Site) -> Person:
    """A pool in which everything happens at once; Anna, who holds some of it."""
    site.pool.have(
        fixed_gpu("fixed", *LAYOUT),
        replace(dynamic_gpu("cut"), instances=(Slice("cut", "3g.40gb", 4, 4),)),
        Gpu(
            "shared",
            shared_model(models()[H100], 4),
            simulated=False,
            slices=tuple(Slice("shared", "shared-4", share, 1) for share in range(4)),
        ),
        fixed_gpu("undivided", "whole@0"),
        replace(fixed_gpu("broken", *LAYOUT), fault="is lost"),
    )
    anna = site.person()
    mira = site.person("Mira Conti", "it", institution="iwe")
    site.hold(anna, "fixed", "1g.10gb@0")
    site.hold(mira, "fixed", "2g.20gb@2", flavour="medium", minutes=2000)
    site.hold(mira, "fixed", "3g.40gb@4", flavour="large", state=LeaseState.INTENDED)
    site.hold(anna, "cut", "1g.10gb@0", state=LeaseState.ENDED)
    site.hold(mira, "shared", "shared-4@1")
    site.hold(mira, "broken", "2g.20gb@2", flavour="medium")
    site.hold(mira, "gone", "1g.10gb@0")
    now = to_ms(site.workbench.clock())
    with site.workbench.database.writing() as tx:
        for name, gpu, from_ms in (("1", "fixed", now - 1000), ("2", "cut", now + HOUR_MS)):
            tx.reservations.add(
                Reservation(
                    id=f"rs-0000000{name}",
                    title=f"Kurs {name}",
                    flavour="small",
                    group="institution:iwe",
                    from_ms=from_ms,
                    to_ms=from_ms + 3 * HOUR_MS,
                    release_after_ms=HOUR_MS,
                    slices=(Slice(gpu, "1g.10gb", 1, 1),),
                    made_by=anna.name,
                    made_ms=now,
                )
            )
    return anna


async def _page(site: Site, viewer: Person, query: Query | None = None) -> str:
    shown = await shown_to(site.pages, viewer.name, query or Query(), "/hub/")
    return await site.page(PAGE_TEMPLATE, viewer, **shown)


@pytest.mark.parametrize("spoken", [language for language in LANGUAGES if language != "en"])
@pytest.mark.parametrize("roles", [(), (Role.OPERATOR,)])
async def test_all_of_the_board_is_in_the_readers_language(
    site: Site, spoken: str, roles: tuple[Role, ...]
) -> None:
    _mixed(site)
    reader = site.person("Reader", spoken, *roles)
    assert untranslated(await _page(site, reader), spoken) == set()
    assert untranslated(await _page(site, reader, Query(model="none")), spoken) == set()
    site.pool.have()
    site.pages.sums.forget()
    assert untranslated(await _page(site, reader), spoken) == set()


async def test_every_unit_is_in_a_row_as_high_as_its_slice(site: Site) -> None:
    page = soup(await _page(site, _mixed(site)))
    table = page.select_one(".lw-gpu table")
    assert table is not None
    rows = [(row.th.get_text(), row["style"], row["class"]) for row in table.select("tbody tr")]  # type: ignore[union-attr]
    assert rows == [
        ("0", "--size:1", ["lw-is-yours"]),
        ("1", "--size:1", ["lw-is-reserved"]),
        ("2–3", "--size:2", ["lw-is-held"]),
        ("4–7", "--size:4", ["lw-is-starting"]),
    ]


async def test_without_scripts_and_colours_the_tables_say_everything(site: Site) -> None:
    anna = _mixed(site)
    page = soup(await _page(site, replace(anna, locale="en")))
    for hidden in page.select("[aria-hidden=true]"):
        hidden.decompose()
    read = words(str(page))
    for fact in (
        "Sie",
        "Institut für Windenergie",
        "reserviert",
        "freigehalten",
        "wird gestartet",
        "zu Ende; wird zurückgegeben",
        "etwas, das Labwerk nicht gestartet hat",
        "Diese GPU ist gestört.",
        "nicht benutzbar",
        "zeitlich geteilt",
        "wird beim Start geschnitten",
        "simuliert",
        "Sitzungen auf GPUs, die es hier nicht mehr gibt",
        "Kurs 2",
    ):
        assert fact in read
    for table in page("table"):
        heads = table.select("thead th")
        assert all(head["scope"] == "col" for head in heads)
        for row in table.select("tbody tr"):
            assert len(row.select("[scope=row]")) == 1
            assert len(row(["th", "td"])) == len(heads)
    for section in page("section"):
        assert page.find(id=section["aria-labelledby"]) is not None
    for box in page.select(".table-responsive"):  # it may scroll: keys reach it, and it has a name
        assert (box["role"], box["tabindex"]) == ("group", "0")
        assert box.get("aria-label") or page.find(id=box["aria-labelledby"]) is not None


async def test_headings_go_down_step_by_step(site: Site) -> None:
    page = soup(await _page(site, _mixed(site)))
    levels = [int(heading.name[1]) for heading in page(["h1", "h2", "h3", "h4"])]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


async def test_each_question_of_the_filter_has_a_label_and_keeps_its_answer(site: Site) -> None:
    anna = _mixed(site)
    page = soup(await _page(site, anna, Query(model=H100, show=Show.FREE, hours=12)))
    chosen = {}
    for select in page("select"):
        assert page.find("label", attrs={"for": select["id"]}) is not None
        option = select.select_one("option[selected]")
        chosen[select["name"]] = option["value"] if option else None
    assert chosen == {"model": H100, "show": "free", "hours": "12"}


async def test_the_pages_are_linked_and_keep_the_filter(site: Site) -> None:
    site.pool.have(*(fixed_gpu(f"g{number:03}", *LAYOUT) for number in range(45)))
    html = await _page(site, site.person(), Query(model=H100, page=2))
    page = soup(html)
    links = {link["id"]: link["href"] for link in page.select(".lw-pager a")}
    base = f"/hub/labwerk/board?model={H100}&show=all&hours=24&page="
    assert links == {"board-previous": base + "1", "board-next": base + "3"}
    holder = page.find(id="labwerk-board")
    assert holder is not None
    assert holder["data-refresh"] == base + "2&part=1"


async def test_what_is_refreshed_has_the_parts_of_the_page_and_nothing_else(site: Site) -> None:
    anna = _mixed(site)
    whole = soup(await _page(site, anna))
    shown = await shown_to(site.pages, anna.name, Query(), "/hub/")
    parts = soup(await site.page(PARTS_TEMPLATE, anna, **shown))
    assert [part["id"] for part in parts.find_all("div", recursive=False)] == [
        "board-sums",
        "board-gpus",
    ]
    assert whole.find(id="board-sums") is not None
    assert words(str(whole.find(id="board-gpus"))) == words(str(parts.find(id="board-gpus")))
    assert parts.find("html") is None


async def test_names_on_the_board_are_shown_and_never_obeyed(site: Site) -> None:
    site.pool.have(fixed_gpu("a", *LAYOUT))
    site.hold(site.person("<script>alert(1)</script>"), "a", "1g.10gb@0")
    html = await _page(site, site.person("Olga", "en", Role.OPERATOR))
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


async def test_a_gpu_of_twelve_units_is_shown_with_all_of_them(site: Site) -> None:
    rtx = models()["RTX-PRO-6000-Blackwell-96GB"]
    site.pool.have(Gpu("rtx", rtx, simulated=True, dynamic=True))
    site.hold(site.person(LONG), "rtx", "2g.48gb@6", flavour="large")
    page = soup(await _page(site, site.person("Olga", "de", Role.OPERATOR)))
    assert [row.get_text(strip=True) for row in page.select(".lw-units tbody th")] == [
        "0–5",
        "6–11",
    ]
    assert LONG in words(str(page))


async def test_a_pool_that_cannot_be_read_is_told_in_a_sentence(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise GpuDriverError("libnvidia-ml.so.1 is not there")

    monkeypatch.setattr(site.pool, "read", broken)
    page = soup(await _page(site, site.person(locale="it")))
    alert = page.find(role="alert")
    assert alert is not None
    assert alert.get_text().startswith("Lo stato delle GPU")
    assert "libnvidia" not in str(page)


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({}, Query()),
        ({"page": "3", "model": H100, "show": "faulty", "hours": "12"},
         Query(model=H100, show=Show.FAULTY, page=3, hours=12)),
        ({"page": "-1", "show": "<b>", "hours": "7"}, Query()),
        ({"page": "٣٤٥٦٧٨٩", "hours": ""}, Query()),
        ({"page": "1e9"}, Query()),
    ],
)  # fmt: skip
def test_an_address_that_makes_no_sense_counts_as_not_given(
    arguments: dict[str, str], query: Query
) -> None:
    assert query_of(arguments) == query


async def test_the_navigation_leads_to_the_board_and_says_where_one_is(site: Site) -> None:
    anna = site.person()
    elsewhere = soup(await site.page("stop_pending.html", anna))
    link = elsewhere.find("a", href="/hub/labwerk/board")
    assert link is not None
    assert link.get("aria-current") is None
    here = soup(await _page(site, anna)).select_one("nav a[aria-current=page]")
    assert here is not None
    assert here["href"] == "/hub/labwerk/board"
