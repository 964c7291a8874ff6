"""Stock JupyterHub with stock DockerSpawner: what a site would run without Labwerk.

Every setting is the default, but for what it cannot run without: an authenticator, the
image, and an address at which containers find the hub.
"""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from support import pages
from support.environment import variables
from support.hub_client import HubClient, Started
from support.waiting import eventually

_PORT, _API_PORT, _HUB_PORT = 28000, 28001, 28081
URL = f"http://127.0.0.1:{_PORT}"

_CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "docker"
c.DockerSpawner.image = "{image}"
# A container that stays would be started again instead of made: not a start to compare.
c.DockerSpawner.remove = True
c.JupyterHub.hub_ip = "{gateway}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
"""


class StockPerson(HubClient):
    """Somebody at the stock hub."""

    def sign_in(self, name: str) -> None:
        """Sign in with any password, which the dummy authenticator takes."""
        page = self.http.get("/hub/login", params={"next": "/hub/home"})
        form = pages.form_offering(page, "username").with_values(username=name, password="x")
        pages.submit(self.http, form)
        self.name = self.who_am_i()

    def start(self) -> Started:
        """Click "Start My Server" and follow the pending page to the Lab."""
        clicked = time.monotonic()
        return self.follow_to_lab(clicked, self.http.get(f"/hub/spawn/{self.name}"))


@contextmanager
def stock_hub(folder: Path, image: str, gateway: str, proxy: Path) -> Iterator[str]:
    """A stock hub that runs while this is open; its URL."""
    config = folder / "jupyterhub_config.py"
    config.write_text(
        _CONFIG.format(
            port=_PORT,
            api_port=_API_PORT,
            hub_port=_HUB_PORT,
            image=image,
            gateway=gateway,
            proxy=proxy,
        )
    )
    environment = variables() | {"CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32)}
    environment["PATH"] = f"{proxy.parent}:{environment['PATH']}"
    log = (folder / "hub.log").open("w")
    command = [sys.executable, "-m", "jupyterhub", "-f", str(config)]
    hub = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        eventually(_answers, 60, f"the stock hub's start (see {folder}/hub.log)")
        yield URL
    finally:
        hub.send_signal(signal.SIGTERM)  # it stops its servers and its proxy
        hub.wait(timeout=60)
        log.close()


def _answers() -> bool:
    try:
        return httpx.get(f"{URL}/hub/api").status_code == 200
    except httpx.HTTPError:
        return False
