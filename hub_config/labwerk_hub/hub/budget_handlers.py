"""``labwerk/budget/KIND/NAME`` and what stands around it, for those who decide about budgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote, urlencode

from tornado import web

from labwerk_hub.adapters.statements import Format, render
from labwerk_hub.domain.budget_rights import administers
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import Message
from labwerk_hub.hub import charts, language, use_handlers
from labwerk_hub.hub.amounts import ticks_of
from labwerk_hub.hub.data_pages import DataHandler, File, Refused, ToldError, Typed
from labwerk_hub.hub.member_lists import Query, listed, query_of
from labwerk_hub.hub.pictures import burn_down_picture, gpu_hours, month_days, use_picture
from labwerk_hub.services import (
    budget_decisions,
    budget_pages,
    operator_page,
    request_decisions,
    request_pages,
    statement,
    use_tables,
)
from labwerk_hub.services.budget_rights import is_operator, require_statements
from labwerk_hub.services.use_views import BudgetPage, OperatorPage
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import N_

TEMPLATE = "labwerk/budget_page.html"
LIST_TEMPLATE = "labwerk/budgets.html"
OPERATOR_TEMPLATE = "labwerk/operator.html"
_DONE = {
    "grant": "granted",
    "decline": "declined",
    "share": "changed",
    "size": "resized",
    "ask-whole": "asked",
}
_NOTHING = Message("There is no budget for you to decide about.")
#: Where the browser is to look afterwards.
_PLACES = {"share": "people"}


class _OneBudget(DataHandler):
    """What handlers of one budget know."""

    async def page(self, viewer: Person, kind: str, name: str) -> BudgetPage:
        """The budget in the period that the address names, as ``viewer`` may see it."""
        period, spoken = self.asked().get("period") or None, language.current()
        return await self.read(
            lambda: budget_pages.of_budget(
                self.pages.workbench, viewer, f"{kind}/{name}", period, spoken
            )
        )


class BudgetHandler(_OneBudget):
    """One budget; forms on it change shares and its size, and answer requests."""

    @web.authenticated
    async def get(self, kind: str, name: str) -> None:
        """Render it."""
        await self._show(kind, name, None)

    @web.authenticated
    async def post(self, kind: str, name: str) -> None:
        """Do what a form asks for, then the page again."""
        _, viewer = await self.viewer()
        typed = self.typed()
        page = await self.page(viewer, kind, name)
        came = await self.done(deed(self.pages.workbench, viewer, typed, page))
        if isinstance(came, Refused):
            await self._show(kind, name, replace(typed, said=came.said, field="amount"))
            return
        query = query_of(self.asked())
        asked = typed.action == "ask-whole"
        done = query.address(done=use_handlers.asked_in(came) if asked else _DONE[typed.action])
        place = _PLACES.get(typed.action, "content")
        self.redirect(f"{self._address(kind, name)}?{done}#{place}", status=303)

    async def _show(self, kind: str, name: str, typed: Typed | None) -> None:
        _, viewer = await self.viewer()
        asked = self.asked()
        page = await self.page(viewer, kind, name)
        shown = shown_of(page, viewer, query_of(asked), self.hub.base_url, typed)
        known = (*_DONE.values(), "asked-again")
        shown["done"] = asked.get("done") if asked.get("done") in known else None
        await self.show(TEMPLATE, shown, status=422 if typed is not None else 200)

    def _address(self, kind: str, name: str) -> str:
        return f"{self.hub.base_url}labwerk/budget/{kind}/{quote(name)}"


class BudgetFileHandler(_OneBudget):
    """The same as files."""

    @web.authenticated
    async def get(self, kind: str, name: str, file: str) -> None:
        """``days.csv``, ``people.csv`` or ``all.json``."""
        _, viewer = await self.viewer()
        page = await self.page(viewer, kind, name)
        called = f"{kind}-{name}-{page.period.title}".replace("..", "-to-")
        if file == "days.csv":
            self.send_table(f"{called}-days", use_tables.of_days(page))
        elif file == "people.csv":
            self.send_table(f"{called}-people", use_tables.of_members(page))
        else:
            self.send_all(called, page)


class BudgetsHandler(DataHandler):
    """All budgets that the reader decides about, and the requests that wait for them."""

    @web.authenticated
    async def get(self) -> None:
        """Render it; who sees a single budget is led there."""
        await self._show(None)

    @web.authenticated
    async def post(self) -> None:
        """Answer a request, then the page again."""
        _, viewer = await self.viewer()
        typed = self.typed()
        came = await self.done(answer(self.pages.workbench, viewer, typed))
        if isinstance(came, Refused):
            await self._show(replace(typed, said=came.said, field="amount"))
            return
        done = urlencode({"done": _DONE[typed.action]})
        self.redirect(f"{self.hub.base_url}labwerk/budgets?{done}", status=303)

    async def _show(self, typed: Typed | None) -> None:
        _, viewer = await self.viewer()
        workbench, spoken = self.pages.workbench, language.current()
        rows = await self.read(lambda: budget_pages.seen_by(workbench, viewer, spoken))
        if not rows:
            raise ToldError(403, _NOTHING, f"{viewer.name} decides about no budget")
        waiting = await self.read(lambda: request_pages.to_decide(workbench, viewer, spoken))
        done = self.asked().get("done")
        shown = {
            "rows": rows,
            "requests": waiting,
            "typed": typed,
            "done": done if done in _DONE.values() else None,
            "address": f"{self.hub.base_url}labwerk/budgets",
            "here": "budgets",
        }
        await self.show(LIST_TEMPLATE, shown, status=422 if typed is not None else 200)


class OperatorHandler(DataHandler):
    """Everything at once."""

    @web.authenticated
    async def get(self, form: str = "") -> None:
        """Render it, or send it as ``csv`` or ``json``."""
        _, viewer = await self.viewer()
        month, spoken = self.asked().get("month") or None, language.current()
        page = await self.read(
            lambda: operator_page.of_operator(self.pages.workbench, viewer, month, spoken)
        )
        if form == "csv":
            self.send_table(f"institutions-{page.month}", use_tables.of_operator(page))
        elif form == "json":
            self.send_all(f"institutions-{page.month}", page)
        else:
            titles = titles_in(self.pages.workbench, spoken)
            shown = shown_to_operator(page, titles, self.hub.base_url)
            await self.show(OPERATOR_TEMPLATE, shown)


class StatementHandler(DataHandler):
    """The statement of a month as a file, for the institution's administrators."""

    @web.authenticated
    async def get(self, institution: str, month: str, form: str) -> None:
        """Make it from the ledger."""
        _, viewer = await self.viewer()
        workbench, spoken, wanted = self.pages.workbench, language.current(), Format(form)

        def made() -> bytes:
            require_statements(viewer, institution)
            found = statement.make(workbench, institution, month)
            content = render(found, wanted, statement.names_for(workbench, found, spoken))
            statement.handed_out(workbench, found, viewer.pseudonym)
            return content

        content = await self.read(made)
        self.send(f"{institution}-{month}.{wanted.suffix}", wanted.media_type, content)


def shown_of(
    page: BudgetPage, viewer: Person, query: Query, base_url: str, typed: Typed | None = None
) -> dict[str, object]:
    """What the template of a budget is given."""
    head, figures = page.head, page.figures
    address = f"{base_url}labwerk/budget/{head.kind}/{quote(head.name)}"
    of_period = "" if page.period.is_now else f"&{urlencode({'period': page.period.name})}"
    in_period = f"&{urlencode({'period': page.period.name})}" if page.period.is_open else ""
    titles = {head.id: head.title} | {row.head.id: row.head.title for row in page.children}
    first, last = page.period.first_day, page.period.last_day
    if first is None or last is None:
        first = last = page.at.date()
    pieces = charts.strip(
        [
            gpu_hours(max(0, figures.used_ticks - figures.over_ticks)),
            gpu_hours(max(0, figures.given_ticks)),
            gpu_hours(max(0, figures.held_ticks)),
            gpu_hours(max(0, figures.free_ticks)),
        ],
        charts.WIDTH,
    )
    query_text = f"?{urlencode({'period': page.period.name})}" if page.period.is_open else ""
    return {
        "budget": page,
        "picture": use_picture(page.days, titles, first, last),
        "chart": burn_down_picture(page.burn_down) if page.burn_down is not None else None,
        "pieces": pieces,
        "people": listed(page.members, query),
        "may_open": {
            member.name
            for member in page.members
            if is_operator(viewer) or administers(viewer, member.institution.name)
        },
        "typed": typed,
        "done": None,
        "decided_ticks": _decided_ticks(page),
        "address": address,
        # With the period: a page may stand open while it ends.
        "here_address": f"{address}?{query.address()}{of_period or in_period}",
        "of_period": of_period,
        "files": [
            File(f"{address}/days.csv{query_text}", N_("Use by day (CSV)")),
            File(f"{address}/people.csv{query_text}", N_("People (CSV)")),
            File(f"{address}/all.json{query_text}", N_("All of this (JSON)")),
        ],
        "here": "budgets",
    }


def _decided_ticks(page: BudgetPage) -> int:
    """What was last decided of the budget itself; in its period it may have to keep more."""
    decided = next((one for one in page.decisions if not one.whom), None)
    return decided.ticks if decided is not None and decided.ticks is not None else page.head.ticks


def shown_to_operator(
    page: OperatorPage, titles: dict[str, str], base_url: str
) -> dict[str, object]:
    """What the operator's template is given; ``titles`` are those of all budgets."""
    first, last = month_days(page.month)
    query = urlencode({"month": page.month})
    address = f"{base_url}labwerk/operator"
    return {
        "all": page,
        "picture": use_picture(page.days, titles, first, last),
        "address": address,
        "files": [
            File(f"{address}.csv?{query}", N_("Institutions (CSV)")),
            File(f"{address}.json?{query}", N_("All of this (JSON)")),
        ],
        "here": "operator",
    }


def titles_in(workbench: Workbench, spoken: str) -> dict[str, str]:
    """What all budgets are called."""
    return {
        name: budget.title.in_language(spoken)
        for name, budget in workbench.catalogue.budgets.items()
    }


def deed(
    workbench: Workbench, viewer: Person, typed: Typed, page: BudgetPage
) -> Callable[[], object]:
    """What a form of a budget's page asks to be done."""
    spoken, name = language.current(), page.head.id
    period = page.period.name if typed.lasts == "period" else None

    def ticks() -> int | None:
        return None if typed.from_settings else ticks_of(typed.amount, spoken)

    if typed.action == "size":
        return lambda: budget_decisions.set_budget(workbench, viewer, name, ticks(), period)
    if typed.action == "share":
        return lambda: budget_decisions.set_share(
            workbench, viewer, name, typed.about, ticks(), period
        )
    if typed.action == "ask-whole":
        return use_handlers.deed(workbench, viewer, replace(typed, about=name))
    return answer(workbench, viewer, typed)


def answer(workbench: Workbench, viewer: Person, typed: Typed) -> Callable[[], object]:
    """Grant or decline a request."""
    spoken = language.current()
    if typed.action == "grant":
        return lambda: request_decisions.grant(
            workbench, viewer, typed.about, ticks_of(typed.amount, spoken), typed.words
        )
    if typed.action == "decline":
        return lambda: request_decisions.decline(workbench, viewer, typed.about, typed.words)
    raise web.HTTPError(400, "action must be grant, decline, share, size or ask-whole")
