"""What the proxy shows by itself where nothing answers behind it: the hub or a server is away.

It knows nothing of its readers, so each page is in all languages, the site's own first. The
proxy looks for a file called as the status is, else for ``error.html``, at each error.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

import labwerk_hub
from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.places import Places
from labwerk_hub.texts import LANGUAGES, N_, translations

_LOGO = Path(labwerk_hub.__file__).parent / "hub" / "static" / "labwerk.svg"
#: After how many seconds the page tries again; a `restart` takes some three.
_AGAIN_S = 5

_AWAY = (
    N_("This does not answer just now"),
    N_(
        "Labwerk is just being restarted, or the server at this address is gone. Running "
        "sessions go on, and your files are kept."
    ),
    N_("This page tries again by itself every few seconds."),
)
_FAULT = (
    N_("Something went wrong here"),
    N_(
        "It is not your fault. Please try again; if it happens twice, tell an operator when it was."
    ),
)


@dataclass(frozen=True)
class _Words:
    """A page in one language."""

    language: str
    heading: str
    sentences: tuple[str, ...]
    way_out: str


def install_proxy_pages(language: str, places: Places) -> None:
    """Write the pages; ``language`` comes first in them."""
    places.proxy_pages.mkdir(mode=0o755, exist_ok=True)
    write_whole(places.proxy_pages / "503.html", _page(_AWAY, language, seconds=_AGAIN_S))
    write_whole(places.proxy_pages / "error.html", _page(_FAULT, language))


def _page(texts: tuple[str, ...], first: str, *, seconds: int = 0) -> str:
    """The page; with ``seconds`` it tries again after so many."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    logo = f"data:image/svg+xml;base64,{b64encode(_LOGO.read_bytes()).decode('ascii')}"
    return environment.get_template("proxy_page.html").render(
        pages=list(_in_languages(texts, first)), seconds=seconds, logo=logo
    )


def _in_languages(texts: tuple[str, ...], first: str) -> Iterator[_Words]:
    for language in sorted(LANGUAGES, key=lambda each: each != first):
        heading, *sentences = map(translations(language).gettext, texts)
        way_out = translations(language).gettext(N_("My session"))
        yield _Words(language, heading, tuple(sentences), way_out)
