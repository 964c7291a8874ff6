"""A client of any JupyterHub that behaves as a browser without JavaScript does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from support import pages
from support.kernel import Kernel
from support.waiting import eventually


class StartRefusedError(Exception):
    """No server came; the message is what the person reads."""


@dataclass(frozen=True)
class Started:
    """A server that answered, and how the wait went."""

    #: Seconds from the click on start to the first 200 of the Lab page.
    seconds: float
    #: When the hub said that the server is ready, on the clock of ``time.monotonic``.
    ready_at: float
    #: What the pending page said meanwhile.
    stages: tuple[str, ...]


class HubClient:
    """One person with cookies of their own at a hub; ``name`` is known once signed in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = ""
        self.http = httpx.Client(
            base_url=url, follow_redirects=True, timeout=httpx.Timeout(30, read=150)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.http.close()

    def who_am_i(self) -> str:
        """The hub's name of the person who is signed in."""
        answer = self.http.get("/hub/api/user", headers=self.hub_headers())
        assert answer.status_code == 200, f"/hub/api/user: {answer.status_code} {answer.text}"
        return str(answer.json()["name"])

    # ---------------------------------------------------------- start and stop

    def follow_to_lab(self, clicked: float, page: httpx.Response) -> Started:
        """From the answer to a click on start (sent at ``clicked``) to the Lab page.

        Raises :class:`StartRefusedError` with the page's words if no server comes.
        """
        stages: list[str] = []
        ready_at = time.monotonic()
        if "/hub/spawn-pending/" in page.url.path:
            lab = pages.soup(page).select_one("[data-lab]")
            stages, ready = self._follow_progress()
            ready_at = time.monotonic()
            # Labwerk's pending page opens the Lab by itself, JupyterHub's loads again; so do
            # both after a failure, when the hub says why.
            page = self.http.get(str(lab["data-lab"]) if lab and ready else page.url)
        seconds = time.monotonic() - clicked
        if page.status_code != 200 or not page.url.path.endswith("/lab"):
            raise StartRefusedError(f"{page.status_code} {page.url.path}: {pages.text(page)}")
        return Started(seconds, ready_at, tuple(stages))

    def _follow_progress(self) -> tuple[list[str], bool]:
        """What the hub says on the way, and whether the server got ready."""
        said: list[str] = []
        url = f"/hub/api/users/{self.name}/server/progress"
        headers = {**self.hub_headers(), "Accept": "text/event-stream"}
        with self.http.stream("GET", url, headers=headers) as events:
            for line in events.iter_lines():
                if not line.startswith("data:"):
                    continue
                event = json.loads(line.removeprefix("data:"))
                said.append(str(event.get("message", "")))
                if event.get("failed") or event.get("ready"):
                    return said, bool(event.get("ready"))
        return said, False

    def stop(self) -> None:
        """Stop the server and wait until the hub says that it is gone."""
        url = f"/hub/api/users/{self.name}/server"
        answer = self.http.delete(url, headers=self.hub_headers())
        assert answer.status_code in {202, 204}, f"stop: {answer.status_code} {answer.text}"
        eventually(lambda: not self.servers(), 60, "the server's stop")

    def servers(self) -> dict[str, Any]:
        """The hub's record of this person's servers, by name."""
        answer = self.http.get("/hub/api/user", headers=self.hub_headers())
        return dict(answer.json().get("servers") or {})

    # -------------------------------------------------------------------- work

    @contextmanager
    def kernel(self, kernel_id: str = "") -> Iterator[Kernel]:
        """A kernel on the running server: a new one, or the one called ``kernel_id``."""
        identifier = kernel_id or self.start_kernel()
        url = httpx.URL(self.url).copy_with(scheme="ws")
        channels = f"{url}".rstrip("/") + f"/user/{self.name}/api/kernels/{identifier}/channels"
        with Kernel(channels, self._cookie_header(f"/user/{self.name}/")) as kernel:
            yield kernel

    def start_kernel(self) -> str:
        """Start a kernel; its id."""
        answer = self.server("POST", "api/kernels", json={"name": "python3"})
        assert answer.status_code == 201, f"kernel: {answer.status_code} {answer.text}"
        return str(answer.json()["id"])

    def server(self, method: str, path: str, *, of: str = "", **more: Any) -> httpx.Response:
        """A request to the person's own server, or somebody else's, below its base URL."""
        base = f"/user/{of or self.name}/"
        headers = {"X-XSRFToken": self._cookie("_xsrf", base)}
        return self.http.request(method, base + path, headers=headers, **more)

    # ----------------------------------------------------------------- cookies

    def hub_headers(self) -> dict[str, str]:
        """What the hub's API wants beside cookies: proof that the request is not forged."""
        return {"X-XSRFToken": self._cookie("_xsrf", "/hub/"), "Referer": f"{self.url}/hub/home"}

    def _cookie(self, name: str, path: str) -> str:
        found = [c.value for c in self.http.cookies.jar if c.name == name and c.path == path]
        return found[0] or "" if found else ""

    def _cookie_header(self, path: str) -> str:
        matching = [c for c in self.http.cookies.jar if path.startswith(c.path)]
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in matching)
