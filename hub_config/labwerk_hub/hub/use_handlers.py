"""``labwerk/use`` and ``labwerk/record``: what a person used, asked for, and what is on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

from tornado import web

from labwerk_hub.domain.people import Person
from labwerk_hub.hub import language
from labwerk_hub.hub.amounts import ticks_of
from labwerk_hub.hub.data_pages import DataHandler, File, Refused, Typed
from labwerk_hub.hub.pictures import burn_down_picture, month_days, use_picture
from labwerk_hub.services import audit, budget_requests, request_pages, use_pages, use_tables
from labwerk_hub.services.use_views import AskedView, MyUse
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import N_

TEMPLATE = "labwerk/use.html"
RECORD_TEMPLATE = "labwerk/record.html"
_DONE = ("asked", "asked-again", "withdrawn")


class UseHandler(DataHandler):
    """One's own use; administrators and operators may look at that of others."""

    @web.authenticated
    async def get(self) -> None:
        """Render it."""
        await self._show(None)

    @web.authenticated
    async def post(self) -> None:
        """Ask for more, or ask no longer; then the page again."""
        _, person = await self.viewer()
        typed = self.typed()
        came = await self.done(deed(self.pages.workbench, person, typed))
        if isinstance(came, Refused):
            await self._show(replace(typed, said=came.said, field="amount"))
            return
        done = "withdrawn" if typed.action == "withdraw" else asked_in(came)
        self.redirect(f"{self.hub.base_url}labwerk/use?done={done}", status=303)

    async def _show(self, typed: Typed | None) -> None:
        _, viewer = await self.viewer()
        asked = self.asked()
        name, month = asked.get("person") or viewer.name, asked.get("month") or None
        spoken, workbench = language.current(), self.pages.workbench
        use = await self.read(lambda: use_pages.of_person(workbench, viewer, name, month, spoken))
        shown = shown_of(use, viewer, self.hub.base_url, typed)
        if name == viewer.name:
            shown["requests"] = await self.read(
                lambda: request_pages.own(workbench, viewer, spoken)
            )
            seen = await self.pages.overview(name)
            shown["storage"] = seen.storage if seen is not None else ()
            shown["done"] = asked.get("done") if asked.get("done") in _DONE else None
        await self.show(TEMPLATE, shown, status=422 if typed is not None else 200)


class UseFileHandler(DataHandler):
    """The same as a file."""

    @web.authenticated
    async def get(self, form: str) -> None:
        """``csv`` or ``json``."""
        _, viewer = await self.viewer()
        asked, workbench = self.asked(), self.pages.workbench
        name, month = asked.get("person") or viewer.name, asked.get("month") or None
        spoken = language.current()
        use = await self.read(lambda: use_pages.of_person(workbench, viewer, name, month, spoken))
        if form == "json":
            self.send_all(f"{name}-{use.month}", use)
        else:
            self.send_table(f"{name}-{use.month}", use_tables.of_person(use))


class RecordHandler(DataHandler):
    """What the audit chain has about the reader."""

    @web.authenticated
    async def get(self) -> None:
        """Render a page of it."""
        _, viewer = await self.viewer()
        wanted = self.asked().get("before", "")
        before = int(wanted) if wanted.isdecimal() and len(wanted) < 19 else None
        spoken, workbench = language.current(), self.pages.workbench
        record = await self.read(
            lambda: audit.of_person(workbench, viewer.name, spoken, before=before)
        )
        shown = {"record": record, "before": before, "here": "use"}
        await self.show(RECORD_TEMPLATE, shown)


def shown_of(
    use: MyUse, viewer: Person, base_url: str, typed: Typed | None = None
) -> dict[str, object]:
    """What the template is given; requests and folders are added for one's own page."""
    mine = use.name == viewer.name
    who = {} if mine else {"person": use.name}
    address = f"{base_url}labwerk/use" + (f"?{urlencode(who)}" if who else "")
    titles = {payer.id: payer.title for payer in use.payers}
    query = urlencode({**who, "month": use.month})
    return {
        "use": use,
        "mine": mine,
        "picture": use_picture(use.days, titles, *month_days(use.month)),
        "own": [
            (one, burn_down_picture(one.burn_down) if one.burn_down is not None else None)
            for one in use.budgets
        ],
        "requests": (),
        "storage": (),
        "typed": typed,
        "done": None,
        "address": address,
        "person": who.get("person", ""),
        "files": [
            File(f"{base_url}labwerk/use.csv?{query}", N_("Use by day (CSV)")),
            File(f"{base_url}labwerk/use.json?{query}", N_("All of this (JSON)")),
        ],
        "here": "use" if mine else "budgets",
    }


def deed(workbench: Workbench, person: Person, typed: Typed) -> Callable[[], object]:
    """What a form of the page asks to be done; raises what its verbs raise, and AmountError."""
    spoken = language.current()
    if typed.action == "withdraw":
        return lambda: budget_requests.withdraw(workbench, person, typed.about)
    if typed.action not in ("ask", "ask-whole"):
        raise web.HTTPError(400, "action must be ask or withdraw")
    return lambda: request_pages.ask(
        workbench,
        person,
        typed.about,
        ticks_of(typed.amount, spoken) if typed.amount.strip() else None,
        typed.words,
        whole=typed.action == "ask-whole",
        language=spoken,
    )


def asked_in(came: object) -> str:
    """What the page says of what :func:`deed` did: whether the same was asked for before."""
    return "asked-again" if isinstance(came, AskedView) and came.repeated else "asked"
