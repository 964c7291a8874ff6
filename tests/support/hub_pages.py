"""The hub's pages on a real database, rendered as JupyterHub renders them, without a hub."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.client import responses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bs4 import BeautifulSoup
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH
from labwerk_hub import bootstrap
from labwerk_hub.adapters.built_images import BuiltImage, BuiltImages
from labwerk_hub.adapters.sql import migrate
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice
from labwerk_hub.domain.leases import EndReason, Lease, LeaseState
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Identity, Person, Role
from labwerk_hub.domain.texts import Localized
from labwerk_hub.hub import markup
from labwerk_hub.hub.context import PageContext
from labwerk_hub.hub.reading import Pages
from labwerk_hub.services import people
from labwerk_hub.services.ports import Gpus, SliceUse
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.settings import Settings, load_settings
from labwerk_hub.texts import translations

from support.settings import settings_text

OURS = Path(markup.__file__).parent / "templates"
STOCK = Path(DATA_FILES_PATH) / "templates"


class Pool:
    """The GPUs of a site: those of its settings until a test has others."""

    def __init__(self, gpus: Gpus) -> None:
        self._gpus, self._inventory = gpus, gpus.read()

    def read(self, fresh: bool = False) -> Inventory:  # noqa: ARG002 - nothing here is ever old
        """The GPUs as they are now."""
        return self._inventory

    def have(self, *gpus: Gpu) -> None:
        """From now on the pool has these GPUs alone."""
        self._inventory = Inventory(gpus)

    def replace(self, gpu: Gpu) -> None:
        """From now on this is the GPU of its name."""
        self.have(*(gpu if old.name == gpu.name else old for old in self._inventory.gpus))

    def prepare(self, slice_: Slice) -> str | None:
        """As the settings' GPUs do."""
        return self._gpus.prepare(slice_)

    def release(self, slice_: Slice) -> None:
        """As the settings' GPUs do."""
        self._gpus.release(slice_)

    def use(self, slice_: Slice) -> SliceUse:
        """As the settings' GPUs do."""
        return self._gpus.use(slice_)


@dataclass
class Site:
    """A settings file's pages and the people of its database."""

    settings: Settings
    workbench: Workbench
    pool: Pool = field(init=False)
    pages: Pages = field(init=False)

    def __post_init__(self) -> None:
        self.pool = Pool(self.workbench.inventory)
        self.workbench = replace(self.workbench, inventory=self.pool)
        self.pages = Pages(self.settings, self.workbench)

    def person(
        self,
        name: str = "Anna Müller",
        locale: str = "de",
        *roles: Role,
        institution: str = "thr",
        groups: frozenset[str] = frozenset(),
    ) -> Person:
        """Somebody who has signed in, of the university unless said otherwise."""
        identity = Identity(
            issuer="https://sso.example",
            subject=f"{institution}:{name}",
            institution=institution,
            display_name=name,
            email=None,
            locale=locale,
            groups=groups,
            roles=frozenset(roles),
        )
        return people.remember(self.workbench, identity)

    def at(self, now: datetime) -> None:
        """From here on it is this moment."""
        self.workbench = replace(self.workbench, clock=lambda: now)
        self.pages = Pages(self.settings, self.workbench)

    def hold(
        self,
        person: Person,
        gpu: str,
        place: str,
        *,
        flavour: str = "small",
        minutes: int = 60,
        state: LeaseState = LeaseState.LIVE,
    ) -> Lease:
        """A lease of ``person`` on ``place`` (profile@start), until so many minutes from now."""
        profile, _, start = place.partition("@")
        found = self.workbench.inventory.read().by_name.get(gpu)
        size = found.model.profile(profile).size if found else 1
        now_ms = to_ms(self.workbench.clock())
        lease = Lease(
            session=f"lw-{secrets.token_hex(6)}",
            person=person.name,
            institution=person.institution,
            flavour=flavour,
            image="base",
            slice=Slice(gpu, profile, int(start), size),
            ticks_per_second=3,
            state=LeaseState.INTENDED,
            intended_ms=now_ms,
            ends_ms=now_ms + minutes * 60_000,
            longest_ms=now_ms + minutes * 60_000,
        )
        with self.workbench.database.writing() as tx:
            tx.leases.add(lease)
            if state is not LeaseState.INTENDED:
                tx.leases.set_live(lease.session, now_ms)
            if state is LeaseState.ENDED:
                tx.leases.set_ended(lease.session, now_ms, EndReason.STOPPED)
        return lease

    def environment(self, *, is_async: bool) -> Environment:
        """One of the two that JupyterHub makes."""
        return Environment(
            loader=ChoiceLoader(
                [
                    PrefixLoader({"templates": FileSystemLoader([str(STOCK)])}, "/"),
                    FileSystemLoader([str(OURS), str(STOCK)]),
                ]
            ),
            autoescape=True,
            enable_async=is_async,
            extensions=[markup.extension(self.workbench.policy.zone)],
        )

    async def page(self, template: str, viewer: Person | None = None, **more: object) -> str:
        """A page as the hub's handlers render it."""
        rendered = self.environment(is_async=True).get_template(template)
        return await rendered.render_async(**self.given(viewer) | more)

    def error(self, status: int, viewer: Person | None = None, **more: object) -> str:
        """An error page, which JupyterHub renders without waiting for anything."""
        rendered = self.environment(is_async=False).get_template("error.html")
        more = {"message": "", "message_html": "", "extra_error_html": "", **more}
        words = {"status_code": status, "status_message": responses[status]}
        return rendered.render(**self.given(viewer), **words, **more)

    def given(self, viewer: Person | None) -> dict[str, Any]:
        """What every template is given."""
        return {
            "labwerk": PageContext(self.pages, viewer.name if viewer else None),
            "user": user_of(viewer) if viewer else None,
            "base_url": "/hub/",
            "prefix": "/",
            "login_url": "/hub/login",
            "logout_url": "/hub/logout",
            "static_url": lambda path, **_: f"/hub/static/{path}",
            "parsed_scopes": {"admin-ui": {}} if viewer and viewer.roles else {},
            "xsrf": "token",
            "xsrf_token": "token",
        }


def user_of(person: Person) -> SimpleNamespace:
    """As much of JupyterHub's user as the templates ask for."""
    return SimpleNamespace(
        name=person.name,
        escaped_name=person.name,
        server_url=lambda name: f"/user/{person.name}/{name}",
        spawner=SimpleNamespace(failure_log="the end of the log"),
    )


@contextmanager
def site_in(folder: Path, text: str | None = None) -> Iterator[Site]:
    """A site whose state is in ``folder``; of the tests' settings unless ``text`` has others."""
    file = folder / "labwerk.toml"
    file.write_text(text or settings_text(folder), encoding="utf-8")
    image = BuiltImage(
        name="base", title=Localized.same("Base"), description=Localized.same("…"), tag="base:1"
    )
    BuiltImages(images=(image,)).write(folder)
    settings = load_settings(file)
    migrate(bootstrap.database_url(settings))
    made = Site(settings, bootstrap.workbench(settings))
    try:
        yield made
    finally:
        made.workbench.database.close()  # type: ignore[attr-defined]


def soup(html: str) -> BeautifulSoup:
    """A page as a tree."""
    return BeautifulSoup(html, "html.parser")


def words(html: str) -> str:
    """What a person reads on it, with single spaces."""
    return " ".join(soup(html).get_text(" ").split())


def untranslated(html: str, language: str) -> set[str]:
    """English texts of ours on a page that should be in ``language``.

    A text is English's if the catalogue translates it to something else; what is marked as
    English on the page, and what other people wrote, is left out.
    """
    page = soup(html)
    for english in page.select('[lang="en"], script, style'):
        english.decompose()
    shown = {" ".join(text.split()) for text in page.stripped_strings}
    shown |= {
        str(tag[name])
        for name in ("aria-label", "title", "data-title", "data-said", "data-wait", "data-body")
        for tag in page.select(f"[{name}]")
    }
    catalogue: dict[str, str] = translations(language)._catalog  # type: ignore[attr-defined]
    return {text for text in shown if catalogue.get(text, text) != text}
