"""The same start by Chromium, until the Lab's shell shows."""

from __future__ import annotations

import time

from support.browser import choose, chromium, page_in, sign_in, start
from support.person import Person


def seconds_to_shell(url: str, login: str, flavour: str) -> float:
    """Seconds from the click on start to the visible Lab shell, with an empty cache."""
    with chromium() as browser, page_in(browser, "en") as page:
        sign_in(page, url, login)
        choose(page, url, flavour)
        clicked = time.monotonic()
        start(page)
        seconds = time.monotonic() - clicked
    with Person(url, login) as person:
        person.sign_in()
        person.stop()
    return seconds
