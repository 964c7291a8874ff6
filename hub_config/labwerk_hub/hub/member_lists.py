"""The people of a budget as a list: searched, sorted, a page at a time."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from urllib.parse import urlencode

from labwerk_hub.services.use_views import MemberView

PAGE = 50


class Order(StrEnum):
    """What people are sorted by."""

    USED = "used"
    NAME = "name"
    LEFT = "left"
    LAST_USE = "last-use"
    SEEN = "seen"


@dataclass(frozen=True)
class Query:
    """Which people are asked for; ``leavers`` alone, or everybody."""

    search: str = ""
    order: Order = Order.USED
    leavers: bool = False
    page: int = 1

    def address(self, **other: str | int) -> str:
        """The query of an address that asks for the same but for what is given."""
        asked: dict[str, str | int] = {
            "search": self.search,
            "order": self.order.value,
            "leavers": "1" if self.leavers else "",
            "page": self.page,
        }
        given = {name: value for name, value in (asked | other).items() if value}
        return urlencode(given)


@dataclass(frozen=True)
class Listed:
    """A page of people; ``matching`` of the ``total`` are what was asked for."""

    query: Query
    members: tuple[MemberView, ...]
    matching: int
    total: int
    leavers: int
    page: int
    pages: int


def query_of(arguments: dict[str, str]) -> Query:
    """What the address asks for; whatever makes no sense counts as not given."""
    order, page = arguments.get("order", ""), arguments.get("page", "")
    return Query(
        search=" ".join(arguments.get("search", "").split())[:100],
        order=Order(order) if order in list(Order) else Order.USED,
        leavers=arguments.get("leavers") == "1",
        page=int(page) if page.isdecimal() and len(page) < 7 else 1,
    )


def listed(members: Sequence[MemberView], query: Query) -> Listed:
    """The page that is asked for; one that is not there is the nearest that is."""
    wanted = _plain(query.search)
    found = sorted(
        (
            member
            for member in members
            if wanted in _plain(f"{member.display_name} {member.name or ''}")
            if member.is_leaver or not query.leavers
        ),
        key=_KEYS[query.order],
    )
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(1, query.page), pages)
    return Listed(
        query=query,
        members=tuple(found[(page - 1) * PAGE : page * PAGE]),
        matching=len(found),
        total=len(members),
        leavers=sum(member.is_leaver for member in members),
        page=page,
        pages=pages,
    )


def _plain(text: str) -> str:
    """Without accents and in small letters: whoever looks for Muller finds Müller."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_KEYS: dict[Order, Callable[[MemberView], tuple[object, ...]]] = {
    Order.USED: lambda m: (-max(m.used.ticks, 0), -m.paid.ticks, _plain(m.display_name)),
    Order.NAME: lambda m: (_plain(m.display_name), m.name or ""),
    Order.LEFT: lambda m: (m.left_ticks, _plain(m.display_name)),
    Order.LAST_USE: lambda m: (m.last_use or date.min, _plain(m.display_name)),
    Order.SEEN: lambda m: (m.seen_at or _LONG_AGO, _plain(m.display_name)),
}
