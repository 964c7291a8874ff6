"""The board's page, fully leased: 10,000 GPUs beside 10, by the hub's own code.

From the query to the finished page as the handler makes it: the database is a real one,
the reader an operator, who is shown most. No network and no hub stand in between. The sums
over the whole pool are read once in two seconds for all readers: ``page_ms`` is a page that
finds them, ``page_without_sums_ms`` one that has to read them first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jinja2 import Template
from labwerk_hub.adapters.declared import declared_gpu
from labwerk_hub.adapters.sql import tables
from labwerk_hub.domain.gpu import Gpu
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Role
from labwerk_hub.hub.board_handlers import PAGE_TEMPLATE, PARTS_TEMPLATE, query_of, shown_to
from sqlalchemy import insert
from support.hub_pages import Site, site_in

from bench.report import Figure, Machine, Report

_SMALL, _LARGE = 10, 10_000
_ROUNDS = 25
_LAYOUT = ("1g.10gb@0", "1g.10gb@1", "2g.20gb@2", "3g.40gb@4")
_FLAVOURS = {"1g.10gb": "small", "2g.20gb": "medium", "3g.40gb": "large"}
_HOUR_MS = 3_600_000


def measure() -> Report:
    """Pages of both pools in turns, so that both see the same machine."""
    with ExitStack() as stack:
        sides = [_Side.of(stack, count) for count in (_SMALL, _LARGE)]
        figures = asyncio.run(_measured(sides))
    return Report("board", Machine.this(""), figures, {"page_10000_gpus_to_10": 3.0})


@dataclass
class _Side:
    """One pool with its page, its refreshed parts, and a page in the middle."""

    site: Site
    viewer: str
    given: dict[str, Any]
    page: Template
    parts: Template
    middle: str

    @classmethod
    def of(cls, stack: ExitStack, count: int) -> _Side:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        site = stack.enter_context(site_in(folder))
        operator = site.person("Olga Brandt", "en", Role.OPERATOR)
        gpus = [_gpu(number) for number in range(count)]
        site.pool.have(*gpus)
        _lease_all(site, gpus)
        environment = site.environment(is_async=True)
        return cls(
            site=site,
            viewer=operator.name,
            given=site.given(operator),
            page=environment.get_template(PAGE_TEMPLATE),
            parts=environment.get_template(PARTS_TEMPLATE),
            middle=str(count // 40 + 1),
        )

    def know_sums(self, known: bool) -> None:
        """Whether the next page finds the pool's sums read already, as by somebody before."""
        sums = self.site.pages.sums
        sums.forget()
        if known:
            sums.read()

    async def seconds(self, template: Template, page: str) -> float:
        """From the request's arguments to the finished page."""
        began = time.perf_counter()
        query = query_of({"page": page})
        shown = await shown_to(self.site.pages, self.viewer, query, "/hub/")
        html = await template.render_async(**self.given, **shown)
        taken = time.perf_counter() - began
        assert html.count("lw-is-held") > len(_LAYOUT)
        return taken


async def _measured(sides: Sequence[_Side]) -> dict[str, Figure]:
    small, large = sides
    for side in sides:
        for template in (side.page, side.parts):
            await side.seconds(template, "1")  # compiles it
    taken: dict[str, list[float]] = {}
    for _ in range(_ROUNDS):
        for name, side, template, page, known in (
            ("page_10_gpus_ms", small, small.page, "1", True),
            ("page_ms", large, large.page, "1", True),
            ("middle_page_ms", large, large.page, large.middle, True),
            ("refresh_ms", large, large.parts, "1", True),
            ("page_without_sums_10_gpus_ms", small, small.page, "1", False),
            ("page_without_sums_ms", large, large.page, "1", False),
        ):
            side.know_sums(known)
            taken.setdefault(name, []).append(1000 * await side.seconds(template, page))
    ratios = _ratios(taken["page_ms"], taken["page_10_gpus_ms"])
    cold = _ratios(taken["page_without_sums_ms"], taken["page_without_sums_10_gpus_ms"])
    return {
        "page_10000_gpus_to_10": Figure.of(ratios),
        "page_without_sums_10000_gpus_to_10": Figure.of(cold),
        **{name: Figure.of(milliseconds) for name, milliseconds in taken.items()},
    }


def _ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """One by one, since each pair saw the same moment of the machine."""
    return [upper / lower for upper, lower in zip(over, under, strict=True)]


def _gpu(number: int) -> Gpu:
    return declared_gpu(f"gpu-{number:05}", "H100-80GB", _LAYOUT, simulated=True)


def _lease_all(site: Site, gpus: Sequence[Gpu]) -> None:
    """A live lease on every slice, each somebody else's."""
    now_ms = to_ms(site.workbench.clock())
    with site.workbench.database.writing() as tx:
        connection = tx.connection  # type: ignore[attr-defined]
        rows = list(_rows(gpus, now_ms))
        for table, values in zip(
            (tables.people, tables.leases, tables.held_units), zip(*rows, strict=True), strict=True
        ):
            connection.execute(insert(table), [row for of_slice in values for row in of_slice])


def _rows(gpus: Sequence[Gpu], now_ms: int) -> Iterator[tuple[list[dict[str, Any]], ...]]:
    """For every slice: a person, their lease, and its units."""
    slices = [slice_ for gpu in gpus for slice_ in gpu.slices]
    for number, slice_ in enumerate(slices):
        name, session = f"thr--person-{number}", f"lw-{number:012x}"
        person = {
            "uid": 300_000 + number,
            "name": name,
            "issuer": "https://sso.example",
            "subject": str(number),
            "institution": "thr",
            "display_name": f"Person Number {number}",
            "groups": "[]",
            "roles": "[]",
        }
        lease = {
            "session": session,
            "person": name,
            "institution": "thr",
            "flavour": _FLAVOURS[slice_.profile],
            "image": "base",
            "gpu": slice_.gpu,
            "profile": slice_.profile,
            "start": slice_.start,
            "size": slice_.size,
            "ticks_per_second": 3 * slice_.size,
            "state": "live",
            "intended_ms": now_ms,
            "started_ms": now_ms,
            "metered_to_ms": now_ms,
            # No two end in the same minute of the page, as people's sessions do not.
            "ends_ms": now_ms + _HOUR_MS + 97_000 * (number % 250),
            "longest_ms": now_ms + 8 * _HOUR_MS,
        }
        units = [{"gpu": slice_.gpu, "unit": unit, "session": session} for unit in slice_.units]
        yield [person], [lease], units
