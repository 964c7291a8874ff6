"""Chromium, driven as a person would: sign in, start, stop, sign out."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from support.environment import variables
from support.own_network import own_network
from support.settings import PROVIDER_PORT, PUBLIC_PORT

#: Chromium as root in a container without a display, and without calls of its own home.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: What shows when JupyterLab is there to be used.
SHELL = ".jp-LabShell"
#: Where the tests' install and its provider listen.
PORTS = (PUBLIC_PORT, PROVIDER_PORT)
#: Milliseconds a step may take on a machine with two busy cores.
PATIENCE = 90_000


@contextmanager
def chromium(ports: Sequence[int] = PORTS) -> Iterator[Browser]:
    """A Chromium that runs while this is open; it reaches ``ports`` of 127.0.0.1, no more."""
    program = shutil.which("chromium", path=variables()["PATH"])
    assert program, "chromium is missing: apt-get install chromium"
    with tempfile.TemporaryDirectory() as folder, own_network(Path(folder), ports) as network:
        inside = Path(folder) / "chromium"
        inside.write_text(f'#!/bin/sh\nexec nsenter --net={network} -- {program} "$@"\n')
        inside.chmod(0o700)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=inside, args=list(_FLAGS))
            try:
                yield browser
            finally:
                browser.close()


@contextmanager
def page_in(browser: Browser, language: str) -> Iterator[Page]:
    """A page of a fresh profile that prefers ``language``."""
    context = browser.new_context(locale=language, viewport={"width": 1280, "height": 860})
    context.set_default_timeout(PATIENCE)
    try:
        yield context.new_page()
    finally:
        context.close()


@dataclass
class Overheard:
    """What a page did that it should not.

    ``strangers`` are addresses it asked that are neither the workbench's nor its provider's,
    ``complaints`` errors that scripts raised or wrote to the console.
    """

    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def overheard(page: Page) -> Overheard:
    """Listen to a page from now on."""
    heard = Overheard()
    hosts = "|".join(rf"127\.0\.0\.1:{port}" for port in PORTS)
    ours = re.compile(rf"^(http|ws)://({hosts})/|^(data|blob|about):")

    def ask(request: Request) -> None:
        if not ours.match(request.url):
            heard.strangers.append(request.url)

    def say(message: ConsoleMessage) -> None:
        if message.type == "error":
            heard.complaints.append(f"{message.text} ({message.location.get('url')})")

    page.on("request", ask)
    page.on("console", say)
    page.on("pageerror", lambda error: heard.complaints.append(str(error)))
    return heard


def sign_in(page: Page, url: str, login: str) -> None:
    """From the front door to the start page."""
    page.goto(f"{url}/hub/login")
    page.locator("a[href*=oauth_login]").click()
    page.locator(f"button[name=login][value={login}]").click()
    page.wait_for_url(re.compile(f"^{re.escape(url)}/hub/"))


def choose(page: Page, url: str, flavour: str) -> None:
    """On the start page, choose a flavour; the start is one click away."""
    page.goto(f"{url}/hub/spawn")
    page.locator(f"input[name=flavour][value={flavour}]").check()


def start(page: Page) -> None:
    """Click on start and wait for the Lab's shell."""
    page.locator("#start").click()
    page.wait_for_selector(SHELL, state="visible")


def keep(page: Page, folder: Path, name: str, *, whole: bool = False) -> Path:
    """A screenshot in the run's folder; with ``whole`` also of what one would scroll to."""
    file = folder / f"{name}.png"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(file), full_page=whole)
    return file
